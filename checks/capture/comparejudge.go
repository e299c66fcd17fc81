package capture

import (
	"fmt"
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
	Streams   []Way    `json:"rtp_streams"`
}

// Way is how one RTP stream fared before the first place that saw it, and between the
// two.
type Way struct {
	SSRC          string  `json:"ssrc"`
	Outward       bool    `json:"outward"` // from the first place to the other
	LossBeforePct float64 `json:"loss_before_pct"`
	LossAfterPct  float64 `json:"loss_between_pct"`
	JitterBefore  float64 `json:"jitter_before_ms"`
	JitterAfter   float64 `json:"jitter_after_ms"`
}

// change is what one pair differs in.
type change struct {
	p     *Pair
	list  []sip.Change
	proxy bool
}

// changesOf compares again what was kept.
func (c *Passage) changesOf() (out []change) {
	for i := range c.Changed {
		p := &c.Changed[i]
		sent, arrived := p.FirstRaw, p.OtherRaw
		if !p.Outward {
			sent, arrived = arrived, sent
		}
		// A proxy puts its Via on a request, and takes it off the answer.
		ch := change{p: p, list: sip.Compare(sent, arrived), proxy: p.First.Vias != p.Other.Vias}
		for _, x := range ch.list {
			// A proxy or B2BUA says that it was there.
			ch.proxy = ch.proxy || x.Code == sip.ViaAdded || x.Code == sip.CallID || x.Code == sip.ViaBranch || x.Code == sip.MaxForwards
		}
		out = append(out, ch)
	}
	return out
}

// compared are the findings of two places, in two captures or within this one.
func compared(v *view) (out []checks.Finding) {
	if p := &v.o.Passed; p.Pairs > 0 || len(p.Streams) > 0 {
		out = append(p.rewritten("inside"), p.worse("inside", dropsIn(v.o.Files))...)
	}
	c := v.o.Compared
	if c == nil {
		return out
	}
	list := c.rewritten("")
	if len(list) == 0 {
		list = c.proxied()
	}
	out = append(append(out, list...), c.worse("", dropsIn(v.o.Files) || dropsIn(c.Other.Files))...)
	return append(append(out, c.lostMessages()...), c.silent()...)
}

// split tells what a proxy or PBX changed from what has been rewritten on the way.
func (c *Passage) split() (rewritten, proxied []change) {
	for _, ch := range c.changesOf() {
		if ch.proxy {
			proxied = append(proxied, ch)
		} else {
			rewritten = append(rewritten, ch)
		}
	}
	return rewritten, proxied
}

// rewritten are messages that something changed which is no proxy.
func (c *Passage) rewritten(variant string) []checks.Finding {
	list, _ := c.split()
	if len(list) == 0 {
		return nil
	}
	p := list[0].p
	f := checks.Finding{
		ID: "capture.rewritten", Severity: checks.Critical, Confidence: checks.Certain, Variant: variant, Evidence: changeProofs(list),
		Args: words.Args{"changed": c.Pairs - c.Same, "pairs": c.Pairs, "inside": inside(p).Addr(), "outside": outside(p).Addr()},
	}
	var host *netinfo.Host
	if c.NextHop != "" {
		host = &netinfo.Host{Router: netinfo.RouterByMAC(c.NextHop)}
		var value any = words.Raw(c.NextHop)
		if maker := netinfo.Vendor(c.NextHop); maker != "" {
			value = words.Say("capture.evidence.maker", words.Args{"mac": words.Raw(c.NextHop), "maker": words.Raw(maker)})
		}
		f.Evidence = append(f.Evidence, checks.Proof(words.Say("capture.evidence.next-hop", nil), nil, value))
	}
	f.Fixes = fixes.For(fixes.SIPALG, host, map[string]string{"Phone": inside(p).Addr().String(), "SIPPort": strconv.Itoa(int(p.First.Dst.Port()))})
	return []checks.Finding{f}
}

// proxied says that a proxy or PBX stands between the places, which is no fault.
func (c *Comparison) proxied() []checks.Finding {
	_, list := c.split()
	if len(list) == 0 {
		return nil
	}
	return []checks.Finding{{
		ID: "capture.proxied", Severity: checks.Info, Confidence: checks.Likely, Evidence: changeProofs(list),
		Args: words.Args{"changed": c.Pairs - c.Same, "pairs": c.Pairs},
	}}
}

