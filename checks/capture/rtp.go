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
	// usualClock is that of the codecs that phones speak, Hz.
	usualClock = 8000
)

// rtp follows the streams of a capture.
type rtp struct {
	byKey map[rtpKey]*rtpStream
	near  [nearby]*rtpStream // those of the latest packets, by slot
	order []*rtpStream
	// media are the ends that messages have announced, with the codecs there.
	media map[netip.AddrPort][]Codec
	// keys are the payload types of telephone-event that either side of a call named,
	// by what the call announced and by the call: who is refused may send events
	// nonetheless, and behind NAT his own address is none that was announced.
	keys   map[netip.AddrPort]eventTypes
	called map[string]eventTypes
	rtcp   rtcp
	// images are the ends that were announced for fax.
	images map[netip.AddrPort]bool
	faxes  []Flow
}

// eventTypes are payload types, a bit each.
type eventTypes [2]uint64

func (e *eventTypes) add(kind uint8)     { e[kind>>6] |= 1 << (kind & 63) }
func (e eventTypes) has(kind uint8) bool { return e[kind>>6]&(1<<(kind&63)) != 0 }
func (e eventTypes) with(other eventTypes) eventTypes {
	return eventTypes{e[0] | other[0], e[1] | other[1]}
}

type rtpKey struct {
	src, dst netip.AddrPort
	ssrc     uint32
}

// nearby is how many streams can be found without a look into the map: so many more than
// are up at a time in most captures that hardly two share a slot.
const (
	nearby     = 1 << nearbyBits
	nearbyBits = 12
)

// slot is where a stream is kept near.
func slot(ssrc, ports uint32) uint32 {
	const golden = 0x9e3779b1 // spreads numbers that lie close together (Knuth, 6.4)
	return (ssrc ^ ports) * golden >> (32 - nearbyBits)
}

func (k *rtpKey) ports() uint32 { return uint32(k.src.Port())<<16 | uint32(k.dst.Port()) }

// addresses are those of IPv4, as Plain has them; 0 for others.
func (k *rtpKey) addresses() uint64 {
	if !k.src.Addr().Is4() || !k.dst.Addr().Is4() {
		return 0
	}
	src, dst := k.src.Addr().As4(), k.dst.Addr().As4()
	return uint64(binary.BigEndian.Uint32(src[:]))<<32 | uint64(binary.BigEndian.Uint32(dst[:]))
}

// known returns the stream near that a datagram goes on; nil where it may be anything
// else.
func (t *rtp) known(p pcap.Plain) *rtpStream {
	const plain = 2 << 6 // the version, and neither padding, extension nor sources
	b := p.Payload
	if len(b) < rtpHeader || b[0] != plain || isRTCP(b) || p.Addresses == 0 { // 0 stands for those of IPv6
		return nil
	}
	ssrc := binary.BigEndian.Uint32(b[8:])
	s := t.near[slot(ssrc, p.Ports)]
	if s == nil || s.key.ssrc != ssrc || s.addresses != p.Addresses || s.ports != p.Ports {
		return nil
	}
	return s
}

// announce notes what a session description says about a stream to come.
func (t *rtp) announce(call string, s *SDP) {
	if t.media == nil {
		t.media, t.keys, t.called = map[netip.AddrPort][]Codec{}, map[netip.AddrPort]eventTypes{}, map[string]eventTypes{}
	}
	types := t.called[call]
	for _, m := range s.Media {
		for _, c := range m.Codecs {
			if isEventName(c.Name) {
				types.add(c.Type)
			}
		}
	}
	if len(t.called) < maxStreams {
		t.called[call] = types
	}
	for i := range s.Media {
		m := &s.Media[i]
		if at, ok := m.at(); ok && len(t.media) < maxStreams {
			t.keys[at] = types
			if t.media[at] = m.Codecs; m.Kind == "image" {
				t.image(at)
			}
		}
	}
}

func (t *rtp) image(at netip.AddrPort) {
	if t.images == nil {
		t.images = map[netip.AddrPort]bool{}
	}
	t.images[at] = true
}

// packet takes a datagram that begins as RTP or RTCP does.
func (t *rtp) packet(d *pcap.Datagram, at int64, rtcp *int) {
	b := d.Payload
	if d.Src.Port() < firstPort || d.Dst.Port() < firstPort {
		return // DNS, NetBIOS and other old protocols
	}
	if len(b) >= 8 && isRTCP(b) {
		*rtcp++
		t.rtcp.packet(d, at)
		return
	}
	if len(b) < rtpHeader {
		return
	}
	key := rtpKey{d.Src, d.Dst, binary.BigEndian.Uint32(b[8:])}
	near := &t.near[slot(key.ssrc, key.ports())]
	s := *near
	if s == nil || s.key != key {
		if s = t.byKey[key]; s == nil {
			s = t.begin(key, d, at)
		}
		*near = s
	}
	s.packet(b, d.TOS, at)
	if d.Cut {
		s.Cut++
	}
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
		t.near = [nearby]*rtpStream{}
		t.order = slices.DeleteFunc(t.order, func(s *rtpStream) bool {
			if s.Packets < leastPackets {
				delete(t.byKey, s.key)
			}
			return s.Packets < leastPackets
		})
	}
	seq := uint32(binary.BigEndian.Uint16(d.Payload[2:])) | 1<<16
	s := &rtpStream{key: key, addresses: key.addresses(), ports: key.ports(), first: seq, next: seq, seen: all}
	s.Stream = Stream{SSRC: key.ssrc, Src: key.src, Dst: key.dst, First: d.Frame, Begin: at, Rate: usualClock, TTL: d.TTL, FirstSeq: uint16(seq)}
	if takes := t.media[key.dst]; len(takes) > 0 {
		s.unasked = !slices.ContainsFunc(takes, func(c Codec) bool { return isEventName(c.Name) })
	}
	for _, end := range []netip.AddrPort{key.dst, key.src} {
		s.event = s.event.with(t.keys[end])
		for _, c := range t.media[end] {
			_, rate, _ := strings.Cut(c.Name, "/")
			rate, _, _ = strings.Cut(rate, "/")
			if n, err := strconv.Atoi(rate); err == nil && n > 0 && c.Type == d.Payload[1]&0x7f {
				s.Rate = n
			}
		}
	}
	s.tick = 1000 / float64(s.Rate)
	if s.buckets.most = longStrip; len(t.order) >= manyStreams {
		s.buckets.most = shortStrip
	}
	t.byKey[key] = s
	t.order = append(t.order, s)
	return s
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
		s.finish()
		s.Far = t.far(&s.Stream)
		out = append(out, s.Stream)
	}
	return out
}

func round(ms float64) float64 { return math.Round(ms*100) / 100 }
