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
		port := 10_000 + 2*(i%10_000)
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
	const calls = 3 * roomForDialogs
	o := busyDay(calls).observe(t)
	f, folded := judge(o, nil).Facts.(Facts), o.Folded
	if kept := len(f.Calls); kept > roomForDialogs*6/5+1 || kept+folded.Calls != calls+1 {
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
	if testing.Short() {
		t.Skip("takes seconds")
	}
	heap := func(calls int) uint64 {
		o := busyDay(calls).observe(t)
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		runtime.KeepAlive(o)
		return m.HeapAlloc
	}
	few, many := heap(2*roomForDialogs), heap(6*roomForDialogs)
	if many > few+few/4+(8<<20) {
		t.Errorf("%d MB hold 3 times as many calls as %d MB do", many>>20, few>>20)
	}
}
