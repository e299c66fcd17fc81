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

// Forward is what becomes of packets from the Internet that the router sends on to an
// address behind it.
type Forward struct {
	Purpose  string              `json:"purpose"` // sip, rtp
	Protocol string              `json:"protocol"`
	Ports    []netinfo.PortRange `json:"ports"`
	In       string              `json:"in"`
	To       string              `json:"to"`
	ToPorts  string              `json:"to_ports,omitempty"` // other ports than they were sent to
	Verdict  string              `json:"verdict"`            // accept drop reject maybe
	Open     bool                `json:"open"`               // from most of the Internet
	By       Place               `json:"by"`                 // the rule that sends them on
	Stop     Place               `json:"stop,omitzero"`      // the rule that stops them then
	Fix      []ros.Edit          `json:"fix,omitempty"`
}

// Place is a rule in the export.
type Place struct {
	Line  int    `json:"line,omitempty"`
	Table string `json:"table,omitempty"`
	Text  string `json:"text,omitempty"`
}

// place is where a step's rule stands; ok is false if none decides.
func (e *export) place(f filter, s packetfilter.Step) (p Place, ok bool) {
	row, ok := f.row(s)
	if !ok {
		return p, false
	}
	return Place{row.Line, place(s), e.quote(row.Line, row.Text())}, true
}

// maxForwards bounds the forwarded ranges that are kept.
const maxForwards = 64

// mediaPorts are the ports that media may have: those of users (RFC 6335, section 6).
func mediaPorts() packetfilter.NumSet { return packetfilter.NumSet{{Lo: 1024, Hi: 65535}} }

// minMedia is the least number of ports that are taken for a range of media: eight
// calls, as RTP and RTCP take two each. Fewer are forwarded for games and cameras.
const minMedia = 16

// forwards looks for what the router sends on from its uplinks.
func (e *export) forwards(f filter, o *Observed) {
	for _, in := range o.Uplinks[:min(len(o.Uplinks), maxUplinks)] {
		for _, u := range []Use{
			{Purpose: "sip", Protocol: "udp", Ports: need.Ranges(packetfilter.OneNum(5060))},
			{Purpose: "sip", Protocol: "tcp", Ports: need.Ranges(packetfilter.NumSet{{Lo: 5060, Hi: 5061}})},
			{Purpose: "rtp", Protocol: "udp", Ports: need.Ranges(mediaPorts())},
		} {
			for _, x := range f.inward(in, u) {
				if fw, ok := e.forward(f, x, u, in); ok && len(o.Forwards) < maxForwards {
					o.Forwards = append(o.Forwards, fw)
				}
			}
		}
	}
	e.pbxOf(o)
}

// inward is what becomes of what anybody sends to ports of the router by an uplink.
func (f filter) inward(in string, u Use) []packetfilter.Outcome {
	return f.outcomes(f.inwardClass(in, u))
}

func (f filter) inwardClass(in string, u Use) packetfilter.Class {
	own := f.ownOf(in)
	if len(own) == 0 {
		own = []netip.Addr{standIn()}
	}
	c := packetfilter.Class{
		Protocol: packetfilter.UDP, Hook: packetfilter.HookInput, In: in, DstPorts: need.Ports(u.Ports), Dst: pbx.Single(own), Host: f.host,
		Src: []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0)}, Local: slices.Concat(f.own, own), NATRules: true,
	}
	if u.Protocol == "tcp" {
		c.Protocol = packetfilter.TCP
	}
	return c
}

// forward is an outcome of packets that are sent on for certain; ok is false if they
// are not, or if they are no more than a few ports besides those of SIP.
func (e *export) forward(f filter, x packetfilter.Outcome, u Use, in string) (fw Forward, ok bool) {
	by, ok := e.place(f, x.DestBy)
	to, single := onlyAddr(x.ToAddrs)
	if !ok || !single || x.DestBy.Assumed {
		return fw, false
	}
	ports := x.Region.DstPort
	if u.Purpose == "rtp" && count(ports) < minMedia {
		return fw, false
	}
	fw = Forward{Purpose: u.Purpose, Protocol: u.Protocol, Ports: need.Ranges(ports), In: in, To: to.String(), Verdict: string(x.Verdict), By: by, Open: size(x.Region.Src) > half}
	if len(x.ToPorts) > 0 {
		fw.ToPorts = need.Text(need.Ranges(x.ToPorts))
	}
	if pbx.Stopped(x) {
		fw.Stop, _ = e.place(f, x.Decider)
	}
	return fw, true
}

// onlyAddr is the one address in a set; ok is false if there are others, or none.
func onlyAddr(s packetfilter.AddrSet) (a netip.Addr, ok bool) {
	if len(s) != 1 || s[0].Lo != s[0].Hi {
		return a, false
	}
	return s[0].Lo, true
}

// count is the number of ports in a set.
func count(s packetfilter.NumSet) (n int) {
	for _, x := range s {
		n += int(x.Hi-x.Lo) + 1
	}
	return n
}

// pbxOf finds out which host is the PBX: the one that was named, or the only one that
// SIP is forwarded to.
func (e *export) pbxOf(o *Observed) {
	if o.PBX = e.pbx; o.PBX.IsValid() {
		o.PBXNamed = true
		return
	}
	for _, fw := range o.Forwards {
		a, err := netip.ParseAddr(fw.To)
		if fw.Purpose != "sip" || !fw.passes() || err != nil {
			continue
		}
		if o.PBX.IsValid() && o.PBX != a {
			o.PBX = netip.Addr{}
			return
		}
		o.PBX = a
	}
}

// passes reports whether no rule is certain to stop what is forwarded.
func (fw Forward) passes() bool {
	return fw.Verdict == string(packetfilter.Accepted) || fw.Verdict == string(packetfilter.Maybe)
}

// isPBX reports whether a forward leads to the PBX.
func (o Observed) isPBX(fw Forward) bool { return o.PBX.IsValid() && fw.To == o.PBX.String() }
