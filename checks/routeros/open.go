package routeros

import (
	"math"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// open looks for what the Internet may reach: the router's DNS, and SIP that is
// forwarded to whom it concerns or not.
func (e *export) open(f filter, o *Observed) {
	const path = "/ip/dns"
	dns := e.Settings(path)
	o.DNS = Line{Origin: unknown}
	if dns.Yes("allow-remote-requests") {
		o.DNS = e.from(path, dns, dns.Get("allow-remote-requests"))
	}
	for _, in := range o.Uplinks[:min(len(o.Uplinks), maxUplinks)] {
		if o.DNS.Origin != unknown {
			o.Open = append(o.Open, f.reached("dns", "udp", 53, in, e.ownAddresses(in)), f.reached("dns", "tcp", 53, in, e.ownAddresses(in)))
		}
	}
}

// reached is what becomes of what anybody sends to a port of the router by an uplink.
func (f filter) reached(service, protocol string, port int, in string, own []netip.Addr) Open {
	open := Open{Service: service, Protocol: protocol, Port: port, In: in, Verdict: string(packetfilter.Maybe)}
	if len(own) == 0 {
		own = []netip.Addr{standIn()}
	}
	c := packetfilter.Class{
		Protocol: packetfilter.UDP, Hook: packetfilter.HookInput, In: in, DstPorts: packetfilter.OneNum(packetfilter.Num(port)),
		Dst: pbx.Single(own), Src: []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0)}, Host: f.host,
		Local: slices.Concat(f.own, own),
	}
	if protocol == "tcp" {
		c.Protocol = packetfilter.TCP
	}
	var sums [2]float64 // of the sources that get through, and of those that are stopped
	for _, o := range f.rules.Evaluate(c).Outcomes {
		passes := o.Verdict == packetfilter.Accepted && (service == "sip") == (len(o.ToAddrs) > 0)
		switch {
		case passes:
			sums[0] += size(o.Region.Src)
			open.To = o.ToAddrs.String()
		case pbx.Stopped(o):
			sums[1] += size(o.Region.Src)
		default:
			continue
		}
		if row, ok := f.row(o.Decider); ok && (passes || open.Rule == "") {
			open.Rule, open.Table, open.Line = cut(row.Text()), place(o.Decider), row.Line
		}
	}
	switch {
	case sums[0] > half:
		open.Verdict = string(packetfilter.Accepted)
	case sums[1] > half:
		open.Verdict, open.To = string(packetfilter.Dropped), ""
	default:
		open.To = ""
	}
	return open
}

// standIn stands for the address of an uplink with DHCP or PPP, which is not in an
// export. Nobody has it (RFC 7526 took it back), and the lists of bad networks that
// MikroTik's documentation recommends do not name it either.
func standIn() netip.Addr { return netip.AddrFrom4([4]byte{192, 88, 99, 1}) }

// half of all IPv4 addresses. Lists of bad networks are smaller, and whoever lets in
// less than half of the Internet has chosen whom.
const half = 1 << 31

// size is the number of IPv4 addresses in a set; of an empty one, which says nothing
// of addresses, all.
func size(s packetfilter.AddrSet) float64 {
	if len(s) == 0 {
		return 1 << 32
	}
	n := 0.0
	for _, x := range s {
		if !x.Lo.Is4() || !x.Hi.Is4() {
			return math.NaN()
		}
		n += float64(number(x.Hi)) - float64(number(x.Lo)) + 1
	}
	return n
}

func number(a netip.Addr) (n uint32) {
	for _, b := range a.As4() {
		n = n<<8 | uint32(b)
	}
	return n
}
