package capture

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
)

// A sender is one end of a story that sends RTP as the story wants it.
type sender struct {
	from, to string
	ssrc     uint32
	kind     byte
	seq      uint16
	stamp    uint32
	marked   bool    // the next packet begins a talk spurt
	payload  []byte  // nil: some noise
	tos      byte    // 0: EF
	ms       int     // of audio in a packet; 0: 20
	slow     float64 // parts in a million that its clock runs slow
}

const unmarkedTOS = 1 // of a story: no DSCP, and not the zero that stands for EF

func (p *sender) every() time.Duration { return time.Duration(cmp.Or(p.ms, 20)) * time.Millisecond }

func (p *sender) step() uint32 { return uint32(8 * cmp.Or(p.ms, 20)) }

// next counts a packet without sending it.
func (p *sender) pass() { p.seq, p.stamp = p.seq+1, p.stamp+p.step() }

func (p *sender) packet(s *story) {
	kind := p.kind
	if p.marked {
		kind, p.marked = kind|0x80, false
	}
	b := binary.BigEndian.AppendUint16([]byte{0x80, kind}, p.seq)
	b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, p.stamp), p.ssrc)
	payload := p.payload
	if payload == nil {
		payload = make([]byte, p.step())
		for i := range payload {
			payload[i] = byte(int(p.seq)*7 + i*31)
		}
	}
	tos := cmp.Or(p.tos, 0xb8)
	if tos == unmarkedTOS {
		tos = 0
	}
	s.packet(p.from, p.to, tos, append(b, payload...))
	p.pass()
}

// say lets ends speak at the same time; all have packets of the same length.
func (s *story) say(d time.Duration, list ...*sender) {
	for range int(d / list[0].every()) {
		begin := s.now
		for _, p := range list {
			p.packet(s)
		}
		s.now = begin + list[0].every() + time.Duration(list[0].slow*float64(list[0].every())/1e6)
	}
}

// pause lets time go by for ends that are silent: their clocks run on.
func (s *story) pause(d time.Duration, list ...*sender) {
	s.wait(d)
	for _, p := range list {
		p.stamp += uint32(d / (125 * time.Microsecond))
		p.marked = true
	}
}

func theUp() *sender {
	return &sender{from: "203.0.113.1:4000", to: "198.51.100.2:10000", ssrc: 1, kind: 8, seq: 65500}
}

func theDown() *sender {
	return &sender{from: "198.51.100.2:10000", to: "203.0.113.1:4000", ssrc: 2, kind: 8, seq: 100}
}

// announced is a call, so that the ends of media are known.
func announced() *story {
	s := tell()
	d := s.dial(officeAt, pbxAt)
	d.request("INVITE", sdp("203.0.113.1:4000"))
	d.answer("200 OK", seen, sdp("198.51.100.2:10000"))
	d.request("ACK")
	return s
}

