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

// Inside is a NAT rule that gives packets another source although they do not leave by
// an uplink.
type Inside struct {
	Place
	Ways []InsideWay `json:"ways"`
	Fix  []ros.Edit  `json:"fix,omitempty"`
}

// InsideWay is a way on which it does.
type InsideWay struct {
	From netip.Prefix `json:"from,omitzero"` // zero: the Internet, by a forward
	To   netip.Prefix `json:"to"`
	// VPN reports that the packets go into a tunnel, where this may be on purpose.
	VPN bool   `json:"vpn,omitempty"`
	In  string `json:"in"`
	Out string `json:"out"`
}

// maxInside bounds the networks that are compared with each other.
const maxInside = 8

// insides looks for NAT rules that hide phones from a PBX behind this router.
func (e *export) insides(f filter, o *Observed) {
	var ways []InsideWay
	var lans []LAN
	for _, l := range o.LANs {
		if l.Prefix.Addr().IsPrivate() && len(lans) < maxInside && !e.carries(l.Interface, o.Uplinks) {
			lans = append(lans, l)
		}
	}
	for _, a := range lans {
		for _, b := range lans {
			if a != b && !a.Prefix.Overlaps(b.Prefix) && !a.Closed {
				to := b.Prefix
				if o.PBX.IsValid() && to.Contains(o.PBX) {
					to = netip.PrefixFrom(o.PBX, 32)
				}
				ways = append(ways, InsideWay{From: a.Prefix, To: to, In: a.Interface, Out: b.Interface, VPN: e.Tunnel(a.Interface) != "" || e.Tunnel(b.Interface) != ""})
			}
		}
	}
	if lan, ok := o.lanOf(o.PBX); ok {
		for _, in := range o.Uplinks[:min(len(o.Uplinks), maxUplinks)] {
			ways = append(ways, InsideWay{To: netip.PrefixFrom(o.PBX, 32), In: in, Out: lan.Interface})
		}
	}
	for _, w := range ways {
		row, p, ok := e.hides(f, w)
		named := row.Item != nil && (row.Get("out-interface").Text != "" || row.Get("out-interface-list").Text != "")
		if !ok || w.From.IsValid() && named && !w.To.Contains(o.PBX) {
			continue // who names the way out means it
		}
		i := slices.IndexFunc(o.Inside, func(x Inside) bool { return x.Place == p })
		if i < 0 {
			i, o.Inside = len(o.Inside), append(o.Inside, Inside{Place: p})
		}
		o.Inside[i].Ways = append(o.Inside[i].Ways, w)
	}
	for i := range o.Inside {
		o.Inside[i].Fix = e.spareInside(o, o.Inside[i])
	}
}

// carries reports whether an uplink runs over an interface, as PPPoE does over the one
// to the modem: what is there is reached by NAT on purpose.
func (e *export) carries(name string, uplinks []string) bool {
	for m := range e.Menus() {
		if !strings.HasPrefix(m.Path, "/interface/") {
			continue
		}
		for r := range e.Rows(m.Path) {
			if slices.Contains(uplinks, r.Get("name").Text) && r.Get("interface").Text == name {
				return true
			}
		}
	}
	return false
}

// lanOf is the LAN that an address is in.
func (o *Observed) lanOf(a netip.Addr) (LAN, bool) {
	i := slices.IndexFunc(o.LANs, func(l LAN) bool { return a.IsValid() && l.Prefix.Contains(a) })
	if i < 0 {
		return LAN{}, false
	}
	return o.LANs[i], true
}

// hides is the rule that translates the sources of packets that pass on a way, if it
// does so for certain and for most of them.
func (e *export) hides(f filter, w InsideWay) (row ros.Row, p Place, ok bool) {
	for _, x := range f.outcomes(f.insideClass(w)) {
		if x.Verdict != packetfilter.Accepted || x.SourceBy.Rule == nil || x.SourceBy.Assumed {
			continue
		}
		if to, single := onlyAddr(x.ToAddrs); !w.From.IsValid() && (!single || to != w.To.Addr()) {
			continue
		}
		if !w.From.IsValid() && len(x.Region.Src.Subtract(private())) == 0 {
			continue // nobody outside has such an address
		}
		if w.From.IsValid() && (size(x.Region.Src)*2 <= hosts(w.From) || size(x.Region.Dst)*2 <= hosts(w.To)) {
			continue // one host is translated on purpose
		}
		if row, ok = f.row(x.SourceBy); ok {
			p, _ = e.place(f, x.SourceBy)
			return row, p, true
		}
	}
	return row, p, false
}

// private are the addresses of networks without Internet (RFC 1918).
func private() packetfilter.AddrSet {
	return packetfilter.NewSpans(
		packetfilter.PrefixSpan(netip.PrefixFrom(netip.AddrFrom4([4]byte{10}), 8)),
		packetfilter.PrefixSpan(netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16}), 12)),
		packetfilter.PrefixSpan(netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168}), 16)),
	)
}

func hosts(p netip.Prefix) float64 { return float64(uint64(1) << (32 - p.Bits())) }

// insideClass are the packets of a way to the port of SIP.
func (f filter) insideClass(w InsideWay) packetfilter.Class {
	sip := packetfilter.OneNum(5060)
	if !w.From.IsValid() {
		c := f.inwardClass(w.In, Use{Protocol: "udp", Ports: need.Ranges(sip)})
		c.Out = w.Out
		return c
	}
	c := f.class(LAN{Prefix: w.From, Interface: w.In}, w.Out, "udp", sip, w.To)
	c.NATRules = true
	return c
}

// spareInside are rules before the one that translates, which leave these packets as
// they are. Packets that phones in the PBX's own LAN send to its public address have to
// be translated, so that the answers come back through the router.
func (e *export) spareInside(o *Observed, x Inside) []ros.Edit {
	t := e.twin()
	comment := e.freeComment("sipdoctor-inside")
	for _, w := range x.Ways {
		row, _, still := e.hides(t.filter(t.cfg).newcomers(), w)
		if !still {
			continue
		}
		from, to := w.From.String(), pbx.AddressText(w.To)
		if !w.From.IsValid() {
			lan, _ := o.lanOf(w.To.Addr())
			from, to = "!"+lan.Prefix.String(), w.To.Addr().String()
		}
		t.insert("nat", row, properties("chain", row.Get("chain").Text, "action", "accept", "src-address", from, "dst-address", to, "comment", comment)...)
		if t.failed {
			return nil
		}
	}
	return t.proven(func(f filter) bool {
		return !slices.ContainsFunc(x.Ways, func(w InsideWay) bool { _, _, still := e.hides(f, w); return still })
	})
}
