package capture

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
)

// The people of these stories.
const (
	phoneAt  = "192.168.88.10:5060"
	officeAt = "203.0.113.1:5060" // the same phone, seen behind its router
	pbxAt    = "198.51.100.2:5060"
)

// A story is a capture that a test writes, packet by packet.
type story struct {
	bytes.Buffer
	now    time.Duration
	calls  int
	copies int             // of each packet, a millisecond apart; 0: one
	ttl    map[string]byte // of the packets of an end; 64 where it is not told
	sent   map[uint32]int  // packets by SSRC
}

func tell() *story {
	s := &story{sent: map[uint32]int{}}
	s.Write([]byte{0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0})
	return s
}

func (s *story) wait(d time.Duration) { s.now += d }

// packet writes UDP in IPv4.
func (s *story) packet(from, to string, tos byte, payload []byte) {
	src, dst := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	n := len(payload) + 28
	b := []byte{0x45, tos, byte(n >> 8), byte(n), 0, 0, 0, 0, cmp.Or(s.ttl[from], 64), 17, 0, 0}
	b = append(append(b, src.Addr().AsSlice()...), dst.Addr().AsSlice()...)
	for _, v := range []uint16{src.Port(), dst.Port(), uint16(n - 20), 0} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	b = append(b, payload...)
	for _, v := range []uint32{uint32(1_764_400_000 + s.now/time.Second), uint32(s.now % time.Second / time.Microsecond), uint32(len(b)), uint32(len(b))} {
		_ = binary.Write(s, binary.LittleEndian, v)
	}
	s.Write(b)
	s.now += 100 * time.Microsecond
	if s.copies > 1 {
		again := *s
		again.copies = 0
		again.Buffer = bytes.Buffer{}
		again.packet(from, to, tos, payload)
		s.Write(again.Bytes())
		s.now = again.now
	}
}

// A dial is one Call-ID of a story.
type dial struct {
	s           *story
	id          string
	caller, pbx string
	cseq        int
	branch      int
	method      string
	sentBy      string                      // of the Via; empty: the caller
	uri         string                      // empty: that of the PBX
	length      string                      // Content-Length; empty: the right one, "-": none
	adds        string                      // what an answer adds to the Via
	through     func(message string) string // what a device makes of a message; nil: nothing
	tag         string                      // of who asks; empty is "a"
}

func (s *story) dial(caller, pbx string) *dial {
	s.calls++
	return &dial{s: s, id: fmt.Sprintf("call-%d", s.calls), caller: caller, pbx: pbx}
}

// request sends a new request of the caller; more are header fields.
func (d *dial) request(method string, more ...string) {
	if method != "ACK" {
		d.cseq++
		d.branch++
	}
	d.method = method
	d.repeat(more...)
}

// repeat sends the latest request again.
func (d *dial) repeat(more ...string) {
	d.message(d.caller, d.pbx, fmt.Sprintf("%s %s SIP/2.0", d.method, cmp.Or(d.uri, "sip:200@pbx.example.net")), more)
}

// answer answers the latest request.
func (d *dial) answer(status string, more ...string) {
	d.message(d.pbx, d.caller, "SIP/2.0 "+status, more)
}

func (d *dial) message(from, to, start string, more []string) {
	method, via := d.method, fmt.Sprintf("Via: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s.%d", cmp.Or(d.sentBy, d.caller), d.id, d.branch)
	if strings.HasPrefix(start, "SIP/2.0") {
		via += d.adds
	}
	fields := []string{
		start, via, "From: <sip:100@pbx.example.net>;tag=" + cmp.Or(d.tag, "a") + d.id,
		"To: <sip:200@pbx.example.net>", "Call-ID: " + d.id, fmt.Sprintf("CSeq: %d %s", d.cseq, method),
	}
	body := ""
	for _, m := range more {
		if strings.HasPrefix(m, "v=0") {
			body = m
			fields = append(fields, "Content-Type: application/sdp")
		} else {
			fields = append(fields, m)
		}
	}
	if d.length != "-" {
		fields = append(fields, "Content-Length: "+cmp.Or(d.length, strconv.Itoa(len(body))))
	}
	fields = append(fields, "", body)
	whole := strings.Join(fields, "\r\n")
	if d.through != nil {
		whole = d.through(whole)
	}
	d.s.packet(from, to, 0x68, []byte(whole))
}

// sdp is a session description with one audio stream.
func sdp(at string, more ...string) string {
	a := netip.MustParseAddrPort(at)
	lines := []string{"v=0", "o=- 1 1 IN IP4 " + a.Addr().String(), "s=-", "c=IN IP4 " + a.Addr().String(), "t=0 0", fmt.Sprintf("m=audio %d RTP/AVP 8 101", a.Port()),
		"a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000"}
	return strings.Join(append(lines, more...), "\r\n") + "\r\n"
}

// A voice is one end that sends RTP.
type speaker struct {
	from, to string
	ssrc     uint32
	lose     int // every so manyth packet; 0: none
}

// talk lets ends speak for a time, 50 packets a second each.
func (s *story) talk(d time.Duration, list ...speaker) {
	clock := uint32(s.now / (125 * time.Microsecond))
	n := int(d / (20 * time.Millisecond))
	for i := range n {
		begin := s.now
		for _, p := range list {
			if p.lose > 0 && i%p.lose == p.lose-1 {
				continue
			}
			b := []byte{0x80, 8}
			b = binary.BigEndian.AppendUint16(b, uint16(65500+s.sent[p.ssrc]+i))
			b = binary.BigEndian.AppendUint32(b, clock+uint32(160*i))
			b = binary.BigEndian.AppendUint32(b, p.ssrc)
			s.packet(p.from, p.to, 0xb8, append(b, make([]byte, 160)...))
		}
		s.now = begin + 20*time.Millisecond
	}
	for _, p := range list {
		s.sent[p.ssrc] += n
	}
}

// file is the story as a capture file.
func (s *story) file() checks.File {
	return checks.File{Name: "story.pcap", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(s.Bytes())), nil }}
}

// observe reads a story.
func (s *story) observe(t *testing.T) Observed {
	t.Helper()
	o, err := observe(context.Background(), &checks.Env{Files: []checks.File{s.file()}})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// read runs the check on a story.
func (s *story) read(t *testing.T) checks.Result {
	t.Helper()
	r := readCapture(s.Bytes())
	sameDiagnosis(t, s.Bytes(), r)
	return r
}

func factsOf(t *testing.T, r checks.Result) Facts {
	t.Helper()
	f, ok := r.Facts.(Facts)
	if !ok {
		t.Fatalf("facts %T", r.Facts)
	}
	return f
}
