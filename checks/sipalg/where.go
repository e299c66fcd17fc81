package sipalg

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// box is where the ALG is, as far as it is known, for the middle of a sentence:
// by the hops that quoted the message, by the far ends that it spared, by the
// address that it wrote. Most ALGs are in the router, which is said only while
// nothing contradicts it.
func box(o *Observed, h *netinfo.Host, f *Facts) words.Text {
	gw := h.Uplink.Gateway
	if f.Hop != nil && f.Hop.at(gw.String()) && f.behind.IsZero() {
		return words.Say("sip-alg.box", words.Args{"place": "router"})
	}
	if h.Beyond != nil && f.Hop != nil && f.Hop.at(h.Beyond.Addr.String()) {
		return words.Say("sip-alg.box", words.Args{"place": "beyond", "address": h.Beyond.Addr})
	}
	if only := onlyTo(f.weighed); only != nil {
		return words.Say("sip-alg.box", words.Args{"place": "towards", "own": only.own(), "server": only.Server})
	}
	if box := byAddress(o, h, f); !box.IsZero() {
		return box
	}
	if gw.IsValid() && f.behind.IsZero() && f.Hop == nil {
		return words.Say("sip-alg.box", words.Args{"place": "likely-router"})
	}
	return words.Say("sip-alg.box", words.Args{"place": "unknown"})
}

// onlyTo returns the only far end that is affected: the others on the same
// transport and port are not, or it has a private address, so that the path to it
// need not be the one to the Internet. It is nil if there are several.
func onlyTo(all []evidence) *evidence {
	var bad []*evidence
	for i := range all {
		if e := &all[i]; e.Verdict == Rewriting || e.Verdict == Proxying {
			bad = append(bad, e)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	for _, e := range bad {
		spared := !netinfo.IsPrivate(e.remote.Addr()) && e.cleanElsewhere(all) == nil
		if spared || e.Server != bad[0].Server {
			return nil
		}
	}
	return bad[0]
}

// byAddress names the box by the address that it wrote into a message. An ALG
// writes the one that its own NAT translates to.
func byAddress(o *Observed, h *netinfo.Host, f *Facts) words.Text {
	written := writtenAddrs(o, f.weighed)
	if len(written) != 1 {
		return words.Text{} // none, or several boxes
	}
	a := written[0]
	outer := slices.ContainsFunc(h.OuterAddresses(), func(e netinfo.External) bool { return e.Addr == a })
	public := slices.Contains(o.Public, a) || slices.ContainsFunc(o.Views, func(v View) bool { return v.Seen == a })
	switch {
	case a == h.Uplink.Gateway || outer:
		return words.Say("sip-alg.box", words.Args{"place": "router"})
	case netinfo.IsPrivate(a), !public:
		return words.Say("sip-alg.box", words.Args{"place": "address", "address": a})
	case !f.behind.IsZero():
		return words.Say("sip-alg.box", words.Args{"place": "behind-router", "address": a})
	}
	return words.Text{}
}

// writtenAddrs are the addresses that stand in a changed field and stood
// nowhere in what was sent, other than those of the two ends.
func writtenAddrs(o *Observed, all []evidence) []netip.Addr {
	var out []netip.Addr
	for _, e := range all {
		for _, s := range e.standing() {
			for _, a := range addrsIn(s.After) {
				if a == e.local.Addr() || a == e.remote.Addr() || a == o.Local || slices.Contains(addrsIn(s.Before), a) || slices.Contains(out, a) {
					continue
				}
				out = append(out, a)
			}
		}
	}
	return out
}

func addrsIn(text string) []netip.Addr {
	var out []netip.Addr
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t;,<>@=\"[]", r) }) {
		word = strings.TrimPrefix(word, "sip:")
		if ap, err := netip.ParseAddrPort(word); err == nil {
			out = append(out, ap.Addr())
		} else if a, err := netip.ParseAddr(word); err == nil {
			out = append(out, a)
		}
	}
	return out
}

// secondNAT says why there seems to be another NAT behind the router, by what
// was seen here or by the nat check; nothing when nothing points to one.
func secondNAT(o *Observed, h *netinfo.Host, nat *checks.Result) words.Text {
	if translatedTwice(nat) {
		return words.Say("sip-alg.second-nat.found", nil)
	}
	for _, e := range h.OuterAddresses() {
		if netinfo.IsPrivate(e.Addr) && e.Addr.Is4() {
			return words.Say("sip-alg.second-nat.private-outer", words.Args{"address": e.Addr})
		}
	}
	for _, v := range o.Views {
		if a := v.Second; netinfo.IsPrivate(a) && a != h.Uplink.Gateway && a != h.Uplink.Gateway6 && v.Seen != v.Local {
			return words.Say("sip-alg.second-nat.private-hop", words.Args{"address": a})
		}
	}
	return words.Text{}
}

func translatedTwice(nat *checks.Result) bool {
	if nat == nil {
		return false
	}
	var f struct {
		Layers  int  `json:"nat_layers"`
		Carrier bool `json:"cgnat"`
	}
	raw, _ := json.Marshal(nat.Facts)
	_ = json.Unmarshal(raw, &f) // facts of another form say nothing
	return f.Layers > 1 || f.Carrier || slices.ContainsFunc(nat.Findings, func(fd checks.Finding) bool { return fd.ID == "nat.double" })
}
