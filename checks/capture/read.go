package capture

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
	"github.com/sipdoctor/sipdoctor/platform"
)

// A reading is what is known while captures are read.
type reading struct {
	o       *Observed
	begin   int64 // nanoseconds
	last    int64
	decoder pcap.Decoder
	tcp     pcap.Streams
	dialogs dialogs
	rtp     rtp
	tls     map[[2]netip.AddrPort]bool
	keeper  *keeper // where captures are compared
	relay   relay
	// refusals are what ICMP says, until it is known which matter.
	refusals []Refused
	// fromText: the message stands in a text, and Frame is its line. untimed: when it
	// was is not known, or only to the second.
	fromText, untimed bool
}

func newReading(o *Observed) *reading {
	r := &reading{o: o, tls: map[[2]netip.AddrPort]bool{}}
	o.Requests, o.Responses, o.Dialogs, o.Streams = map[string]int{}, map[int]int{}, []Dialog{}, []Stream{}
	r.dialogs.room = roomForDialogs
	r.tcp.Wanted = wantedStream
	r.tcp.Data = r.stream
	r.decoder.Unreachable = r.refused
	return r
}

// often is how many frames are read between two looks at the clock and the context.
const often = 1 << 14

// file reads one capture to its end, or as far as it can be read.
func (r *reading) file(ctx context.Context, name string, from io.Reader, progress func()) error {
	f := File{Name: name}
	defer func() { r.o.Files = append(r.o.Files, f) }()
	plain, free, err := pcap.Decompress(from)
	if err != nil {
		if !errors.Is(err, io.EOF) { // an empty file is no fault of the file
			f.Error = platform.Words(err)
		}
		return nil
	}
	defer free()
	in, err := pcap.NewReader(plain)
	if errors.Is(err, pcap.ErrFormat) && isText(plain) {
		f.Text = true
		if f.Packets, err = r.trace(ctx, plain); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if err != nil {
		f.Error = platform.Words(err)
		return nil
	}
	if f.Text {
		return nil
	}
	defer in.Close()
	for {
		frame, err := in.NextFrame()
		if err != nil {
			f.Drops = in.Drops
			var cut *pcap.CutError
			switch {
			case errors.As(err, &cut):
				f.Error, f.Offset = platform.Words(err), cut.Offset
			case !errors.Is(err, io.EOF):
				f.Error = platform.Words(err)
			}
			return nil
		}
		f.Packets++
		if f.Packets%often == 0 {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			progress()
		}
		frame.Number = r.o.Packets + 1
		r.o.Packets++
		if r.goesOn(frame) {
			continue
		}
		if d, ok := r.decoder.Decode(frame); ok {
			r.datagram(d)
		}
	}
}

// goesOn takes a packet of a stream that is known, as 99 in 100 are where people speak,
// without the cost of decoding; it is false for everything else.
func (r *reading) goesOn(f *pcap.Frame) bool {
	p, ok := f.Plain()
	if !ok {
		return false
	}
	s := r.rtp.known(p)
	if s == nil {
		return false
	}
	r.last = max(r.last, f.Time)
	s.packet(p.Payload, p.TOS, (f.Time-r.begin)/1000)
	return true
}

// isText reports whether what follows is a text, in which SIP may stand.
func isText(in *bufio.Reader) bool {
	b, _ := in.Peek(4096)
	return bytes.IndexByte(b, 0) < 0
}

// at is a time of the capture as microseconds since its begin.
func (r *reading) at(d *pcap.Datagram) int64 { return (d.Time - r.begin) / 1000 }

func (r *reading) datagram(d *pcap.Datagram) {
	if r.begin == 0 {
		r.begin = d.Time
	}
	r.last = max(r.last, d.Time)
	if d.Protocol == pcap.TCP {
		r.tcp.Feed(d)
		return
	}
	b := d.Payload
	switch {
	case len(b) < 4:
	case b[0]>>6 == 2:
		r.rtp.packet(d, r.at(d), &r.o.RTCP)
	case isSTUN(b):
		r.o.STUN++
	case sip.Start(b) >= 0:
		r.message(d, b, "udp")
	default:
		r.rtp.fax(d, r.at(d))
	}
}

// isSTUN knows the header of RFC 8489, section 5, and that of RFC 3489, which has no
// cookie.
func isSTUN(b []byte) bool {
	const header = 20
	return len(b) >= header && b[0] < 4 && b[0]&0x3e == 0 && int(b[2])<<8|int(b[3]) == len(b)-header && b[3]&3 == 0
}

// message takes one SIP message.
func (r *reading) message(d *pcap.Datagram, b []byte, transport string) {
	m, faults, ok := sip.Lenient(b)
	if !ok {
		return
	}
	r.o.Messages++
	if d.Cut {
		r.o.CutSIP++
	}
	id := ""
	if h := m.Get("call-id"); h != nil {
		id = text(h.Value)
	}
	if m.Status > 0 {
		r.o.Responses[m.Status]++
	} else {
		r.o.Requests[m.Method]++
	}
	s := summarise(m, faults, d, transport)
	s.At, s.Line, s.untimed = r.at(d), r.fromText, r.untimed
	if s.SDP != nil {
		r.rtp.announce(id, s.SDP)
	}
	r.remember(d, s, id, b[max(0, sip.Start(b)):])
	r.dialogs.add(id, s, hashOf(b))
	r.fold()
}

// wantedStream reports whether SIP, a WebSocket that may carry it, HEP or TLS
// begins here.
func wantedStream(b []byte) bool {
	switch {
	case bytes.HasPrefix(b, []byte("HEP3")), isHello(b), bytes.HasPrefix(b, []byte("GET ")) && hasWord(b, "sec-websocket-protocol"):
		return true
	case bytes.HasPrefix(b, []byte("HTTP/1.1 101")):
		return hasWord(b, "sec-websocket-protocol")
	}
	return sip.Start(bytes.TrimLeft(b, "\r\n")) == 0
}

func hasWord(b []byte, word string) bool {
	return bytes.Contains(bytes.ToLower(b[:min(len(b), 4096)]), []byte(word))
}

// finish completes the observation.
func (r *reading) finish() {
	r.tcp.Finish()
	r.decoder.Finish()
	o, s := r.o, &r.decoder.Stats
	o.Begin, o.Length = r.begin, max(0, (r.last-r.begin)/1000)
	o.Skipped = Skipped{Cut: s.Cut, NotIP: s.NotIP, OtherIP: s.OtherIP, Malformed: s.Malformed, Incomplete: s.Incomplete}
	for l, n := range s.OtherLink {
		if o.Skipped.OtherLink == nil {
			o.Skipped.OtherLink = map[int]int{}
		}
		o.Skipped.OtherLink[int(l)] = n
	}
	o.LostTCP = r.tcp.Gaps
	o.Dialogs = r.dialogs.list()
	o.Streams = r.rtp.list()
	o.Passed.pairStreams(o.Streams, o.Streams, passedOn)
	o.Fax, o.Refused = r.rtp.faxes, r.keptRefusals()
}
