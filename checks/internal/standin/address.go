package standin

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/netinfo"
)

// addresses replaces addresses. Two that share a network (/24, /64) share one
// afterwards, and the last byte stays. What is private, a carrier's or link-local
// stays that, with as many digits where there is room; what is public becomes one of
// the ranges that nobody has (RFC 2544, RFC 1112, RFC 3849).
type addresses struct {
	networks map[netip.Prefix]netip.Prefix // by original
	taken    map[netip.Prefix]bool
	left     map[[4]byte]int           // candidates that were looked at, by the first of them
	hosts    map[netip.Addr]netip.Addr // IPv6
	host     int                       // the latest number
	// What is known to come.
	originals     map[netip.Prefix]bool
	originalHosts map[netip.Addr]bool
}

// learned forgets the stand-ins, and remembers of what they were.
func (m *addresses) learned() {
	originals := map[netip.Prefix]bool{}
	for p := range m.networks {
		originals[p] = true
	}
	hosts := map[netip.Addr]bool{}
	for a := range m.hosts {
		hosts[a] = true
	}
	*m = newAddresses()
	m.originals, m.originalHosts = originals, hosts
}

// maxNetworks and maxHosts bound what is remembered; beyond, a scan of the whole
// Internet shares one stand-in.
const (
	maxNetworks = 1 << 18
	maxHosts    = 1 << 18
)

func newAddresses() addresses {
	return addresses{networks: map[netip.Prefix]netip.Prefix{}, taken: map[netip.Prefix]bool{}, left: map[[4]byte]int{}, hosts: map[netip.Addr]netip.Addr{}}
}

// fixed are addresses that say nothing about anybody: loopback, multicast and
// broadcast, "this network".
func fixed(a netip.Addr) bool {
	if a.Is4() {
		b := a.As4()
		return b[0] == 0 || b[0] == 127 || b[0] >= 224 && b[0] < 240 || b == [4]byte{255, 255, 255, 255}
	}
	return a.IsLoopback() || a.IsUnspecified() || a.IsMulticast()
}

// of returns the stand-in of an address.
func (m *addresses) of(a netip.Addr) netip.Addr {
	a = a.WithZone("")
	switch {
	case a.Is4In6():
		return netip.AddrFrom16(m.of(a.Unmap()).As16())
	case fixed(a):
		return a
	case a.Is4():
		b, host := m.network(netip.PrefixFrom(a, 24).Masked()).Addr().As4(), a.As4()
		b[3] = host[3]
		return netip.AddrFrom4(b)
	}
	return m.of6(a)
}

// of6 keeps the network together and numbers the hosts in it: the lower half of an
// address often holds that of the network card.
func (m *addresses) of6(a netip.Addr) netip.Addr {
	if out, ok := m.hosts[a]; ok {
		return out
	}
	p := netip.PrefixFrom(a, 64).Masked()
	net, ok := m.networks[p]
	if !ok {
		n := min(len(m.networks), maxNetworks) + 1
		b := [16]byte{0x20, 0x01, 0x0d, 0xb8, 5: byte(n >> 16), 6: byte(n >> 8), 7: byte(n)}
		switch {
		case a.IsLinkLocalUnicast():
			b = [16]byte{0xfe, 0x80}
		case a.IsPrivate():
			b[0], b[1], b[2], b[3] = 0xfd, 0, 0, 0
		}
		net = netip.PrefixFrom(netip.AddrFrom16(b), 64)
		if len(m.networks) < maxNetworks {
			m.networks[p] = net
		}
	}
	b := net.Addr().As16()
	for {
		m.host = min(m.host+1, maxHosts)
		b[13], b[14], b[15] = byte(m.host>>16), byte(m.host>>8), byte(m.host)
		out := netip.AddrFrom16(b)
		if _, met := m.hosts[out]; m.host < maxHosts && (out == a || met || m.originalHosts[out]) {
			continue
		}
		if len(m.hosts) < maxHosts {
			m.hosts[a] = out
		}
		return out
	}
}

// known reports whether an IPv4 address has a stand-in.
func (m *addresses) known(a netip.Addr) bool {
	return m.isOriginal(netip.PrefixFrom(a, 24).Masked())
}

// network is the stand-in of an IPv4 network of 256 addresses: the first candidate
// that is free, and no network of the capture itself while there are others.
func (m *addresses) network(p netip.Prefix) netip.Prefix {
	if out, ok := m.networks[p]; ok {
		return out
	}
	candidate := candidates(p.Addr().As4())
	first, _ := candidate(0)
	for _, orOriginal := range []bool{false, true} {
		from := m.left[first]
		if orOriginal {
			from = 0
		}
		for n := from; len(m.networks) < maxNetworks; n++ {
			b, ok := candidate(n)
			if !ok {
				break
			}
			out := netip.PrefixFrom(netip.AddrFrom4(b), 24)
			if out == p || m.taken[out] || m.isOriginal(out) && !orOriginal {
				continue
			}
			if !orOriginal {
				m.left[first] = n + 1
			}
			m.networks[p], m.taken[out] = out, true
			return out
		}
	}
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{240}), 24)
}

func (m *addresses) isOriginal(p netip.Prefix) bool {
	_, met := m.networks[p]
	return met || m.originals[p]
}

// candidates are the networks of which one may stand for another, by number: those
// with as many digits and the highest numbers first, where few networks are.
func candidates(b [4]byte) func(n int) (out [4]byte, ok bool) {
	second, third := ordered(digits(b[1])), ordered(digits(b[2]))
	a := netip.AddrFrom4(b)
	switch {
	case b[0] == 10:
		return func(n int) ([4]byte, bool) { return [4]byte{10, second[n>>8&0xff], third[n&0xff]}, n < 1<<16 }
	case b[0] == 172 && a.IsPrivate():
		return func(n int) ([4]byte, bool) { return [4]byte{172, 31 - byte(n>>8), third[n&0xff]}, n < 16<<8 }
	case netinfo.IsShared(a):
		return func(n int) ([4]byte, bool) { return [4]byte{100, 127 - byte(n>>8), third[n&0xff]}, n < 64<<8 }
	case a.IsPrivate() || a.IsLinkLocalUnicast():
		return func(n int) ([4]byte, bool) { return [4]byte{b[0], b[1], third[n&0xff]}, n < 1<<8 }
	}
	third = ordered(digits(b[0]) + digits(b[1]) + digits(b[2]) - len("19818"))
	const benchmarks = 512
	return func(n int) ([4]byte, bool) {
		if n < benchmarks {
			return [4]byte{198, 18 + byte(n&1), third[n>>1]}, true
		}
		n -= benchmarks
		return [4]byte{254 - byte(n>>16), byte(n >> 8), byte(n)}, n < 15<<16
	}
}

// ordered are all bytes: those with n digits first, the highest first.
func ordered(n int) []byte {
	n = min(max(n, 1), 3)
	var fits, others []byte
	for v := 255; v >= 0; v-- {
		if digits(byte(v)) == n {
			fits = append(fits, byte(v))
		} else {
			others = append(others, byte(v))
		}
	}
	return append(fits, others...)
}

func digits(b byte) int {
	switch {
	case b >= 100:
		return 3
	case b >= 10:
		return 2
	}
	return 1
}
