package capture

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
)

const (
	rtpHeader = 12
	// firstPort is the first that a media stream has: those below belong to others.
	firstPort = 1024
	// maxStreams is how many streams are followed. When there are more, those of
	// a single packet are taken for something else.
	maxStreams = 50_000
	// leastPackets make a stream that no message announced.
	leastPackets = 5
	// maxStep is how far a sequence number may jump within a stream; MAX_DROPOUT
	// of RFC 3550, appendix A.1.
	maxStep = 3000
	// usualClock is that of the codecs that phones speak, Hz.
	usualClock = 8000
)

// rtp follows the streams of a capture.
type rtp struct {
	byKey  map[rtpKey]*rtpStream
	newest *rtpStream // a call sends long runs from one end
	order  []*rtpStream
	// media are the ends that messages have announced, with the codecs there.
	media map[netip.AddrPort][]Codec
}

type rtpKey struct {
	src, dst netip.AddrPort
	ssrc     uint32
}

type rtpStream struct {
	Stream
	key      rtpKey
	next     uint32 // extended sequence number that follows the highest
	first    uint32
	seen     uint64 // which of the 64 before next have come
	jitter   float64
	sum      float64 // of the jitter after each packet
	measured int
	stamp    uint32
	lastAt   int64
	running  bool           // stamp and lastAt are those of the packet before
	event    map[uint8]bool // payload types of telephone-event
	payloads [128]int32
	tos      [256]bool
	gone     bool // its call is counted, and no longer kept
}

// announce notes what a session description says about a stream to come.
func (t *rtp) announce(s *SDP) {
	if t.media == nil {
		t.media = map[netip.AddrPort][]Codec{}
	}
	for i := range s.Media {
		m := &s.Media[i]
		if at, ok := m.at(); ok && len(t.media) < maxStreams {
			t.media[at] = m.Codecs
		}
	}
}

// packet takes a datagram that begins as RTP or RTCP does.
func (t *rtp) packet(d *pcap.Datagram, at int64, rtcp *int) {
	b := d.Payload
	if d.Src.Port() < firstPort || d.Dst.Port() < firstPort {
		return // DNS, NetBIOS and other old protocols
	}
	if len(b) >= 8 && isRTCP(b) {
		*rtcp++
		return
	}
	if len(b) < rtpHeader {
		return
	}
	key := rtpKey{d.Src, d.Dst, binary.BigEndian.Uint32(b[8:])}
	s := t.newest
	if s == nil || s.key != key {
		if s = t.byKey[key]; s == nil {
			s = t.begin(key, d, at)
		}
		t.newest = s
	}
	s.packet(b, d.TOS, at)
}

// isRTCP tells the packet types of RTCP (RFC 5761, section 4): a report, or what may
// stand alone, whose length fits.
func isRTCP(b []byte) bool {
	const senderReport, extendedReport = 200, 207
	return b[1] >= senderReport && b[1] <= extendedReport && int(binary.BigEndian.Uint16(b[2:]))*4+4 <= len(b)
}

func (t *rtp) begin(key rtpKey, d *pcap.Datagram, at int64) *rtpStream {
	if t.byKey == nil {
		t.byKey = map[rtpKey]*rtpStream{}
	}
	if len(t.byKey) >= maxStreams {
		t.order = slices.DeleteFunc(t.order, func(s *rtpStream) bool {
			if s.Packets < leastPackets {
				delete(t.byKey, s.key)
			}
			return s.Packets < leastPackets
		})
	}
	seq := uint32(binary.BigEndian.Uint16(d.Payload[2:])) | 1<<16
	s := &rtpStream{key: key, first: seq, next: seq}
	s.Stream = Stream{SSRC: key.ssrc, Src: key.src, Dst: key.dst, First: d.Frame, Begin: at, Rate: usualClock, TTL: d.TTL, FirstSeq: uint16(seq)}
	for _, end := range []netip.AddrPort{key.dst, key.src} {
		for _, c := range t.media[end] {
			name, rate, _ := strings.Cut(c.Name, "/")
			if strings.EqualFold(name, "telephone-event") {
				if s.event == nil {
					s.event = map[uint8]bool{}
				}
				s.event[c.Type] = true
			}
			rate, _, _ = strings.Cut(rate, "/")
			if n, err := strconv.Atoi(rate); err == nil && n > 0 && c.Type == d.Payload[1]&0x7f {
				s.Rate = n
			}
		}
	}
	t.byKey[key] = s
	t.order = append(t.order, s)
	return s
}

// packet counts one packet of the stream (RFC 3550, appendices A.1 and A.8).
func (s *rtpStream) packet(b []byte, tos uint8, at int64) {
	seq, stamp, kind := binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:]), b[1]&0x7f
	s.Packets++
	s.payloads[kind]++
	s.tos[tos] = true
	ext := s.next&^0xffff | uint32(seq)
	switch step := int32(int16(seq - uint16(s.next))); {
	case step > maxStep || step < -maxStep: // it began anew
		s.Restarts++
		s.Expected += int(s.next - s.first)
		s.first = 1<<16 | uint32(seq)
		s.next, s.seen, s.running = s.first+1, 1, false
	case step >= 0:
		if ext < s.next {
			ext += 1 << 16
		}
		s.seen = s.seen<<min(uint(step)+1, 64) | 1
		s.next = ext + 1
	case -step <= 64 && s.seen&(1<<(-step-1)) != 0:
		s.Duplicate++
		return
	default:
		s.Late++
		if -step <= 64 {
			s.seen |= 1 << (-step - 1)
		}
		return
	}
	if s.running {
		gap := float64(at-s.lastAt) / 1000
		s.MaxGapMS = max(s.MaxGapMS, gap)
		if !s.event[kind] && stamp != s.stamp {
			apart := gap - float64(int32(stamp-s.stamp))*1000/float64(s.Rate)
			s.jitter += (math.Abs(apart) - s.jitter) / 16
			s.sum += s.jitter
			s.measured++
			s.MaxJitter = max(s.MaxJitter, s.jitter)
		}
	}
	s.stamp, s.lastAt, s.End, s.running = stamp, at, at, true
}

// list returns the streams that are some.
func (t *rtp) list() []Stream {
	out := []Stream{}
	for _, s := range t.order {
		_, to := t.media[s.key.dst]
		_, from := t.media[s.key.src]
		if s.Packets < leastPackets && !to && !from || s.Restarts*4 > s.Packets {
			continue
		}
		s.Expected += int(s.next - s.first)
		if s.measured > 0 {
			s.JitterMS = round(s.sum / float64(s.measured))
		}
		s.MaxJitter, s.MaxGapMS = round(s.MaxJitter), round(s.MaxGapMS)
		s.Payloads = map[int]int{}
		for kind, n := range s.payloads {
			if n > 0 {
				s.Payloads[kind] = int(n)
			}
		}
		for tos, seen := range s.tos {
			if seen {
				s.TOS = append(s.TOS, uint8(tos))
			}
		}
		out = append(out, s.Stream)
	}
	return out
}

func round(ms float64) float64 { return math.Round(ms*100) / 100 }