func TestWhatIsMeasuredOfAStream(t *testing.T) {
	tests := []struct {
		name  string
		tell  func(s *story, p *sender)
		check func(s *Stream) bool
	}{
		{"a stream that is well", func(s *story, p *sender) { s.say(5*time.Second, p) }, func(s *Stream) bool {
			return s.Packets == 250 && s.Expected == 250 && s.Bursts == 0 && s.PtimeMS == 20 && s.MaxGapMS == 20 && s.JitterMS < 0.01 && s.Silent == 0 && len(s.Strip.Packets) == 5
		}},
		{"packets of 30 ms", func(s *story, p *sender) { p.ms = 30; s.say(5*time.Second, p) }, func(s *Stream) bool { return s.PtimeMS == 30 }},
		{"single packets and five in a row are lost", func(s *story, p *sender) {
			for _, n := range []int{1, 1, 5} {
				s.say(2*time.Second, p)
				for range n {
					p.pass()
				}
				s.wait(time.Duration(n) * 20 * time.Millisecond)
			}
			s.say(2*time.Second, p)
		}, func(s *Stream) bool {
			return s.lost() == 7 && s.Bursts == 3 && s.BurstMax == 5 && s.Gaps == 1 && s.MaxGapMS == 120 && s.JitterMS < 0.1
		}},
		{"a hundred lost in a row", func(s *story, p *sender) {
			s.say(2*time.Second, p)
			for range 100 {
				p.pass()
			}
			s.wait(2 * time.Second)
			s.say(2*time.Second, p)
		}, func(s *Stream) bool {
			return s.lost() == 100 && s.Bursts == 1 && s.BurstMax == 100 && s.Strip.Lost[4] == 100
		}},
		{"one packet overtakes another", func(s *story, p *sender) {
			s.say(2*time.Second, p)
			p.pass()
			late := *p
			p.packet(s)
			late.seq, late.stamp = late.seq-1, late.stamp-160
			late.packet(s)
			s.say(2*time.Second, p)
		}, func(s *Stream) bool {
			return s.Late == 1 && s.lost() == 0 && s.Bursts == 0 && s.Duplicate == 0 && s.Strip.Lost == nil && s.Strip.Late[2] == 1
		}},
		{"the second packet comes first", func(s *story, p *sender) {
			p.pass()
			late := *p
			p.packet(s)
			late.seq, late.stamp = late.seq-1, late.stamp-160
			late.packet(s)
			s.say(2*time.Second, p)
		}, func(s *Stream) bool { return s.Late == 1 && s.lost() == 0 && s.Expected == 102 }},
		{"each packet comes twice", func(s *story, p *sender) {
			for range 100 {
				again := *p
				p.packet(s)
				again.packet(s)
				s.wait(19800 * time.Microsecond)
			}
		}, func(s *Stream) bool { return s.Duplicate == 100 && s.Expected == 100 && s.Strip.Packets[0] == 50 }},
		{"the sender is silent for 5 s", func(s *story, p *sender) {
			s.say(2*time.Second, p)
			s.pause(5*time.Second, p)
			s.say(2*time.Second, p)
		}, func(s *Stream) bool { return s.MaxGapMS == 20 && s.lost() == 0 && s.JitterMS < 0.01 }},
		{"the network stands still for half a second", func(s *story, p *sender) {
			s.say(2*time.Second, p)
			s.wait(500 * time.Millisecond)
			s.say(2*time.Second, p)
		}, func(s *Stream) bool { return s.MaxGapMS == 520 && s.MaxGapAt > 1_900_000 && s.MaxJitter > 30 }},
		{"the sender begins anew", func(s *story, p *sender) {
			s.say(2*time.Second, p)
			p.seq, p.stamp = 30000, 7
			s.say(2*time.Second, p)
		}, func(s *Stream) bool {
			return s.Restarts == 1 && s.lost() == 0 && s.Expected == 200 && s.JitterMS < 0.01
		}},
		{"the sender begins anew a little before where it was", func(s *story, p *sender) {
			p.seq = 1000
			s.say(4*time.Second, p)
			p.seq = 1000
			s.say(4*time.Second, p)
		}, func(s *Stream) bool { return s.Restarts == 1 && s.Late == 1 && s.Expected == 399 && s.lost() == 0 }},
		{"a muted microphone", func(s *story, p *sender) {
			p.payload = bytes.Repeat([]byte{0xd5}, 160)
			s.say(2*time.Second, p)
		}, func(s *Stream) bool { return s.Silent == 100 && s.SilentByte == 0xd5 }},
		{"a constant that is loud", func(s *story, p *sender) {
			p.payload = bytes.Repeat([]byte{0x2a}, 160)
			s.say(2*time.Second, p)
		}, func(s *Stream) bool { return s.Silent == 0 }},
		{"silence with one sound in it", func(s *story, p *sender) {
			p.payload = bytes.Repeat([]byte{0xd5}, 160)
			p.payload[80] = 0x12
			s.say(2*time.Second, p)
		}, func(s *Stream) bool { return s.Silent == 0 }},
		{"three keys", func(s *story, p *sender) {
			for range 3 {
				s.say(time.Second, p)
				p.key(s, 5)
			}
			s.say(time.Second, p)
		}, func(s *Stream) bool { return s.Keys == 3 && s.JitterMS < 0.01 && s.lost() == 0 }},
		{"a clock that is slow", func(s *story, p *sender) {
			p.slow = 500
			s.say(100*time.Second, p)
		}, func(s *Stream) bool {
			drift := s.Transit[7] - s.Transit[0]
			return len(s.Transit) == 8 && math.Abs(float64(drift)-500*0.875*100) < 1500
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := announced()
			tt.tell(s, theUp())
			v := s.view(t)
			if len(v.o.Streams) != 1 || !tt.check(&v.o.Streams[0]) {
				t.Errorf("%+v", v.o.Streams)
			}
			if got := &v.o.Streams[0]; got.PtimeMS == 0 {
				t.Error("no ptime")
			}
		})
	}
}

