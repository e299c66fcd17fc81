package routeros

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// Filling is a rule that puts whoever sends SIP or media on an address list, and others
// stop whoever is there.
type Filling struct {
	Place
	List     string         `json:"list"`
	Phones   []netip.Prefix `json:"phones,omitempty"`   // whose networks it takes
	Provider []netip.Prefix `json:"provider,omitempty"` // the provider's of them
	Drops    []Place        `json:"drops"`
	Fix      []ros.Edit     `json:"fix,omitempty"`
}

// fills looks whether a rule is certain to put senders into its list, which other rules
// then stop.
func (e *export) fills(o *Observed, x filler, senders []sender) (b Filling, ok bool) {
	b = Filling{Place: x.Place, List: x.list}
	for _, s := range senders {
		if slices.Contains(b.Phones, s.who) || slices.Contains(b.Provider, s.who) || o.bans(x.list, s.who) || !x.takes(s) {
			continue
		}
		drop, stops := e.stopsOnce(s, x.list)
		if !stops {
			continue
		}
		if !slices.Contains(b.Drops, drop) {
			b.Drops = append(b.Drops, drop)
		}
		if s.provider {
			b.Provider = append(b.Provider, s.who)
		} else {
			b.Phones = append(b.Phones, s.who)
		}
	}
	if len(b.Drops) == 0 {
		return b, false
	}
	b.Fix = e.spareFromBan(o, b, senders)
	return b, true
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
	for _, o := range x.drop.outcomes(x.drop.sent(s, s.who)) {
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
		return count(r.DstPort)*2 > 65536 && count(r.SrcPort)*2 > count(need.Ports(s.Ports))
	case s.Purpose == "rtp":
		return count(r.DstPort)*2 > count(need.Ports(s.Ports))
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

// spareFromBan narrows the rule that fills a list: to the uplink where it takes phones
// alone, or to sources that are neither theirs nor the provider's.
func (e *export) spareFromBan(o *Observed, b Filling, senders []sender) []ros.Edit {
	table, _, _ := strings.Cut(b.Table, " ")
	t := e.twin()
	row := t.byLine(table, b.Line)
	if row.Item == nil {
		return nil
	}
	networks := slices.Clone(b.Phones)
	if len(b.Provider) > 0 {
		networks = append(networks, e.providers()...)
	}
	has := func(name string) bool { return row.Get(name).Text != "" }
	switch {
	case len(b.Provider) == 0 && len(o.Uplinks) == 1 && !has("in-interface") && !has("in-interface-list"):
		t.set(table, row, ros.Pair{Name: "in-interface", Value: o.Uplinks[0]})
	case len(networks) == 1 && !has("src-address"):
		t.set(table, row, ros.Pair{Name: "src-address", Value: "!" + pbx.AddressText(networks[0])})
	case !has("src-address-list") && len(networks) < maxEdits:
		name := e.freeComment("sipdoctor-trusted")
		for _, n := range networks {
			t.run(ros.Edit{Menu: "address-list", Verb: "add", Set: properties("list", name, "address", pbx.AddressText(n), "comment", name)})
		}
		t.set(table, row, ros.Pair{Name: "src-address-list", Value: "!" + name})
	}
	return t.proven(func(f filter) bool {
		return !slices.ContainsFunc(e.fillers(f), func(x filler) bool {
			return x.Line == b.Line && slices.ContainsFunc(senders, x.takes)
		})
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
