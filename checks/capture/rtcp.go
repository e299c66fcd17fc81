package capture

import (
	"encoding/binary"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
)

// rtcp follows the reports about streams (RFC 3550, section 6.4).
type rtcp struct {
	sent    map[uint32]*[keptReports]senderReport // by SSRC
	reports map[reportKey]*report
}

const (
	// keptReports are how many sender reports of a stream are kept: a receiver
	// answers the latest, or the one before.
	keptReports = 4

	senderReport200   = 200
	receiverReport201 = 201
	blockLength       = 24
)

type senderReport struct {
	stamp uint32 // the middle of its NTP timestamp
	at    int64
}

// reportKey is who reports about what.
type reportKey struct {
	ssrc     uint32
	receiver netip.Addr
}

type report struct {
	n, frame              int
	firstHighest, highest uint32
	firstLost, lost       int32
	worst                 uint8
	jitterSum             float64
	jitterMax             uint32
	trip                  int64 // microseconds; 0: not known
}

// packet reads a compound packet.
func (t *rtcp) packet(d *pcap.Datagram, at int64) {
	const header, senderInfo = 8, 20
	for b := d.Payload; len(b) >= header; {
		length := (int(binary.BigEndian.Uint16(b[2:])) + 1) * 4
		if b[0]>>6 != 2 || length > len(b) {
			return
		}
		p, count := b[:length], int(b[0]&0x1f)
		b = b[length:]
		switch {
		case p[1] == senderReport200 && length >= header+senderInfo:
			t.sender(binary.BigEndian.Uint32(p[4:]), binary.BigEndian.Uint32(p[10:]), at)
			p = p[header+senderInfo:]
		case p[1] == receiverReport201 && length >= header:
			p = p[header:]
		default:
			continue
		}
		for ; count > 0 && len(p) >= blockLength; count-- {
			t.block(d, p[:blockLength], at)
			p = p[blockLength:]
		}
	}
}

func (t *rtcp) sender(ssrc, stamp uint32, at int64) {
	if t.sent == nil {
		t.sent = map[uint32]*[keptReports]senderReport{}
	}
	list := t.sent[ssrc]
	if list == nil {
		if len(t.sent) >= maxStreams {
			return
		}
		list = &[keptReports]senderReport{}
		t.sent[ssrc] = list
	}
	copy(list[1:], list[:])
	list[0] = senderReport{stamp, at}
}

// block takes one report block.
func (t *rtcp) block(d *pcap.Datagram, b []byte, at int64) {
	if t.reports == nil {
		t.reports = map[reportKey]*report{}
	}
	key := reportKey{binary.BigEndian.Uint32(b), d.Src.Addr()}
	r := t.reports[key]
	lost := int32(binary.BigEndian.Uint32(b[4:])<<8) >> 8 // 24 bits, signed
	highest, jitter := binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:])
	if r == nil {
		if len(t.reports) >= maxStreams {
			return
		}
		r = &report{firstHighest: highest, firstLost: lost}
		t.reports[key] = r
	} else {
		r.worst = max(r.worst, b[4])
	}
	r.n++
	r.frame, r.highest, r.lost = d.Frame, highest, lost
	r.jitterSum += float64(jitter)
	r.jitterMax = max(r.jitterMax, jitter)
	r.roundTrip(t.sent[key.ssrc], binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:]), at)
}

// roundTrip measures the way from here to the receiver and back: from when the sender
// report that it answers passed to when its own did, less what it waited.
func (r *report) roundTrip(sent *[keptReports]senderReport, answers, waited uint32, at int64) {
	if sent == nil || answers == 0 {
		return
	}
	const units = 65536 // of a second
	for _, s := range sent {
		trip := at - s.at - int64(waited)*1_000_000/units
		if s.stamp == answers && trip > 0 && (r.trip == 0 || trip < r.trip) {
			r.trip = trip
		}
	}
}

// far is what the receiver of a stream reports; nil if it does not, or only once.
func (t *rtp) far(s *Stream) *Heard {
	r := t.rtcp.reports[reportKey{s.SSRC, s.Dst.Addr()}]
	if r == nil {
		return nil
	}
	ms := func(ticks float64) float64 { return round(ticks * 1000 / float64(s.Rate)) }
	h := &Heard{
		Reports: r.n, Frame: r.frame, Expected: int(int32(r.highest - r.firstHighest)), Lost: int(r.lost - r.firstLost),
		WorstPct: round(float64(r.worst) * 100 / 256), JitterMS: ms(r.jitterSum / float64(r.n)), MaxJitter: ms(float64(r.jitterMax)),
		RTTMS: round(float64(r.trip) / 1000),
	}
	if h.Expected < 0 || h.Lost < 0 || h.Lost > h.Expected { // the sender began anew, or copies came
		h.Expected, h.Lost = max(0, h.Expected), max(0, min(h.Lost, h.Expected))
	}
	return h
}