// key presses a key for 100 ms, as RFC 4733 sends it: one timestamp, the end three
// times.
func (p *sender) key(s *story, which byte) {
	event := *p
	event.kind, event.marked = 101, true
	for i := range 7 {
		end := byte(0)
		if i >= 4 {
			end = 0x80
		}
		event.payload = binary.BigEndian.AppendUint16([]byte{which, end | 10}, uint16(160*min(i+1, 5)))
		stamp := event.stamp
		event.packet(s)
		event.stamp = stamp
		if i < 4 {
			s.wait(20*time.Millisecond - 100*time.Microsecond)
		}
	}
	s.wait(20*time.Millisecond - 300*time.Microsecond)
	p.seq, p.stamp = event.seq, p.stamp+5*160
}

// rtcpReport is a compound packet: what the one end has sent, and what it heard.
func rtcpReport(sender uint32, ntp uint64, about uint32, fraction byte, lost int32, highest, jitter uint32, answers uint32, waited time.Duration) []byte {
	b := []byte{0x81, 200, 0, 12}
	b = binary.BigEndian.AppendUint32(b, sender)
	b = binary.BigEndian.AppendUint64(b, ntp)
	b = append(b, make([]byte, 12)...)
	b = binary.BigEndian.AppendUint32(b, about)
	b = binary.BigEndian.AppendUint32(b, uint32(fraction)<<24|uint32(lost)&0xffffff)
	for _, v := range []uint32{highest, jitter, answers, uint32(waited * 65536 / time.Second)} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return append(b, 0x81, 202, 0, 2, 0, 0, 0, 1, 1, 2, 'a', 'b') // SDES
}

func TestWhatTheReceiverReports(t *testing.T) {
	s := announced()
	a, b := theUp(), theDown()
	for i := range 4 {
		s.say(5*time.Second, a, b)
		ntp := uint64(i+1) << 32
		s.packet("203.0.113.1:4001", "198.51.100.2:10001", 0xb8, rtcpReport(1, ntp, 2, 0, 0, uint32(100+250*i), 8, 0, 0))
		s.wait(80 * time.Millisecond)
		s.packet("198.51.100.2:10001", "203.0.113.1:4001", 0xb8, rtcpReport(2, ntp+1, 1, byte(4*i), int32(5*i), uint32(65536+250*i), 160, uint32(ntp>>16), 30*time.Millisecond))
	}
	v := s.view(t)
	up, down := v.o.Streams[0].Far, v.o.Streams[1].Far
	if v.o.RTCP != 8 || up == nil || down == nil {
		t.Fatalf("%d reports, %+v, %+v", v.o.RTCP, up, down)
	}
	if up.Expected != 750 || up.Lost != 15 || up.WorstPct != 4.69 || up.JitterMS != 20 || up.Reports != 4 || up.RTTMS < 50 || up.RTTMS > 50.5 {
		t.Errorf("up: %+v", up)
	}
	if down.Expected != 750 || down.Lost != 0 || down.JitterMS != 1 || down.RTTMS != 0 {
		t.Errorf("down: %+v", down)
	}
}

func FuzzRTP(f *testing.F) {
	f.Add(rtcpReport(1, 1<<32, 2, 0, 0, 100, 8, 0, 0))
	f.Add([]byte{0x80, 0x88, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xd5, 0xd5})
	f.Fuzz(func(t *testing.T, b []byte) {
		var r rtp
		n := 0
		d := datagramOf("203.0.113.1:4000", "198.51.100.2:10000", nil)
		for i := 0; len(b) > 1; i++ { // packets of odd lengths at odd times
			size := min(int(b[0]), len(b)-1)
			d.Payload = b[1 : 1+size]
			b = b[1+size:]
			if len(d.Payload) > 3 {
				r.packet(d, int64(i)*int64(size)*1e5, &n)
				r.fax(d, int64(i))
			}
		}
		for _, s := range r.list() {
			if s.Expected < 0 || s.Bursts < 0 || len(s.Strip.Packets) > longStrip || s.BurstMax > s.Expected {
				t.Errorf("%+v", s)
			}
		}
	})
}

func datagramOf(from, to string, payload []byte) *pcap.Datagram {
	return &pcap.Datagram{Src: netip.MustParseAddrPort(from), Dst: netip.MustParseAddrPort(to), Payload: payload}
}
