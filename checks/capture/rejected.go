package capture

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
)

// maxRejections is how many ICMP errors are kept until it is known which of them are
// about SIP.
const maxRejections = 1000

// unreachable notes an ICMP error.
func (r *reading) unreachable(u pcap.Unreachable) {
	if r.begin == 0 {
		r.begin = u.Time
	}
	for i := range r.o.Rejected {
		if k := &r.o.Rejected[i]; k.From == u.From && k.Src == u.Src && k.Dst == u.Dst {
			k.Again++
			return
		}
	}
	if len(r.o.Rejected) < maxRejections {
		r.o.Rejected = append(r.o.Rejected, Rejection{
			Frame: u.Frame, At: (u.Time - r.begin) / 1000, From: u.From, Filtered: u.Filtered, Port: u.Port, Src: u.Src, Dst: u.Dst,
		})
	}
}

// keepRejections keeps those that are about an end to which SIP was sent.
func (r *reading) keepRejections() {
	to := map[netip.AddrPort]bool{}
	for _, d := range r.dialogs.order {
		for i := range d.Messages {
			to[d.Messages[i].Dst] = true
		}
	}
	r.o.Rejected = slices.DeleteFunc(r.o.Rejected, func(k Rejection) bool { return !to[k.Dst] })
}
