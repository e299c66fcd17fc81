package pcap

import "net/netip"

// Unreachable is an ICMP error (RFC 792, RFC 4443) about a packet of UDP or TCP:
// somebody on the way, or the far end itself, says that it did not get through.
type Unreachable struct {
	Frame    int
	Time     int64      // nanoseconds since 1970
	From     netip.Addr // who says it
	Port     bool       // nobody listens at the port, or a filter pretends it
	Filtered bool       // a filter forbids it (administratively prohibited)
	Protocol uint8      // UDP or TCP
	Src, Dst netip.AddrPort
}

const (
	protoICMP   = 1
	protoICMPv6 = 58
)

// icmp reads destination unreachable with the packet that it quotes: an IP header
// without extensions, and the ports behind it.
func (x *Decoder) icmp(v6 bool, from netip.Addr, b []byte) {
	const header, ports = 8, 4
	kind := uint8(3)
	if v6 {
		kind = 1
	}
	if x.Unreachable == nil || len(b) < header || b[0] != kind {
		return
	}
	u := Unreachable{Frame: x.d.Frame, Time: x.d.Time, From: from}
	code, quoted, n := b[1], b[header:], 0
	var src, dst netip.Addr
	if v6 {
		if n = 40; len(quoted) < n+ports {
			return
		}
		u.Port, u.Filtered = code == 4, code == 1 || code == 5 || code == 6
		u.Protocol, src, dst = quoted[6], netip.AddrFrom16([16]byte(quoted[8:])), netip.AddrFrom16([16]byte(quoted[24:]))
	} else {
		if len(quoted) < 20 {
			return
		}
		const offset = 0x1fff
		if n = int(quoted[0]&0xf) * 4; n < 20 || len(quoted) < n+ports || be16(quoted[6:])&offset != 0 {
			return
		}
		u.Port, u.Filtered = code == 3, code == 9 || code == 10 || code == 13
		u.Protocol, src, dst = quoted[9], netip.AddrFrom4([4]byte(quoted[12:])), netip.AddrFrom4([4]byte(quoted[16:]))
	}
	if u.Protocol != UDP && u.Protocol != TCP {
		return
	}
	u.Src, u.Dst = netip.AddrPortFrom(src, be16(quoted[n:])), netip.AddrPortFrom(dst, be16(quoted[n+2:]))
	x.Unreachable(u)
}
