package capture

import (
	"bytes"
	"encoding/binary"
	"math"
)

const (
	// maxStep is how far a sequence number may jump within a stream; MAX_DROPOUT
	// of RFC 3550, appendix A.1.
	maxStep = 3000
	// maxMisorder is how far back a packet may be that is only late; MAX_MISORDER
	// there.
	maxMisorder = 100
	// longBurst is a run of lost packets that is heard as a gap: concealment fades
	// out within 60 ms, three packets (ITU-T G.711, appendix I).
	longBurst = 4
	// longPacket is more than phones put into a packet, ms: a timestamp that ran on
	// for longer says that the sender was silent.
	longPacket = 60
	// spurt is more than the network delays the first packet of a talk spurt, ms: the
	// sender's timestamp stood still while it was silent, or jumped, and says nothing
	// about jitter.
	spurt = 200
	// eventPause parts two key presses whose packets bear different timestamps, as
	// they also do where a phone counts them up, microseconds.
	eventPause = 60_000

	window     = 64
	all        = ^uint64(0)
	everyByte  = 0x0101010101010101
	wordLength = 8
)

// rtpStream is a stream that is being read.
type rtpStream struct {
	Stream
	key rtpKey
	// addresses and ports are those of the key as pcap.Plain has them.
	addresses uint64
	ports     uint32

	next  uint32 // extended sequence number that follows the highest
	first uint32
	odd   uint16 // what follows a packet that was too late by far
	seen  uint64 // which of the 64 before next have come
	run   int    // packets lost in a row before those

	tick     float64 // of the clock, ms
	jitter   float64
	sum      float64 // of the jitter after each packet
	measured int
	transit  float64 // of the latest packet against the first, ms
	stamp    uint32  // of the latest packet of audio
	stampAt  int64
	lastAt   int64 // of the latest packet
	running  bool  // the three are known
	jumped   bool  // timestamps did not always run on
	step     int32 // the most usual difference of timestamps, and by how much it prevails
	prevails int

	event      eventTypes
	eventStamp uint32
	eventAt    int64
	payloads   []payloadCount
	tos        [4]uint64 // a bit each
	unasked    bool      // its receiver takes no events: keys may be in the audio
	tone       int       // that the latest packet held; 0: none
	toneRun    int       // packets in a row
	buckets    buckets
	gone       bool // its call is counted, and no longer kept
}

// payloadCount is how many packets have a payload type; the type of the latest packet
// stands first.
type payloadCount struct {
	kind uint8
	n    int
}

func (s *rtpStream) count(kind uint8) {
	for i := range s.payloads {
		if s.payloads[i].kind == kind {
			s.payloads[i].n++
			s.payloads[0], s.payloads[i] = s.payloads[i], s.payloads[0]
			return
		}
	}
	s.payloads = append(s.payloads, payloadCount{kind, 1})
	n := len(s.payloads) - 1
	s.payloads[0], s.payloads[n] = s.payloads[n], s.payloads[0]
}

// packet counts one packet of the stream (RFC 3550, appendices A.1 and A.8).
func (s *rtpStream) packet(b []byte, tos uint8, at int64) {
	seq, kind := binary.BigEndian.Uint16(b[2:]), b[1]&0x7f
	s.Packets++
	s.count(kind)
	s.tos[tos>>6] |= 1 << (tos & 63)
	strip := s.buckets.at(at)
	step := int32(int16(seq - uint16(s.next)))
	anew := step > maxStep || step < -maxStep
	if step < -maxMisorder && !anew { // two of them in order began anew as well
		anew = seq == s.odd
		s.odd = seq + 1
	}
	switch {
	case anew:
		s.restart(seq)
	case step >= 0:
		if step > 0 || s.run > 0 || s.seen>>(window-1) == 0 {
			s.leave(int(step) + 1)
			strip.lost = saturate(int(strip.lost) + int(step))
		}
		s.next += uint32(step) + 1
		s.seen = s.seen<<min(uint(step)+1, window) | 1
	default:
		s.overtaken(strip, step)
		return
	}
	strip.packets++
	s.sound(b, kind, at)
	stamp, marked := binary.BigEndian.Uint32(b[4:]), b[1]&0x80 != 0
	if s.event.has(kind) {
		s.keyPress(stamp, marked, at)
	} else {
		if s.running {
			s.timing(strip, step, marked, stamp, at)
		}
		s.stamp, s.stampAt, s.running = stamp, at, true
	}
	s.lastAt, s.End = at, at
}

// restart is a sender that counts from elsewhere.
func (s *rtpStream) restart(seq uint16) {
	s.Restarts++
	s.Expected += int(s.next - s.first)
	s.leave(window)
	s.first = 1<<16 | uint32(seq)
	s.next, s.seen, s.running = s.first+1, all, false
}

