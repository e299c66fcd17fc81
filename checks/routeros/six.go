package routeros

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// Six is a rule that stops SIP or media of IPv6 to the provider, or his answers.
type Six struct {
	Place
	Ways []SixWay   `json:"ways"`
	Fix  []ros.Edit `json:"fix,omitempty"`
}

// SixWay is a way that it stops; the ports are the provider's.
type SixWay struct {
	Direction string              `json:"direction"`
	In        string              `json:"in"` // the interface of the LAN
	Out       string              `json:"out,omitempty"`
	To        netip.Prefix        `json:"to"`
	Purpose   string              `json:"purpose"`
	Protocol  string              `json:"protocol"`
	Ports     []netinfo.PortRange `json:"ports"`
}

// six looks for rules that stop the provider over IPv6, where phones have it.
func (e *export) six(o *Observed) {
	if !e.hasIPv6() {
		return
	}
	f := e.filterOf(e.Config, "/ipv6").newcomers()
	for _, in := range e.lans6(o) {
		https := SixWay{outward, in, outs(o.Uplinks)[0], global(), "", "tcp", need.Ranges(packetfilter.OneNum(443))}
		if _, closed := f.stops6(https); closed {
			continue // nobody meant phones to work there by IPv6
		}
		for _, u := range e.need.Ports {
			for _, to := range u.To6 {
				for _, direction := range []string{outward, answers} {
					w := SixWay{direction, in, outs(o.Uplinks)[0], to, u.Purpose, u.Protocol, u.Ports}
					if row, stopped := f.stops6(w); stopped {
						e.stopped6(o, row, w)
					}
				}
			}
		}
	}
	for i := range o.Six {
		o.Six[i].Fix = e.accept6(o.Six[i])
	}
}

// global are the addresses of the Internet (RFC 4291, section 2.4).
func global() netip.Prefix { return netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20}), 3) }

// hasIPv6 reports whether the router forwards IPv6 and has a way to the Internet.
func (e *export) hasIPv6() bool {
	settings := e.Settings("/ipv6/settings")
	if settings.Yes("disable-ipv6") || settings.Get("forward").Text == "no" || !e.Covers("/ipv6/firewall") {
		return false
	}
	for r := range e.Rows("/ipv6/route") {
		if !r.Off() && slices.Contains([]string{"", "::/0"}, r.Get("dst-address").Text) {
			return true
		}
	}
	for r := range e.Rows("/ipv6/dhcp-client") {
		if !r.Off() {
			return true
		}
	}
	return false
}

// lans6 are the interfaces inside that have addresses of the Internet.
func (e *export) lans6(o *Observed) (names []string) {
	for r := range e.Rows("/ipv6/address") {
		p, ok := netip.ParsePrefix(r.Get("address").Text)
		name := r.Get("interface").Text
		if r.Off() || slices.Contains(o.Uplinks, name) || slices.Contains(names, name) || len(names) == maxInside {
			continue
		}
		if r.Get("from-pool").Text != "" || ok == nil && global().Contains(p.Addr()) {
			names = append(names, name)
		}
	}
	return names
}

// stops6 is the rule that stops all packets of a way.
func (f filter) stops6(w SixWay) (row ros.Row, stopped bool) {
	c := packetfilter.Class{
		Protocol: packetfilter.UDP, Hook: packetfilter.HookForward, In: w.In, Out: w.Out, IPv6: true,
		Src: []netip.Prefix{global()}, Dst: []netip.Prefix{w.To}, DstPorts: need.Ports(w.Ports),
	}
	if w.Protocol == "tcp" {
		c.Protocol = packetfilter.TCP
	}
	if w.Direction == answers {
		c.In, c.Out, c.Src, c.Dst, c.SrcPorts, c.DstPorts, c.State = c.Out, c.In, c.Dst, c.Src, c.DstPorts, nil, packetfilter.StateEstablished
	}
	for _, x := range f.outcomes(c) {
		if !pbx.Stopped(x) {
			return row, false
		}
		if by, ok := f.row(x.Decider); ok && !stopped {
			row, stopped = by, true
		}
	}
	return row, stopped
}

func (e *export) stopped6(o *Observed, row ros.Row, w SixWay) {
	i := slices.IndexFunc(o.Six, func(x Six) bool { return x.Line == row.Line })
	if i < 0 {
		if i = len(o.Six); i == maxDead {
			return
		}
		o.Six = append(o.Six, Six{Place: Place{row.Line, tableOf(e.Config, row) + " " + row.Get("chain").Text, e.quote(row.Line, row.Text())}})
	}
	if len(o.Six[i].Ways) < need.MaxNetworks {
		o.Six[i].Ways = append(o.Six[i].Ways, w)
	}
}

// tableOf is the menu of a rule of IPv6.
func tableOf(cfg *ros.Config, row ros.Row) string {
	for _, table := range []string{"filter", "raw"} {
		for r := range cfg.Rows("/ipv6/firewall/" + table) {
			if r.Item == row.Item {
				return table
			}
		}
	}
	return ""
}

// accept6 are rules before the ones that stop these packets.
func (e *export) accept6(x Six) []ros.Edit {
	t, comment := e.twin(), e.freeComment("sipdoctor-provider")
	works := func() bool {
		f := e.filterOf(t.cfg, "/ipv6").newcomers()
		for _, w := range x.Ways {
			for {
				row, stopped := f.stops6(w)
				if !stopped {
					break
				}
				find, ok := t.own("", row)
				rule := ros.Edit{IPv6: true, Menu: tableOf(t.cfg, row), Verb: "add", Find: find, Set: w.accepting(row, comment)}
				if !ok || rule.Menu != "filter" || !t.run(rule) {
					return false
				}
				f = e.filterOf(t.cfg, "/ipv6").newcomers()
			}
		}
		return true
	}
	if t.failed || !works() {
		return nil
	}
	return t.proven(func(filter) bool { return works() })
}

// accepting are the properties of the rule that lets a way pass.
func (w SixWay) accepting(row ros.Row, comment string) []ros.Pair {
	chain := row.Get("chain").Text
	if w.Direction == answers {
		return properties("chain", chain, "action", "accept", "connection-state", "established,related", "in-interface", w.Out, "src-address", pbx.AddressText(w.To),
			"protocol", w.Protocol, "src-port", need.Text(w.Ports), "comment", comment)
	}
	return properties("chain", chain, "action", "accept", "in-interface", w.In, "dst-address", pbx.AddressText(w.To), "protocol", w.Protocol, "dst-port", need.Text(w.Ports), "comment", comment)
}
