package routeros

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// Ban is a row of an address list that rules fill and rules stop, which holds a phone or
// the provider.
type Ban struct {
	Place
	List     string       `json:"list"`
	Provider bool         `json:"provider,omitempty"`
	Who      netip.Prefix `json:"who"`
	Drop     Place        `json:"drop"` // the rule that stops whoever is on the list
	Fix      []ros.Edit   `json:"fix,omitempty"`
}

// maxBans bounds the bans that are shown.
const maxBans = 8

// bans looks at the address lists that rules fill.
func (e *export) bans(f filter, o *Observed) {
	list := e.fillers(f)
	if len(list) == 0 {
		return
	}
	senders, entries := e.senders(o), e.entries(list)
	for _, x := range list {
		for _, s := range senders {
			if len(o.Bans) < maxBans && !o.bans(x.list, s.who) {
				e.banned(f, o, entries[x.list], s)
			}
		}
		if filling, ok := e.fills(o, x, senders); ok {
			o.Fillings = append(o.Fillings, filling)
		}
	}
}

// bans reports whether it is known that a row of a list holds addresses of a network.
func (o *Observed) bans(list string, who netip.Prefix) bool {
	return slices.ContainsFunc(o.Bans, func(b Ban) bool { return b.List == list && b.Who.Overlaps(who) })
}

// sender is whom a ban may take: the packets that he sends.
type sender struct {
	Way
	provider bool
	who      netip.Prefix
}

// begins is the direction of what the provider begins: calls to a PBX behind the
// router.
const begins = "begin"

// senders are phones, on their way out, and the provider's networks that answer them.
func (e *export) senders(o *Observed) (list []sender) {
	for _, out := range outs(o.Uplinks)[:1] {
		for _, lan := range o.LANs[:min(len(o.LANs), maxInside)] {
			if lan.Closed {
				continue
			}
			for _, u := range e.need.Ports {
				if u.Protocol == "tcp" && e.need.Profile == "" {
					continue // nobody knows whether the phones use it
				}
				w := Way{Direction: outward, From: lan.Prefix, In: lan.Interface, Out: out, Purpose: u.Purpose, Protocol: u.Protocol, Ports: u.Ports, To: u.To}
				list = append(list, sender{w, false, lan.Prefix})
				w.Direction = answers
				for _, network := range u.To {
					list = append(list, sender{w, true, network})
				}
			}
		}
		for _, network := range e.providers() {
			if o.sipForwarded() { // and what it begins itself
				list = append(list, sender{Way{Direction: begins, In: out}, true, network})
			}
		}
	}
	return list
}

// sent are the packets of a sender, from some of its addresses.
func (f filter) sent(s sender, who netip.Prefix) packetfilter.Class {
	to := netip.Prefix{}
	if s.Direction == begins {
		c := f.inwardClass(s.In, Use{Protocol: "udp", Ports: need.Ranges(packetfilter.OneNum(5060))})
		c.Src = []netip.Prefix{who}
		return c
	}
	if s.provider {
		to = who
	} else if len(s.To) > 0 {
		to = s.To[0]
	}
	c, _ := f.asked(s.Way, to)
	if !s.provider {
		c.Src = []netip.Prefix{who}
	}
	return c
}

// entry is a row of an address list.
type entry struct {
	row ros.Row
	who netip.Prefix
}

// entries are the rows of the lists that rules fill.
func (e *export) entries(fillers []filler) map[string][]entry {
	list := map[string][]entry{}
	for _, x := range fillers {
		list[x.list] = nil
	}
	for r := range e.Rows("/ip/firewall/address-list") {
		name := r.Get("list").Text
		if _, filled := list[name]; !filled || r.Off() {
			continue
		}
		if p, ok := prefixOf(r.Get("address").Text); ok {
			list[name] = append(list[name], entry{r, p})
		}
	}
	return list
}

// banned looks for rows that hold a sender, and for the rule that stops it therefore.
func (e *export) banned(f filter, o *Observed, list []entry, s sender) {
	for _, x := range list {
		if len(o.Bans) == maxBans || !s.who.Overlaps(x.who) {
			continue
		}
		who, name := x.who, x.row.Get("list").Text
		if who.Bits() < s.who.Bits() {
			who = s.who
		}
		if drop, ok := f.stoppedBy(e, s, who, name); ok {
			t := e.twin()
			t.set("address-list", t.byLine("address-list", x.row.Line), ros.Pair{Name: "disabled", Value: "yes"})
			fix := t.proven(func(f filter) bool { _, still := f.stoppedBy(e, s, who, name); return !still })
			o.Bans = append(o.Bans, Ban{Place: Place{x.row.Line, "address-list", e.quote(x.row.Line, x.row.Text())}, List: name, Provider: s.provider, Who: x.who, Drop: drop, Fix: fix})
		}
	}
}

func prefixOf(s string) (p netip.Prefix, ok bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), p.Addr().Is4()
	}
	a, err := netip.ParseAddr(s)
	return netip.PrefixFrom(a, 32), err == nil && a.Is4()
}

// stoppedBy is the rule that stops all packets of a sender because of a list.
func (f filter) stoppedBy(e *export, s sender, who netip.Prefix, list string) (p Place, ok bool) {
	for _, x := range f.outcomes(f.sent(s, who)) {
		row, found := f.row(x.Decider)
		if !pbx.Stopped(x) || !found || row.Get("src-address-list").Text != list {
			return p, false
		}
		p, ok = e.place(f, x.Decider)
	}
	return p, ok
}
