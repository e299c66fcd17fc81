package capture

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
)

const (
	maxFaxes   = 1000
	maxRefused = 1000
)

// fax counts a datagram to or from an end that was announced for T.38.
func (t *rtp) fax(d *pcap.Datagram, at int64) {
	if len(t.images) == 0 || !t.images[d.Src] && !t.images[d.Dst] {
		return
	}
	for i := len(t.faxes) - 1; i >= 0; i-- {
		if f := &t.faxes[i]; f.Src == d.Src && f.Dst == d.Dst {
			f.Packets++
			f.End = at
			return
		}
	}
	if len(t.faxes) < maxFaxes {
		t.faxes = append(t.faxes, Flow{Src: d.Src, Dst: d.Dst, First: d.Frame, Begin: at, End: at, Packets: 1})
	}
}

// refused notes an ICMP error.
func (r *reading) refused(u pcap.Unreachable) {
	if r.begin == 0 {
		r.begin = u.Time
	}
	at := (u.Time - r.begin) / 1000
	for i := len(r.refusals) - 1; i >= 0; i-- {
		if f := &r.refusals[i]; f.Src == u.Src && f.Dst == u.Dst && f.By == u.From && f.Port == u.Port {
			f.Count++
			f.End = at
			return
		}
	}
	if len(r.refusals) < maxRefused {
		r.refusals = append(r.refusals, Refused{
			Src: u.Src, Dst: u.Dst, By: u.From, Port: u.Port, Filtered: u.Filtered, First: u.Frame, Begin: at, End: at, Count: 1,
		})
	}
}

// keptRefusals are those about ends of media and about those to whom SIP was sent.
func (r *reading) keptRefusals() []Refused {
	to := map[netip.AddrPort]bool{}
	for _, d := range r.dialogs.order {
		for i := range d.Messages {
			to[d.Messages[i].Dst] = true
		}
	}
	return slices.DeleteFunc(r.refusals, func(f Refused) bool {
		_, media := r.rtp.media[f.Dst]
		_, back := r.rtp.media[f.Src]
		return !media && !back && !to[f.Dst]
	})
}
