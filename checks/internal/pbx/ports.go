package pbx

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// Ports is one kind of packet to ask about.
type Ports struct {
	Protocol string // udp or tcp
	Set      packetfilter.NumSet
	Purpose  string // sip or rtp; empty for what the user named
}

// Number is the protocol's number.
func (p Ports) Number() uint8 {
	if p.Protocol == "tcp" {
		return packetfilter.TCP
	}
	return packetfilter.UDP
}

// ParsePorts reads "5060,10000-20000".
func ParsePorts(list string) (packetfilter.NumSet, error) {
	var spans []packetfilter.Span[packetfilter.Num]
	for part := range strings.SplitSeq(list, ",") {
		r, err := netinfo.ParsePortRange(part)
		if err != nil {
			return nil, err
		}
		spans = append(spans, packetfilter.Span[packetfilter.Num]{Lo: packetfilter.Num(r.First), Hi: packetfilter.Num(r.Last)})
	}
	return packetfilter.NewSpans(spans...), nil
}

// WritePorts writes a set as ParsePorts reads it.
func WritePorts(s packetfilter.NumSet) string { return strings.ReplaceAll(s.String(), ", ", ",") }

// maxSingle is how many ports in a row are still single ones; more are media.
const maxSingle = 10

// SIPPorts are the single ports of a list that are not for media.
func SIPPorts(list []Ports) (ports []fail2ban.Port) {
	for _, p := range list {
		for _, x := range p.Set {
			for n := x.Lo; n <= x.Hi && x.Hi-x.Lo < maxSingle && p.Purpose != "rtp"; n++ {
				ports = append(ports, fail2ban.Port{Protocol: p.Protocol, Port: uint16(n)})
			}
		}
	}
	return ports
}

// Wanted are the ports that phones use on this PBX: those that Asterisk takes
// SIP on, or the usual ones, and its RTP range.
func (a Asterisk) Wanted() []Ports {
	sip := map[string]packetfilter.NumSet{}
	if a.State != nil {
		for _, t := range a.State.Transports {
			protocol := map[string]string{"udp": "udp", "tcp": "tcp", "tls": "tcp"}[t.Protocol]
			if port := t.Bind.Port(); protocol != "" && port != 0 && !t.Bind.Addr().IsLoopback() {
				sip[protocol] = sip[protocol].Union(Port(port))
			}
		}
	}
	if len(sip) == 0 {
		sip["udp"], sip["tcp"] = Port(5060), Port(5060).Union(Port(5061))
	}
	var list []Ports
	for _, protocol := range []string{"udp", "tcp"} {
		if set := sip[protocol]; set != nil {
			list = append(list, Ports{protocol, set, "sip"})
		}
	}
	first, last := 10000, 20000 // rtp.conf as Asterisk ships it
	if a.State != nil && a.State.RTP.First > 0 {
		first, last = a.State.RTP.First, a.State.RTP.Last
	}
	rtp := packetfilter.NewSpans(packetfilter.Span[packetfilter.Num]{Lo: packetfilter.Num(first), Hi: packetfilter.Num(last)})
	return append(list, Ports{"udp", rtp, "rtp"})
}

// Bound are the addresses that Asterisk takes SIP on; none where it takes it on
// all, or nobody knows.
func (a Asterisk) Bound() (list []netip.Addr) {
	if a.State == nil {
		return nil
	}
	for _, t := range a.State.Transports {
		addr := t.Bind.Addr().Unmap()
		switch {
		case !addr.IsValid() || addr.IsLoopback() || t.Bind.Port() == 0:
		case addr.IsUnspecified():
			return nil
		case !slices.Contains(list, addr):
			list = append(list, addr)
		}
	}
	return list
}
