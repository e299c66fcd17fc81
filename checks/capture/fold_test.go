package capture

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// busyDay is a capture of more calls than are kept: each has 0.1 s of audio; every
// hundredth is heard in one direction only, and a phone's password is wrong.
func busyDay(calls int) *story {
	s := tell()
	for i := range calls {
		port := 10_000 + 2*(i%5000)
		there, here := fmt.Sprintf("198.51.100.2:%d", port), fmt.Sprintf("203.0.113.1:%d", port)
		d := s.dial(officeAt, pbxAt)
		d.request("INVITE", sdp(here))
		d.answer("200 OK", seen, sdp(there))
		d.request("ACK")
		list := []speaker{{from: here, to: there, ssrc: uint32(2 * i)}, {from: there, to: here, ssrc: uint32(2*i + 1)}}
		if i%100 == 0 {
			list = list[:1]
			s.wait(3 * time.Second)
		}
		s.talk(100*time.Millisecond, list...)
		d.request("BYE")
		d.answer("200 OK")
		s.wait(time.Second)
		if i == calls/2 {
			wrong := s.dial(phoneAt, pbxAt)
			wrong.request("REGISTER")
			wrong.answer("401 Unauthorized", ask)
			wrong.request("REGISTER", prove)
			wrong.answer("403 Forbidden")
		}
	}
	return s
}

func TestCallsThatWentWellMakeRoomForThoseThatDidNot(t *testing.T) {
	const room, calls = 200, 1000
	o := busyDay(calls).observeWith(t, room)
	f, folded := judge(o, nil).Facts.(Facts), o.Folded
	if kept := len(f.Calls); kept > room*6/5+1 || kept+folded.Calls != calls+1 {
		t.Errorf("%d exchanges kept, %+v counted; want all %d", kept, folded, calls+1)
	}
	deaf, refused := 0, 0
	for _, c := range f.Calls {
		switch c.Diagnosis {
		case "capture.no-audio":
			deaf++
		case "capture.credentials-refused":
			refused++
		}
	}
	if deaf != calls/100 || refused != 1 || folded.Left != 0 {
		t.Errorf("of %d calls with audio in one direction %d were found, and %d refused passwords of 1", calls/100, deaf, refused)
	}
	if got := len(f.RTPStreams) + folded.Streams; got != 2*calls-calls/100 {
		t.Errorf("%d streams, want %d", got, 2*calls-calls/100)
	}
}

func TestMemoryIsBoundedByWhatIsOpen(t *testing.T) {
	const room = 300
	heap := func(calls int) uint64 {
		o := busyDay(calls).observeWith(t, room)
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		runtime.KeepAlive(o)
		return m.HeapAlloc
	}
	few, many := heap(2*room), heap(12*room)
	if many > few+few/4+(2<<20) {
		t.Errorf("%d KiB hold 6 times as many calls as %d KiB do", many>>10, few>>10)
	}
}

// observeWith reads a story with less room than usual.
func (s *story) observeWith(t *testing.T, room int) (o Observed) {
	t.Helper()
	r := newReading(&o)
	r.dialogs.room = room
	if err := r.file(t.Context(), "story.pcap", &s.Buffer, func() {}); err != nil {
		t.Fatal(err)
	}
	r.finish()
	return o
}
