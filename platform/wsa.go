package platform

import (
	"encoding/binary"
	"net/netip"
)

// Winsock's ancillary data (ws2def.h, ws2ipdef.h), read and written without
// Winsock so that every system tests it. IPv4 and IPv6 use the same numbers.
const (
	wsaIPv4     = 0  // IPPROTO_IP
	wsaIPv6     = 41 // IPPROTO_IPV6
	wsaTOS      = 3  // IP_TOS
	wsaTTL      = 4  // IP_TTL
	wsaPktInfo  = 19 // IP_PKTINFO, IPV6_PKTINFO
	wsaHopLimit = 21 // IP_RECVTTL, IPV6_HOPLIMIT
	wsaTClass   = 39 // IPV6_TCLASS
	wsaRecvTOS  = 40 // IP_RECVTOS, IPV6_RECVTCLASS
)

// eachWSA calls f for every WSACMSGHDR in oob: a length of word bytes that
// counts the header, level, type, then the data; all aligned to word bytes.
func eachWSA(oob []byte, word int, f func(level, typ uint32, data []byte)) {
	header := word + 8
	for len(oob) >= header {
		size := uint64(binary.LittleEndian.Uint32(oob))
		if word == 8 {
			size = binary.LittleEndian.Uint64(oob)
		}
		if size < uint64(header) || size > uint64(len(oob)) {
			return
		}
		f(binary.LittleEndian.Uint32(oob[word:]), binary.LittleEndian.Uint32(oob[word+4:]), oob[header:size])
		oob = oob[min(len(oob), alignWSA(int(size), word)):]
	}
}

func alignWSA(n, word int) int { return (n + word - 1) &^ (word - 1) }

// describeWSA adds to d what the ancillary data says. The TTL and class come
// as the option that asked for them or as the one that sets them, depending on
// the version of Windows.
func describeWSA(d *Datagram, oob []byte, word int, v6 bool) {
	want, tos := uint32(wsaIPv4), uint32(wsaTOS)
	if v6 {
		want, tos = wsaIPv6, wsaTClass
	}
	eachWSA(oob, word, func(level, typ uint32, data []byte) {
		switch {
		case level != want:
		case typ == wsaPktInfo && v6 && len(data) >= 16:
			d.To = netip.AddrFrom16([16]byte(data[:16]))
		case typ == wsaPktInfo && !v6 && len(data) >= 4:
			d.To = netip.AddrFrom4([4]byte(data[:4]))
		case len(data) < 4:
		case typ == wsaHopLimit, typ == wsaTTL && !v6:
			d.TTL = int(data[0])
		case typ == wsaRecvTOS, typ == tos:
			d.TOS = int(data[0])
		}
	})
}

// sourceWSA is the ancillary data that makes a datagram leave from a: an
// IN_PKTINFO or IN6_PKTINFO, which begin with the address.
func sourceWSA(a netip.Addr, word int) []byte {
	addr := a.AsSlice()
	header, level := word+8, uint32(wsaIPv4)
	if a.Is6() {
		level = wsaIPv6
	}
	size := header + len(addr) + 4 // the interface index stays 0: any
	b := make([]byte, alignWSA(size, word))
	binary.LittleEndian.PutUint32(b, uint32(size)) // the upper half of a 64-bit length is zero
	binary.LittleEndian.PutUint32(b[word:], level)
	binary.LittleEndian.PutUint32(b[word+4:], wsaPktInfo)
	copy(b[header:], addr)
	return b
}