// lostMessages are those that only one capture holds.
func (c *Comparison) lostMessages() (out []checks.Finding) {
	for i, list := range [][]Message{c.FirstOnly, c.OtherOnly} {
		if len(list) == 0 || c.Pairs == 0 {
			continue
		}
		var proof []checks.Evidence
		for j := range list[:min(len(list), examples)] {
			proof = append(proof, frame(&list[j], nil))
		}
		out = append(out, checks.Finding{
			ID: "capture.lost-between", Severity: checks.Warning, Confidence: checks.Likely, Variant: places[i], Evidence: proof,
			Args: words.Args{"n": c.Missing[i], "pairs": c.Pairs},
		})
	}
	return out
}

// places name a way from the first place to the other, and back.
var places = [2]string{"toward", "back"}

// worse are streams that lost packets between the places; drops says that a capturing
// machine admits to have lost some itself.
func (c *Passage) worse(variant string, drops bool) (out []checks.Finding) {
	for i := range c.Streams {
		before, after := c.Streams[i].inOrder()
		lost := after.lossPct() - before.lossPct()
		if before.Packets < leastStream || lost <= lossBad {
			continue
		}
		f := checks.Finding{
			ID: "capture.audio-lost-between", Severity: checks.Warning, Confidence: checks.Certain, Variant: variant, Subject: before.Src.String(),
			Evidence: []checks.Evidence{streamProof(before), streamProof(after)},
			Args:     words.Args{"from": before.Src, "to": after.Dst, "before": words.Percent(before.lossPct()), "between": words.Percent(lost)},
		}
		if drops {
			f.Confidence = checks.Possible
		}
		out = append(out, f)
	}
	return out
}

// silent are streams of calls that both places saw, which left one and never came to
// the other. That others came shows that both captures hold RTP, and that nothing
// between them sends streams of its own.
func (c *Comparison) silent() (out []checks.Finding) {
	if len(c.Streams) == 0 {
		return nil
	}
	for i, list := range c.Silent {
		for j := range list {
			s := &list[j]
			if s.Packets < leastStream {
				continue
			}
			out = append(out, checks.Finding{
				ID: "capture.audio-lost-between", Severity: checks.Critical, Confidence: checks.Likely, Subject: s.Src.String(), Variant: places[i],
				Evidence: []checks.Evidence{streamProof(s)}, Args: words.Args{"from": s.Src, "to": s.Dst, "n": s.Packets},
			})
		}
	}
	return out
}

// inside is the end that has the private address, at the place where it is seen.
func inside(p *Pair) netip.AddrPort {
	for _, m := range []Message{p.First, p.Other} {
		for _, x := range []netip.AddrPort{m.Src, m.Dst} {
			if netinfo.IsPrivate(x.Addr()) {
				return x
			}
		}
	}
	return p.First.Src
}

// outside is how the same end is seen at the other place.
func outside(p *Pair) netip.AddrPort {
	in := inside(p)
	for _, pair := range [][2]netip.AddrPort{{p.First.Src, p.Other.Src}, {p.First.Dst, p.Other.Dst}} {
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
	f := &CompareFacts{Pairs: c.Pairs, Same: c.Same, Codes: []string{}, FirstOnly: c.Missing[0], OtherOnly: c.Missing[1], Streams: []Way{}}
	for i := range c.Streams {
		before, after := c.Streams[i].inOrder()
		f.Streams = append(f.Streams, Way{
			SSRC: fmt.Sprintf("%08x", before.SSRC), Outward: c.Streams[i].Outward, LossBeforePct: round(before.lossPct()), LossAfterPct: round(after.lossPct() - before.lossPct()),
			JitterBefore: before.JitterMS, JitterAfter: after.JitterMS,
		})
	}
	codes := map[string]bool{}
	for _, ch := range c.changesOf() {
		f.ALG = f.ALG || !ch.proxy
		for _, x := range ch.list {
			codes[string(x.Code)] = true
		}
	}
	f.Codes = append(f.Codes, slices.Sorted(maps.Keys(codes))...)
	if c.Toward != nil && c.Back != nil {
		ahead, delay := float64(c.ahead())/1000, float64(*c.Toward+*c.Back)/2000
		f.ClockMS, f.DelayMS = &ahead, &delay
	}
	return f
}
