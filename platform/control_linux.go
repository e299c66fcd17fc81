package platform

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// controlBuffer holds ancillary data in either direction, aligned for the
// kernel's headers. The largest message wanted is an IPv6 extended error with
// its offender, together with hop limit, class and packet info: under 200 bytes.
type controlBuffer [32]uint64

func (c *controlBuffer) bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(c)), unsafe.Sizeof(*c))
}

// sendControl fills c with what o asks for and returns the used part.
func (c *controlBuffer) sendControl(o SendOptions, v6 bool) []byte {
	level, ttl, tos := int32(unix.IPPROTO_IP), int32(unix.IP_TTL), int32(unix.IP_TOS)
	if v6 {
		level, ttl, tos = unix.IPPROTO_IPV6, unix.IPV6_HOPLIMIT, unix.IPV6_TCLASS
	}
	used := 0
	if o.TTL != 0 {
		used = c.putInt(used, level, ttl, o.TTL)
	}
	if o.TOS != 0 {
		used = c.putInt(used, level, tos, o.TOS)
	}
	switch {
	case !o.From.IsValid():
	case v6:
		data, next := c.put(used, level, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
		info := (*unix.Inet6Pktinfo)(unsafe.Pointer(&data[0]))
		*info = unix.Inet6Pktinfo{Addr: o.From.As16()}
		used = next
	default:
		data, next := c.put(used, level, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
		info := (*unix.Inet4Pktinfo)(unsafe.Pointer(&data[0]))
		*info = unix.Inet4Pktinfo{Spec_dst: o.From.As4()}
		used = next
	}
	return c.bytes()[:used]
}

// put writes one header at offset used; it returns the room for its data and
// the offset after it.
func (c *controlBuffer) put(used int, level, typ int32, size int) (data []byte, next int) {
	b := c.bytes()[used:]
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = level, typ
	h.SetLen(unix.CmsgLen(size))
	return b[unix.CmsgLen(0):unix.CmsgLen(size)], used + unix.CmsgSpace(size)
}

func (c *controlBuffer) putInt(used int, level, typ int32, v int) int {
	data, next := c.put(used, level, typ, 4)
	*(*int32)(unsafe.Pointer(&data[0])) = int32(v)
	return next
}

// eachControl calls f for every message in oob; it stops at the first that
// is cut short.
func eachControl(oob []byte, f func(level, typ int32, data []byte)) {
	for len(oob) >= unix.CmsgLen(0) {
		h, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return
		}
		f(h.Level, h.Type, data)
		oob = rest
	}
}

// describe adds to d what one control message says.
func describe(d *Datagram, level, typ int32, data []byte) {
	switch {
	case level == unix.IPPROTO_IP && typ == unix.IP_TTL, level == unix.IPPROTO_IPV6 && typ == unix.IPV6_HOPLIMIT:
		if len(data) >= 4 {
			d.TTL = int(*(*int32)(unsafe.Pointer(&data[0])))
		}
	case level == unix.IPPROTO_IP && typ == unix.IP_TOS:
		if len(data) >= 1 {
			d.TOS = int(data[0])
		}
	case level == unix.IPPROTO_IPV6 && typ == unix.IPV6_TCLASS:
		if len(data) >= 4 {
			d.TOS = int(*(*int32)(unsafe.Pointer(&data[0])))
		}
	case level == unix.IPPROTO_IP && typ == unix.IP_PKTINFO:
		// The second field: the local address. It equals the third, the one in
		// the header, except for broadcasts, which nobody can answer from.
		if len(data) >= unix.SizeofInet4Pktinfo {
			d.To = netip.AddrFrom4([4]byte(data[4:8]))
		}
	case level == unix.IPPROTO_IPV6 && typ == unix.IPV6_PKTINFO:
		if len(data) >= unix.SizeofInet6Pktinfo {
			d.To = netip.AddrFrom16([16]byte(data[:16]))
		}
	}
}
