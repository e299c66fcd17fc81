package capture

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// CompareFacts are the stable summary of a comparison.
type CompareFacts struct {
	Pairs     int      `json:"pairs"`
	Same      int      `json:"same"`
	Codes     []string `json:"codes"`      // of what was changed between the places
	FirstOnly int      `json:"first_only"` // messages that the other capture lacks
	OtherOnly int      `json:"other_only"` // and that the first lacks
	ClockMS   *float64 `json:"clock_ms"`   // how far the other's clock is ahead
	DelayMS   *float64 `json:"one_way_ms"` // of the way between them
	ALG       bool     `json:"sip_alg"`    // SIP was rewritten by something that is no proxy
}

// endpoint is an address with its port.
type endpoint = netip.AddrPort

// change is what one pair differs in.
type change struct {
	p     *Pair
	list  []sip.Change
	proxy bool
}

// changesOf compares again what was kept.
func (c *Comparison) changesOf() (out []change) {
	for i := range c.Changed {
		p := &c.Changed[i]
		sent, arrived := p.FirstRaw, p.OtherRaw
		if !p.Outward {
			sent, arrived = arrived, sent
		}
		ch := change{p: p, list: sip.Compare(sent, arrived)}
		for _, x := range ch.list {
			// A proxy or B2BUA says that it was there.
			ch.proxy = ch.proxy || x.Code == sip.ViaAdded || x.Code == sip.CallID || x.Code == sip.ViaBranch && p.First.Status == 0 || x.Code == sip.MaxForwards
		}
		out = append(out, ch)
	}
	return out
}

// compared are the findings of a comparison.
func compared(v *view) (out []checks.Finding) {
	c := v.o.Compared
	if c == nil {
		return nil
	}
	var rewritten, proxied []change
	for _, ch := range c.changesOf() {
		if ch.proxy {
			proxied = append(proxied, ch)
		} else {
			rewritten = append(rewritten, ch)
		}
	}
	if len(rewritten) > 0 {
		p := rewritten[0].p
		f := checks.Finding{
			ID: "capture.rewritten", Severity: checks.Critical, Confidence: checks.Certain, Evidence: changeProofs(rewritten),
			Args:  words.Args{"changed": c.Pairs - c.Same, "pairs": c.Pairs, "inside": inside(p).Addr(), "outside": outside(p).Addr()},
			Fixes: fixes.For(fixes.SIPALG, nil, map[string]string{"Phone": inside(p).Addr().String(), "SIPPort": strconv.Itoa(int(p.First.Dst.Port()))}),
		}
		out = append(out, f)
	} else if len(proxied) > 0 {
		out = append(out, checks.Finding{
			ID: "capture.proxied", Severity: checks.Info, Confidence: checks.Likely, Evidence: changeProofs(proxied),
			Args: words.Args{"changed": c.Pairs - c.Same, "pairs": c.Pairs},
		})
	}
	for i, list := range [][]Message{c.FirstOnly, c.OtherOnly} {
		if len(list) == 0 || c.Pairs == 0 {
			continue
		}
		var proof []checks.Evidence
		for j := range list[:min(len(list), examples)] {
			proof = append(proof, frame(&list[j], nil))
		}
		variant := []string{"toward", "back"}[i]
		out = append(out, checks.Finding{
			ID: "capture.lost-between", Severity: checks.Warning, Confidence: checks.Likely, Variant: variant, Evidence: proof,
			Args: words.Args{"n": c.Missing[i], "pairs": c.Pairs},
		})
	}
	return out
}

// inside is the end that has the private address, at the place where it is seen.
func inside(p *Pair) (a endpoint) {
	for _, m := range []Message{p.First, p.Other} {
		for _, x := range []endpoint{m.Src, m.Dst} {
			if netinfo.IsPrivate(x.Addr()) {
				return x
			}
		}
	}
	return p.First.Src
}

// outside is how the same end is seen at the other place.
func outside(p *Pair) endpoint {
	in := inside(p)
	for _, pair := range [][2]endpoint{{p.First.Src, p.Other.Src}, {p.First.Dst, p.Other.Dst}} {
		switch in {
		case pair[0]:
			return pair[1]
		case pair[1]:
			return pair[0]
		}
	}
	return in
}

// changeKind is what was changed, and whether in answers.
type changeKind struct {
	code   sip.Code
	answer bool
}

// changeProofs are one line for each kind of change, in each direction.
func changeProofs(list []change) (out []checks.Evidence) {
	seen := map[changeKind]bool{}
	for _, ch := range list {
		for _, x := range ch.list {
			kind := changeKind{x.Code, ch.p.First.Status > 0}
			if seen[kind] {
				continue
			}
			seen[kind] = true
			name := words.Say("capture.evidence.change", words.Args{"code": string(x.Code), "first": ch.p.First.Frame, "other": ch.p.Other.Frame})
			out = append(out, checks.Proof(name, words.Raw(x.Before), words.Raw(x.After)))
		}
	}
	return out
}

func (c *Comparison) facts() *CompareFacts {
	f := &CompareFacts{Pairs: c.Pairs, Same: c.Same, Codes: []string{}, FirstOnly: c.Missing[0], OtherOnly: c.Missing[1]}
	codes := map[string]bool{}
	for _, ch := range c.changesOf() {
		f.ALG = f.ALG || !ch.proxy
		for _, x := range ch.list {
			codes[string(x.Code)] = true
		}
	}
	f.Codes = append(f.Codes, slices.Sorted(maps.Keys(codes))...)
	if c.Toward != nil && c.Back != nil {
		ahead, delay := float64(*c.Toward-*c.Back)/2000, float64(*c.Toward+*c.Back)/2000
		f.ClockMS, f.DelayMS = &ahead, &delay
	}
	return f
}
