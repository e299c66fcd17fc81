package packetfilter

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/netinfo/routes"
)

// Host is what the kernel asks on a packet's way besides its rules: addresses,
// routes, switches and sockets. What was not read is unknown, and an evaluation
// that depends on it says so.
type Host struct {
	routes.Tables
	// Switches are sysctls below net, by path: "ipv4/ip_forward",
	// "ipv4/conf/eth0/rp_filter". One that is missing was not read.
	Switches map[string]int
	Sockets  []HostSocket
	// SocketsRead reports that Sockets is all there is.
	SocketsRead bool
	// IPsec reports whether there are policies of IPsec: without one no packet
	// came through it.
	IPsec trit
	// Under are the interfaces that an interface is made of: of a bridge its
	// ports, of a VLAN the card that carries it.
	Under map[string][]string
}

// Route is an entry of a routing table.
type Route = routes.Route

// HostSocket is a socket that takes packets from anybody.
type HostSocket struct {
	Protocol uint8
	Addr     netip.Addr // unspecified: all
	Port     uint16
}

// trit is an answer that may be missing.
type trit = routes.Answer

const (
	unsure = routes.Unsure
	isYes  = routes.Yes
	isNo   = routes.No
)

// value is that of a switch.
func (h *Host) value(name string) (v int, read bool) {
	if h != nil {
		v, read = h.Switches[name]
	}
	return v, read
}

// on asks for a switch.
func (h *Host) on(name string) trit {
	v, read := h.value(name)
	if !read {
		return unsure
	}
	return routes.AnswerOf(v != 0)
}

// forwards reports whether packets that came in by an interface are sent on to
// others (Documentation/networking/ip-sysctl.rst).
func (h *Host) forwards(in string, ipv6 bool) trit {
	family, all := "ipv4", "ipv4/ip_forward"
	if ipv6 {
		family, all = "ipv6", "ipv6/conf/all/forwarding"
	}
	if a := h.on(family + "/conf/" + in + "/forwarding"); in != "" && a != unsure {
		return a
	}
	return h.on(all)
}

// connections is how many connections the kernel follows now.
func (h *Host) connections() (n uint64, read bool) {
	v, read := h.value("netfilter/nf_conntrack_count")
	return uint64(max(v, 0)), read
}

// eitherOn asks for a switch that counts if it is on for all interfaces or for
// the one.
func (h *Host) eitherOn(name, in string) trit {
	all, one := h.on("ipv4/conf/all/"+name), h.on("ipv4/conf/"+in+"/"+name)
	switch {
	case all == isYes || one == isYes:
		return isYes
	case all == isNo && (one == isNo || in == ""):
		return isNo
	}
	return unsure
}

// reverseFilter is the value of rp_filter that counts for an interface; ok is
// false when it was not read. IPv6 has no such switch.
func (h *Host) reverseFilter(in string) (value int, ok bool) {
	all, ok1 := h.value("ipv4/conf/all/rp_filter")
	one, ok2 := h.value("ipv4/conf/" + in + "/rp_filter")
	return max(all, one), ok1 && ok2 && in != ""
}

// listens reports whether a socket takes packets to a port.
func (h *Host) listens(protocol uint8, addr netip.Addr, port uint16) trit {
	if h == nil {
		return unsure
	}
	for _, s := range h.Sockets {
		if s.Protocol == protocol && s.Port == port && (!addr.IsValid() || s.Addr == addr || s.Addr.IsUnspecified() && (s.Addr.Is6() || addr.Is4())) {
			return isYes
		}
	}
	if !h.SocketsRead {
		return unsure
	}
	return isNo
}

// ListensAll says whether every port of a set has a socket; none reports that
// not one has. Neither is true where the sockets were not read.
func (h *Host) ListensAll(protocol uint8, ports NumSet) (all, none bool) {
	all, none = true, true
	for _, x := range ports {
		if x.Hi-x.Lo > maxPortsAsked {
			return false, false // a range of media: its sockets come and go with calls
		}
		for p := x.Lo; p <= x.Hi; p++ {
			switch h.listens(protocol, netip.Addr{}, uint16(p)) {
			case isYes:
				none = false
			case isNo:
				all = false
			default:
				return false, false
			}
		}
	}
	return all && len(ports) > 0, none && len(ports) > 0
}

// maxPortsAsked bounds the ports that are asked for one by one.
const maxPortsAsked = 16

// AddressesOf are the addresses of an interface, its primary ones first.
func (h *Host) AddressesOf(name string, ipv6 bool) []netip.Addr {
	first, more := h.addressesOf(name, ipv6)
	return append(first, more...)
}

// addressesOf are the primary addresses of an interface, one for each network,
// and the others.
func (h *Host) addressesOf(name string, ipv6 bool) (first, more []netip.Addr) {
	if h == nil {
		return nil, nil
	}
	for _, a := range h.Addrs {
		switch {
		case a.Interface != name || a.Addr.Is6() != ipv6 || a.Addr.IsLinkLocalUnicast():
		case a.Primary:
			first = append(first, a.Addr)
		default:
			more = append(more, a.Addr)
		}
	}
	return first, more
}
