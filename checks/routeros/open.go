package routeros

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

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
		own := e.ownAddresses(in)
		if slices.ContainsFunc(own, isPublic) {
			o.Public = append(o.Public, in)
		} else if len(own) > 0 {
			continue // only the network of another router reaches it
		}
		if o.DNS.Origin != unknown {
			o.Open = append(o.Open, f.reached("dns", "udp", 53, in, own), f.reached("dns", "tcp", 53, in, own))
		}
		o.Open = append(o.Open, e.managed(f, in, own)...)
	}
}

// isPublic reports whether the Internet has a way to an address (RFC 1918, RFC 6598).
func isPublic(a netip.Addr) bool {
	return !a.IsPrivate() && !netip.MustParsePrefix("100.64.0.0/10").Contains(a) && a.IsGlobalUnicast()
}

// managed are the services that manage the router, as an uplink reaches them. One that
// takes only some addresses was opened by choice.
func (e *export) managed(f filter, in string, own []netip.Addr) (list []Open) {
	const path = "/ip/service"
	for r := range e.Rows(path) {
		port, err := strconv.ParseUint(r.Get("port").Text, 10, 16)
		known := e.from(path, r, r.Get("disabled")).Origin != unknown || e.Covers(path)
		if limited := r.Get("address").Text; r.Off() || err != nil || !known || limited != "" && !strings.Contains(limited, "0.0.0.0/0") {
			continue
		}
		list = append(list, f.reached(r.Get("name").Text, "tcp", int(port), in, own))
	}
	return list
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
		Local: slices.Concat(f.own, own), NATRules: true,
	}
	if protocol == "tcp" {
		c.Protocol = packetfilter.TCP
	}
	var sums [2]float64 // of the sources that get through, and of those that are stopped
	for _, o := range f.rules.Evaluate(c).Outcomes {
		passes := o.Verdict == packetfilter.Accepted && !o.DestBy.Assumed && (service == "sip") == (len(o.ToAddrs) > 0)
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
