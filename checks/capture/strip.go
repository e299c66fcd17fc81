package capture

import "slices"

// A Strip is how a stream went over time. Number i of each list is about the time
// from Begin + i*StepMS of the stream on; a list that ends early, or is missing,
// goes on with zeros.
type Strip struct {
	StepMS  int   `json:"step_ms"`
	Packets []int `json:"packets"`             // that came, copies left out
	Lost    []int `json:"lost,omitempty"`      // that should have come
	Late    []int `json:"late,omitempty"`      // that came after one that was sent later
	Jitter  []int `json:"jitter_ms,omitempty"` // the highest of RFC 3550, 6.4.1
}

const (
	// firstStep is what a strip begins with: a second, which is what people notice.
	firstStep = 1_000_000 // microseconds
	// longStrip is how many steps a strip has at most: ten minutes in seconds, and
	// then each is twice as long.
	longStrip = 600
	// shortStrip is the same for the streams after the first manyStreams, so that
	// 50,000 of them take less than 70 MB.
	shortStrip  = 60
	manyStreams = 5000
)

// bucket is a step of a strip that is being made.
type bucket struct {
	packets    uint32
	transit    int32 // the least way through the network, microseconds against the first packet
	lost, late uint16
	jitter     uint16 // ms
	timed      bool   // transit is known
}

// buckets are a strip that is being made. Those of a stream are made when its packets
// come, not before.
type buckets struct {
	list  []bucket
	begin int64
	step  int64
	end   int64 // of the last of list
	most  int
}

// at returns the bucket of a time.
func (l *buckets) at(at int64) *bucket {
	if at < l.end && at >= l.end-l.step {
		return &l.list[len(l.list)-1]
	}
	return l.find(at)
}

func (l *buckets) find(at int64) *bucket {
	if l.step == 0 {
		l.begin, l.step = at, firstStep
	}
	at = max(at, l.begin) // a capture whose times go back
	for (at-l.begin)/l.step >= int64(l.most) {
		l.fold()
	}
	i := int((at - l.begin) / l.step)
	if i >= len(l.list) {
		l.list = append(l.list, make([]bucket, i+1-len(l.list))...)
	}
	l.end = l.begin + int64(len(l.list))*l.step
	return &l.list[i]
}

// fold makes each step twice as long.
func (l *buckets) fold() {
	for i := range l.list {
		b := l.list[i]
		if i%2 == 0 {
			l.list[i/2] = b
			continue
		}
		l.list[i/2].add(b)
	}
	l.list = l.list[:(len(l.list)+1)/2]
	l.step *= 2
}

func (b *bucket) add(o bucket) {
	b.packets += o.packets
	b.lost, b.late = saturate(int(b.lost)+int(o.lost)), saturate(int(b.late)+int(o.late))
	b.jitter = max(b.jitter, o.jitter)
	if o.timed && (!b.timed || o.transit < b.transit) {
		b.transit, b.timed = o.transit, true
	}
}

func saturate(n int) uint16 { return uint16(min(n, 1<<16-1)) }

// found takes back that a packet was lost: it came late.
func (l *buckets) found() {
	for i := len(l.list) - 1; i >= 0 && i >= len(l.list)-2; i-- {
		if l.list[i].lost > 0 {
			l.list[i].lost--
			return
		}
	}
}

// strip is what an observation keeps.
func (l *buckets) strip() Strip {
	s := Strip{StepMS: int(l.step / 1000), Packets: make([]int, len(l.list))}
	lost, late, jitter := make([]int, len(l.list)), make([]int, len(l.list)), make([]int, len(l.list))
	for i, b := range l.list {
		s.Packets[i], lost[i], late[i], jitter[i] = int(b.packets), int(b.lost), int(b.late), int(b.jitter)
	}
	s.Lost, s.Late, s.Jitter = trimmed(lost), trimmed(late), trimmed(jitter)
	return s
}

// drift is the least transit time in each part of the stream; nil where a part holds
// no packet.
func (l *buckets) drift() []int {
	if len(l.list) < drifts {
		return nil
	}
	out := make([]int, 0, drifts)
	for i := range drifts {
		var least bucket
		for _, b := range l.list[i*len(l.list)/drifts : (i+1)*len(l.list)/drifts] {
			least.add(b)
		}
		if !least.timed {
			return nil
		}
		out = append(out, int(least.transit))
	}
	return out
}

// trimmed leaves out zeros at the end.
func trimmed(list []int) []int {
	n := len(list)
	for n > 0 && list[n-1] == 0 {
		n--
	}
	if n == 0 {
		return nil
	}
	return slices.Clip(list[:n])
}

// step is how long a step of the stream's strip is, microseconds.
func (s *Stream) step() int64 { return int64(s.Strip.StepMS) * 1000 }

// within counts the packets of a stream in the steps that lie between two times as a
// whole, and in those that lie there in part: the exact number is between the two.
func (s *Stream) within(begin, until int64) (inside, touched int) {
	for i, n := range s.Strip.Packets {
		from := s.Begin + int64(i)*s.step()
		to := min(from+s.step(), s.End+1)
		switch {
		case to <= begin || from >= until:
			continue
		case from >= begin && to <= until:
			inside += n
		}
		touched += n
	}
	return inside, touched
}
