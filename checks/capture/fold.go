package capture

import (
	"net/netip"
	"slices"
)

// A capture of a busy server holds more calls than memory should. Beyond a limit,
// calls that are over and in which nothing is wrong are counted and forgotten.
const (
	// roomForDialogs is how many are kept whatever they are, some 60 MB; twice as
	// many of all, open ones aside. What is wrong with thousands of calls shows
	// itself in as many.
	roomForDialogs = 5000
	// over is how long nothing must have followed: no copy of a message is later
	// than 64*T1 (RFC 3261, 17.1.1.2).
	over = maxRepeat
	// settling is how long before its INVITE and after its BYE packets of a call may
	// be on the way.
	settling = 2_000_000 // microseconds
)

// Folded are exchanges that are counted and not kept.
type Folded struct {
	Calls         int `json:"calls,omitempty"`         // that were answered or cancelled, and nothing was wrong
	Registrations int `json:"registrations,omitempty"` // that succeeded
	Others        int `json:"others,omitempty"`        // that succeeded
	Streams       int `json:"streams,omitempty"`       // of those calls
	Left          int `json:"left,omitempty"`          // that did not go well, and for which there was no room
}

// fold makes room when there are too many exchanges.
func (r *reading) fold() {
	l := &r.dialogs
	if len(l.order) < max(l.full, l.room) {
		return
	}
	ends := r.rtp.byEnd()
	now := (r.last - r.begin) / 1000
	l.order = slices.DeleteFunc(l.order, func(d *heldDialog) bool {
		return d.quiet(now) && r.isPlain(d, ends) && r.forget(d, ends)
	})
	if spare := len(l.order) - 2*l.room; spare > 0 {
		kept := 0
		l.order = slices.DeleteFunc(l.order, func(d *heldDialog) bool {
			kept++
			if kept <= l.room || spare == 0 || !d.quiet(now) {
				return false
			}
			spare--
			r.o.Folded.Left++
			delete(l.byID, d.CallID)
			return true
		})
	}
	l.full = max(l.room, len(l.order)) + l.room/5
	r.rtp.forget(l.order)
}

func (d *heldDialog) quiet(now int64) bool {
	last := &d.Messages[len(d.Messages)-1]
	return now-max(last.At, last.Last) > over
}

// isPlain reports whether an exchange is over and every request had the answer that it
// wanted, at once; of a call, whether both ends were heard.
func (r *reading) isPlain(d *heldDialog, ends map[netip.AddrPort][]*rtpStream) bool {
	x := &exchange{Dialog: &d.Dialog}
	for i := range d.Messages {
		m := &d.Messages[i]
		if m.Again > 0 || len(m.Faults) > 0 || m.Cut {
			return false
		}
		x.add(m)
	}
	if d.Left > 0 {
		return false
	}
	call, ended := false, false
	for i, t := range x.list {
		switch code := t.final(); {
		case t.request == nil || t.first.Method == "ACK":
			return false
		case code == 401 || code == 407:
			if i == len(x.list)-1 || x.list[i+1].first.Method != t.first.Method {
				return false
			}
		case code == 487 && t.first.Method == "INVITE":
			call, ended = true, true
		case code < 200 || code >= 300 || t.first.Method == "INVITE" && t.acked == nil:
			return false
		case t.first.Method == "INVITE":
			call = true
		case t.first.Method == "BYE":
			ended = true
		}
	}
	if call && len(r.rtp.order) > 0 { // what a re-INVITE changed is judged for itself
		list := x.segments((r.last - r.begin) / 1000)
		if n := len(list); n > 1 && !list[n-2].early {
			return false
		}
	}
	return !call || ended && (len(r.rtp.order) == 0 || heardBothWays(d, ends))
}

// heardBothWays reports whether audio went to and from the ends of a call, and was
// good.
func heardBothWays(d *heldDialog, ends map[netip.AddrPort][]*rtpStream) bool {
	list, heard := d.ends(), false
	for _, at := range list {
		to, from := false, false
		for _, s := range d.streamsOf(at, ends) {
			to, from = to || s.key.dst == at, from || s.key.src == at
			if lost := int(s.next-s.first) + s.Expected - (s.Packets - s.Duplicate); float64(lost)*100 > lossBad*float64(s.Packets) || s.MaxJitter > jitterBad || s.Silent*2 > s.Packets {
				return false
			}
		}
		heard = heard || to && from
	}
	return heard || len(list) == 0
}

// ends are where a call wants its media.
func (d *heldDialog) ends() (list []netip.AddrPort) {
	for i := range d.Messages {
		if d.Messages[i].SDP == nil {
			continue
		}
		for j := range d.Messages[i].SDP.Media {
			if at, ok := d.Messages[i].SDP.Media[j].at(); ok && !slices.Contains(list, at) {
				list = append(list, at)
			}
		}
	}
	return list
}

// streamsOf are those of an end while the call lasted: others had its port before and
// after.
func (d *heldDialog) streamsOf(at netip.AddrPort, ends map[netip.AddrPort][]*rtpStream) (list []*rtpStream) {
	last := &d.Messages[len(d.Messages)-1]
	for _, s := range ends[at] {
		if s.Begin >= d.Messages[0].At-settling && s.End <= max(last.At, last.Last)+settling {
			list = append(list, s)
		}
	}
	return list
}

// forget counts an exchange and its streams, which go with it.
func (r *reading) forget(d *heldDialog, ends map[netip.AddrPort][]*rtpStream) bool {
	f := &r.o.Folded
	switch d.method() {
	case "INVITE":
		f.Calls++
	case "REGISTER":
		f.Registrations++
	default:
		f.Others++
	}
	delete(r.dialogs.byID, d.CallID)
	for _, at := range d.ends() {
		for _, s := range d.streamsOf(at, ends) {
			if !s.gone {
				s.gone = true
				f.Streams++
			}
		}
	}
	return true
}

// byEnd finds streams by the addresses that they come from and go to.
func (t *rtp) byEnd() map[netip.AddrPort][]*rtpStream {
	out := map[netip.AddrPort][]*rtpStream{}
	for _, s := range t.order {
		out[s.key.src] = append(out[s.key.src], s)
		out[s.key.dst] = append(out[s.key.dst], s)
	}
	return out
}

// forget drops the streams of exchanges that are gone, and what those had announced.
func (t *rtp) forget(left []*heldDialog) {
	t.order = slices.DeleteFunc(t.order, func(s *rtpStream) bool {
		if s.gone {
			delete(t.byKey, s.key)
		}
		return s.gone
	})
	t.near, t.media, t.keys, t.called, t.images = [nearby]*rtpStream{}, nil, nil, nil, nil
	for _, d := range left {
		for i := range d.Messages {
			if sdp := d.Messages[i].SDP; sdp != nil {
				t.announce(d.CallID, sdp)
			}
		}
	}
}
