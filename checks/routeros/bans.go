package routeros

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// Ban is an address list that rules fill and rules stop, and that takes phones or the
// provider.
type Ban struct {
	List string `json:"list"`
	// Whom it takes: a phone, or the provider.
	Provider bool         `json:"provider,omitempty"`
	Who      netip.Prefix `json:"who"`
	// Entry is the row that holds the address; Fill the rule that puts it there, where
	// no row does.
	Entry Place      `json:"entry,omitzero"`
	Fill  Place      `json:"fill,omitzero"`
	Drop  Place      `json:"drop"`
	Fix   []ros.Edit `json:"fix,omitempty"`
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
			if len(o.Bans) < maxBans && !o.bans(x.list, s.who) {
				e.fills(o, x, s)
			}
		}
	}
}

// bans reports whether it is known that a list takes addresses of a network.
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
		c := f.inwardClass(s.In, Use{Protocol: "udp", Ports: portRanges(packetfilter.OneNum(5060))})
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
			o.Bans = append(o.Bans, Ban{List: name, Provider: s.provider, Who: x.who, Entry: Place{x.row.Line, "address-list", e.quote(x.row.Line, x.row.Text())}, Drop: drop, Fix: fix})
		}
	}
}

// fills looks whether a rule is certain to put a sender into its list, which another
// rule then stops.
func (e *export) fills(o *Observed, x filler, s sender) {
	if !x.takes(s) {
		return
	}
	if drop, ok := e.stopsOnce(s, x.list); ok {
		b := Ban{List: x.list, Provider: s.provider, Who: s.who, Fill: x.Place, Drop: drop}
		b.Fix = e.spareFromBan(o, b, s)
		o.Bans = append(o.Bans, b)
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
	for _, x := range f.rules.Evaluate(f.sent(s, who)).Outcomes {
		row, found := f.row(x.Decider)
		if !pbx.Stopped(x) || !found || row.Get("src-address-list").Text != list {
			return p, false
		}
		p, ok = e.place(f, x.Decider)
	}
	return p, ok
}

// filler is a rule that puts sources into a list, with the rules as they would be if it
// dropped the packets instead: what they then stop for certain is put there for certain.
type filler struct {
	Place
	list string
	row  ros.Row
	drop filter
}

// fillers are the rules of filter and raw that put sources into a list.
func (e *export) fillers(f filter) (list []filler) {
	for _, table := range []string{"raw", "filter"} {
		for row := range e.Rows("/ip/firewall/" + table) {
			if row.Off() || row.Get("action").Text != "add-src-to-address-list" || row.Get("address-list").Text == "" || len(list) == maxBans {
				continue
			}
			in := table + " " + row.Get("chain").Text
			n := 1 + slices.IndexFunc(f.rows[in], func(r ros.Row) bool { return r.Item == row.Item })
			list = append(list, filler{Place{row.Line, in, e.quote(row.Line, row.Text())}, row.Get("address-list").Text, row, f.dropping(table, row.Get("chain").Text, n)})
		}
	}
	return list
}

// dropping are the rules with the rule number n of a chain dropping what it matches.
func (f filter) dropping(table, chain string, n int) filter {
	parts := packetfilter.ReadRouterOS(f.cfg)
	for _, t := range parts.Tables {
		for _, c := range t.Chains {
			if t.Family == packetfilter.FamilyIP && t.Name == table && c.Name == chain && n > 0 && n <= len(c.Rules) {
				list := c.Rules[n-1].Exprs
				list[len(list)-1] = &packetfilter.Verdict{Kind: packetfilter.Drop}
			}
		}
	}
	f.rules = packetfilter.New(parts)
	return f
}

// takes reports whether a rule puts most of a sender's addresses into its list, for
// certain.
func (x filler) takes(s sender) bool {
	for _, o := range x.drop.rules.Evaluate(x.drop.sent(s, s.who)).Outcomes {
		if o.Verdict == packetfilter.Dropped && size(o.Region.Src)*2 > hosts(s.who) && s.meets(o.Region) && x.decides(append(o.Others, o.Decider)) {
			return true
		}
	}
	return false
}

// meets reports whether packets with these ports are to be expected: of media one has
// any port, and phones have 5060 for SIP as often as not.
func (s sender) meets(r packetfilter.Region) bool {
	switch {
	case s.Purpose == "rtp" && s.Direction == answers:
		return count(r.DstPort)*2 > 65536 && count(r.SrcPort)*2 > count(portSet(s.Ports))
	case s.Purpose == "rtp":
		return count(r.DstPort)*2 > count(portSet(s.Ports))
	}
	return s.Direction != answers || r.DstPort.Contains(5060)
}

// decides reports whether the rule stops whatever no rule stops because of the list.
func (x filler) decides(list []packetfilter.Step) (yes bool) {
	for _, step := range list {
		row, ok := x.drop.row(step)
		switch {
		case ok && row.Item == x.row.Item:
			yes = true
		case !ok || row.Get("src-address-list").Text != x.list:
			return false
		}
	}
	return yes
}

// stopsOnce is the rule that stops a sender once its addresses are in a list.
func (e *export) stopsOnce(s sender, list string) (Place, bool) {
	t := e.twin()
	if t.failed || !t.run(ros.Edit{Menu: "address-list", Verb: "add", Set: properties("list", list, "address", s.who.String(), "comment", "sipdoctor")}) {
		return Place{}, false
	}
	return t.filter(t.cfg).stoppedBy(e, s, s.who, list)
}

// spareFromBan narrows the rule that fills a list: to the uplink where it takes phones,
// and to sources that are not the provider's where it takes him.
func (e *export) spareFromBan(o *Observed, b Ban, s sender) []ros.Edit {
	table, _, _ := strings.Cut(b.Fill.Table, " ")
	t := e.twin()
	row := t.byLine(table, b.Fill.Line)
	if row.Item == nil {
		return nil
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return row.Get(n).Text != "" })
	}
	switch {
	case b.Provider:
		name := e.freeComment("sipdoctor-provider")
		if has("src-address-list") || len(e.providers()) > maxEdits/2 {
			return nil
		}
		for _, n := range e.providers() {
			t.run(ros.Edit{Menu: "address-list", Verb: "add", Set: properties("list", name, "address", pbx.AddressText(n), "comment", name)})
		}
		t.set(table, row, ros.Pair{Name: "src-address-list", Value: "!" + name})
	case len(o.Uplinks) == 1 && !has("in-interface", "in-interface-list"):
		t.set(table, row, ros.Pair{Name: "in-interface", Value: o.Uplinks[0]})
	case !has("src-address"):
		t.set(table, row, ros.Pair{Name: "src-address", Value: "!" + b.Who.String()})
	default:
		return nil
	}
	return t.proven(func(f filter) bool {
		return !slices.ContainsFunc(e.fillers(f), func(x filler) bool { return x.list == b.List && x.takes(s) })
	})
}

// providers are the provider's networks.
func (e *export) providers() (list []netip.Prefix) {
	for _, u := range e.need.Ports {
		for _, to := range u.To {
			if !slices.Contains(list, to) {
				list = append(list, to)
			}
		}
	}
	return list
}
