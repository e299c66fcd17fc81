package packetfilter

import "net/netip"

// Contains reports whether a packet with these addresses and ports is in the
// region. For protocols without ports, both are 0.
func (a Region) Contains(src, dst netip.Addr, sport, dport uint16) bool {
	return a.Src.Contains(src) && a.Dst.Contains(dst) && a.SrcPort.Contains(Num(sport)) && a.DstPort.Contains(Num(dport))
}