// overtaken is a packet that came after a later one, or again.
func (s *rtpStream) overtaken(strip *bucket, step int32) {
	back := uint(-step)
	switch {
	case uint32(back) > s.next-s.first: // it was sent before the first that came
		s.first = s.next - uint32(back)
	case back <= window && s.seen&(1<<(back-1)) != 0:
		s.Duplicate++
		return
	case back <= window:
		s.seen |= 1 << (back - 1)
		s.buckets.found()
	}
	s.Late++
	strip.packets++
	strip.late = saturate(int(strip.late) + 1)
}

// leave looks at the n oldest packets of the window for runs of lost ones: they are
// not waited for any longer.
func (s *rtpStream) leave(n int) {
	for i := range min(n, window) {
		if s.seen>>(window-1-i)&1 == 0 {
			s.run++
			continue
		}
		if s.run > 0 {
			s.Bursts++
			s.BurstMax = max(s.BurstMax, s.run)
			if s.run >= longBurst {
				s.Gaps++
			}
		}
		s.run = 0
	}
	s.run += max(0, n-window)
}

// timing measures a packet of audio against the one before.
func (s *rtpStream) timing(strip *bucket, step int32, marked bool, stamp uint32, at int64) {
	ticks := int32(stamp - s.stamp)
	sent := float64(ticks) * s.tick
	if gap := float64(at-s.lastAt) / 1000; gap > s.MaxGapMS {
		if silent := step == 0 && (marked || sent > longPacket && sent >= gap/2); !silent {
			s.MaxGapMS, s.MaxGapAt = gap, s.lastAt
		}
	}
	switch {
	case ticks == 0: // a packet of video, or of another layer
		return
	case step != 0 || marked:
	case ticks == s.step:
		s.prevails++
	case s.prevails == 0:
		s.step, s.prevails = ticks, 1
	default:
		s.prevails--
	}
	apart := float64(at-s.stampAt)/1000 - sent
	if marked && step == 0 && math.Abs(apart) > spurt {
		s.jumped = true
		return
	}
	s.jitter += (math.Abs(apart) - s.jitter) / 16
	s.sum += s.jitter
	s.measured++
	s.MaxJitter = max(s.MaxJitter, s.jitter)
	strip.jitter = max(strip.jitter, uint16(min(s.jitter, 1<<16-1)))
	s.transit += apart
	if us := int32(max(min(s.transit*1000, math.MaxInt32), math.MinInt32)); !strip.timed || us < strip.transit {
		strip.transit, strip.timed = us, true
	}
}

// keyPress takes a packet of telephone-event (RFC 4733): a key that is pressed sends
// several with one timestamp.
func (s *rtpStream) keyPress(stamp uint32, marked bool, at int64) {
	if s.Keys == 0 || stamp != s.eventStamp && (marked || at-s.eventAt > eventPause) {
		s.Keys++
	}
	s.eventStamp, s.eventAt = stamp, at
}

// sound notes a packet of G.711 that holds nothing but digital silence: every sample
// is the smallest or the one next to it.
func (s *rtpStream) sound(b []byte, kind uint8, at int64) {
	const pcmu, pcma, leastPayload, plain = 0, 8, 40, 2 << 6
	if kind != pcmu && kind != pcma || len(b) < rtpHeader+leastPayload || b[0] != plain {
		return
	}
	if s.unasked || s.Keys > 0 {
		s.tones(b[rtpHeader:], kind == pcma, at)
	}
	word := binary.LittleEndian.Uint64(b[rtpHeader:])
	value := uint8(word)
	if word != uint64(value)*everyByte || word != binary.LittleEndian.Uint64(b[len(b)-wordLength:]) {
		return
	}
	code := value ^ 0xff // mu-law is stored inverted (ITU-T G.711)
	if kind == pcma {
		code = value ^ 0xd5
	}
	if code&0x7f > 1 {
		return
	}
	if payload := b[rtpHeader:]; bytes.Equal(payload[1:], payload[:len(payload)-1]) {
		s.Silent++
		s.SilentByte = value
	}
}

// drifts is into how many parts a stream is divided to see how its clock runs.
const drifts = 8

// finish completes what an observation keeps of the stream.
func (s *rtpStream) finish() {
	s.Expected += int(s.next - s.first)
	s.leave(window)
	if s.run > 0 { // no later packet came: that is the end, not a loss
		s.run = 0
	}
	if s.measured > 0 {
		s.JitterMS = round(s.sum / float64(s.measured))
	}
	s.MaxJitter, s.MaxGapMS = round(s.MaxJitter), round(s.MaxGapMS)
	if s.prevails > 0 && s.step > 0 {
		s.PtimeMS = round(float64(s.step) * 1000 / float64(s.Rate))
	}
	s.Payloads = map[int]int{}
	for _, c := range s.payloads {
		s.Payloads[int(c.kind)] = c.n
	}
	for tos := range 256 {
		if s.tos[tos>>6]&(1<<(tos&63)) != 0 {
			s.TOS = append(s.TOS, uint8(tos))
		}
	}
	s.Strip = s.buckets.strip()
	if s.Restarts == 0 && !s.jumped {
		s.Transit = s.buckets.drift()
	}
}
