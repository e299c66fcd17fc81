package routeros

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/netinfo/routes"
)

// Untracked is a rule of raw that keeps what phones send, or the answers, from connection
// tracking, and so from the NAT that they need.
type Untracked struct {
	Place
	Ways []Way      `json:"ways"`
	Fix  []ros.Edit `json:"fix,omitempty"`
}

// Untranslated is what leaves by an uplink with the phones' private addresses.
type Untranslated struct {
	Way
	By  Place `json:"by,omitzero"`  // the rule that exempts it from NAT; zero: no rule takes it
	Web Place `json:"web,omitzero"` // the rule that translates HTTPS there; zero: nothing is translated
}

// untracked looks for rules of raw that keep phones' packets from NAT.
func (e *export) untracked(f filter, o *Observed) {
	for row := range e.Rows("/ip/firewall/raw") {
		if row.Off() || row.Invalid || row.Get("action").Text != "notrack" || len(o.Untracked) == maxDead {
			continue
		}
		in := "raw " + row.Get("chain").Text
		taken := f.dropping("raw", row.Get("chain").Text, 1+slices.IndexFunc(f.rows[in], func(r ros.Row) bool { return r.Item == row.Item }))
		t := e.twin()
		t.set("raw", t.byLine("raw", row.Line), ros.Pair{Name: "disabled", Value: "yes"})
		tracked := t.filter(t.cfg).newcomers()
		u := Untracked{Place: Place{row.Line, in, e.quote(row.Line, row.Text())}}
		for _, w := range e.asks(o) {
			if tracked.translation([]LAN{{Prefix: w.From, Interface: w.In}}, w.Out) != "" && taken.takes(row, w) {
				u.Ways = append(u.Ways, w)
			}
		}
		if len(u.Ways) > 0 && !f.late() {
			u.Fix = t.proven(func(filter) bool { return true })
			o.Untracked = append(o.Untracked, u)
		}
	}
}

// asks are what phones in open networks with private addresses send by each uplink, and
// the answers, one way for each network of the provider.
func (e *export) asks(o *Observed) (list []Way) {
	for _, lan := range o.LANs[:min(len(o.LANs), maxInside)] {
		for _, out := range o.Uplinks[:min(len(o.Uplinks), maxUplinks)] {
			for _, u := range e.need.Ports {
				if lan.Closed || !lan.Prefix.Addr().IsPrivate() || u.Protocol == "tcp" && e.need.Profile == "" {
					continue // nobody knows whether phones use TCP
				}
				w := Way{From: lan.Prefix, In: lan.Interface, Out: out, Purpose: u.Purpose, Protocol: u.Protocol, Ports: u.Ports}
				for _, direction := range []string{outward, answers} {
					w.Direction, w.To = direction, nil
					if len(u.To) == 0 {
						list = append(list, w)
					}
					for _, to := range u.To {
						w.To = []netip.Prefix{to}
						list = append(list, w)
					}
				}
			}
		}
	}
	return list
}

// network is the one network of the provider that a way is to; the zero Prefix is any.
func (w Way) network() (p netip.Prefix) {
	if len(w.To) > 0 {
		p = w.To[0]
	}
	return p
}

// takes reports whether a rule, which drops instead, takes most of the packets of a way.
func (f filter) takes(row ros.Row, w Way) bool {
	c, portsOf := f.asked(w, w.network())
	for _, x := range f.outcomes(c) {
		by, ok := f.row(x.Decider)
		if ok && by.Item == row.Item && x.Verdict == packetfilter.Dropped && (sender{Way: w}).meets(x.Region) && w.isMost(x, portsOf(x)) {
			return true
		}
	}
	return false
}

// isMost reports whether an outcome is of most of a way's ports, phones and destinations.
func (w Way) isMost(x packetfilter.Outcome, ports packetfilter.NumSet) bool {
	inside, remote := x.Region.Src, x.Region.Dst
	if w.Direction == answers {
		inside, remote = remote, inside
	}
	return count(ports)*2 > count(need.Ports(w.Ports)) && size(inside)*2 > hosts(w.From) && (len(w.To) > 0 || size(remote) > half)
}

// untranslated looks for SIP and media that leave without NAT, although the web pages of
// the same network do not, and for uplinks by which all of a network does.
func (e *export) untranslated(f filter, o *Observed) {
	web := func(w Way) Way {
		w.Purpose, w.Protocol, w.Ports, w.To = "web", "tcp", need.Ranges(packetfilter.OneNum(443)), nil
		return w
	}
	for _, w := range e.asks(o) {
		if w.Direction != outward || len(o.Untranslated) == maxDead || e.isRoutedElsewhere(o, w) {
			continue
		}
		_, step, bare := f.source(w)
		by, exempt := e.place(f, step)
		if !bare || exempt && f.host.IPsec != routes.No || slices.ContainsFunc(o.Untracked, func(u Untracked) bool { return u.Place == by }) {
			continue
		}
		row, _, all := f.source(web(w))
		told := slices.ContainsFunc(o.Untranslated, func(x Untranslated) bool {
			return x.From == w.From && x.In == w.In && x.Out == w.Out && x.Purpose == "web"
		})
		switch {
		case row.Item != nil:
			o.Untranslated = append(o.Untranslated, Untranslated{w, by, Place{row.Line, "nat " + row.Get("chain").Text, e.quote(row.Line, row.Text())}})
		case all && !told && e.isFace(o, w.Out):
			o.Untranslated = append(o.Untranslated, Untranslated{Way: web(w)})
		}
	}
}

// source is the rule that translates most of a way's packets for certain. bare reports
// that most of them pass and none translates them for certain, and by is the rule that
// exempts them, if there is one.
func (f filter) source(w Way) (row ros.Row, by packetfilter.Step, bare bool) {
	c, portsOf := f.asked(w, w.network())
	c.NATRules = true
	for _, x := range f.outcomes(c) {
		if x.Verdict != packetfilter.Accepted || x.SourceBy.Assumed || x.DestBy.Rule != nil || !w.isMost(x, portsOf(x)) {
			continue
		}
		if row, ok := f.row(x.SourceBy); ok {
			return row, by, false
		}
		for _, step := range x.Trace {
			if r, ok := f.row(step); ok && (r.Get("action").Text == "notrack" || place(step) == "nat srcnat" && r.Get("action").Text == "accept") {
				by = step
			}
		}
		return row, by, true
	}
	return row, by, false
}

// isRoutedElsewhere reports whether a static route takes a way's packets off the uplink,
// such as into a tunnel to the provider.
func (e *export) isRoutedElsewhere(o *Observed, w Way) bool {
	for r := range e.Rows("/ip/route") {
		p, err := netip.ParsePrefix(r.Get("dst-address").Text)
		if err != nil || r.Off() || p.Bits() == 0 || len(w.To) == 0 || !p.Overlaps(w.To[0]) {
			continue
		}
		if name, _ := e.NextHop(r.Get("gateway").Text); !slices.Contains(o.Uplinks, name) {
			return true
		}
	}
	return false
}

// isFace reports whether the Internet itself is on an uplink, and not another router that
// may translate: it has a public address, or is a PPPoE session of a router with NAT.
func (e *export) isFace(o *Observed, out string) bool {
	_, pppoe := e.Named("/interface/pppoe-client", out)
	return slices.Contains(o.Public, out) || pppoe && o.NAT != nil && *o.NAT
}
