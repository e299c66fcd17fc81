package routeros

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// filter is a router's packet filter.
type filter struct {
	cfg   *ros.Config
	rules *packetfilter.Ruleset
	host  *packetfilter.Host
	own   []netip.Addr
	rows  map[string][]ros.Row // that are in force, by table and chain
	ipv6  bool
	late  func() bool // reports that there is no time left
}

// outcomes are those of a class; none if there is no time left. Who takes something for
// granted of no outcomes asks late as well.
func (f filter) outcomes(c packetfilter.Class) []packetfilter.Outcome {
	if f.late() {
		return nil
	}
	return f.rules.Evaluate(c).Outcomes
}

// filter is that of IPv4.
func (e *export) filter(cfg *ros.Config) filter { return e.filterOf(cfg, "/ip") }

// filterOf is that of a menu's family: /ip or /ipv6.
func (e *export) filterOf(cfg *ros.Config, menu string) filter {
	f := filter{ipv6: menu == "/ipv6", cfg: cfg, rules: packetfilter.New(packetfilter.ReadRouterOS(cfg)), host: packetfilter.RouterOSHost(cfg), own: e.ownAddresses(""), rows: map[string][]ros.Row{}, late: e.late}
	for _, table := range tables() {
		for row := range cfg.Rows(menu + "/firewall/" + table) {
			if place := table + " " + row.Get("chain").Text; !row.Off() && !row.Invalid {
				f.rows[place] = append(f.rows[place], row)
			}
		}
	}
	return f
}

// ownOf are the router's IPv4 addresses on an interface.
func (f filter) ownOf(name string) (list []netip.Addr) {
	for a := range f.cfg.Addresses() {
		if a.Prefix.Addr().Is4() && a.Interface == name {
			list = append(list, a.Prefix.Addr())
		}
	}
	return list
}

// class are the packets from a LAN to ports of a network; the zero Prefix is any.
func (f filter) class(lan LAN, out string, protocol string, ports packetfilter.NumSet, to netip.Prefix) packetfilter.Class {
	c := packetfilter.Class{
		Protocol: packetfilter.UDP, Hook: packetfilter.HookForward, In: lan.Interface, Out: out,
		Src: []netip.Prefix{lan.Prefix}, DstPorts: ports, Local: f.own, Host: f.host,
	}
	if protocol == "tcp" {
		c.Protocol = packetfilter.TCP
	}
	if to.IsValid() {
		c.Dst = []netip.Prefix{to}
	}
	return c
}

// asked are the packets of a way, with its ports as they stand in outcomes.
func (f filter) asked(w Way, to netip.Prefix) (packetfilter.Class, func(packetfilter.Outcome) packetfilter.NumSet) {
	ports := need.Ports(w.Ports)
	c := f.class(LAN{Prefix: w.From, Interface: w.In}, w.Out, w.Protocol, ports, to)
	of := func(o packetfilter.Outcome) packetfilter.NumSet { return o.Region.DstPort }
	if w.Direction == answers { // of a connection that exists, to whatever port of the phone
		c.In, c.Out, c.Src, c.Dst, c.SrcPorts, c.DstPorts = c.Out, c.In, c.Dst, c.Src, ports, nil
		c.State = packetfilter.StateEstablished
		of = func(o packetfilter.Outcome) packetfilter.NumSet { return o.Region.SrcPort }
	}
	return c, func(o packetfilter.Outcome) packetfilter.NumSet {
		if list := of(o); len(list) > 0 {
			return list.Intersect(ports)
		}
		return ports
	}
}

// row is the rule of a step as it stands in the configuration; ok is false if no rule
// of it decides. The front end counts the rules of a chain that are in force.
func (f filter) row(s packetfilter.Step) (found ros.Row, ok bool) {
	if s.Rule == nil || s.Chain == nil || s.Chain.Table() == nil || (s.Chain.Table().Family == packetfilter.FamilyIP6) != f.ipv6 {
		return found, false
	}
	rows := f.rows[place(s)]
	if s.Rule.Position < 1 || s.Rule.Position > len(rows) {
		return found, false
	}
	found = rows[s.Rule.Position-1]
	return found, found.Text() == s.Rule.Text
}
