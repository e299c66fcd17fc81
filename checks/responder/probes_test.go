package responder_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/platform"
)

func realNet() platform.Network { return platform.Real(platform.RealOptions{}) }

// open starts a session that ends with the test.
func open(t *testing.T, s *responder.Server) *session.Client {
	t.Helper()
	c, err := session.Open(t.Context(), realNet(), target(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Second)
		defer cancel()
		_ = c.Close(ctx)
	})
	return c
}

// phone is a UDP socket of the office.
type phone struct {
	t    *testing.T
	conn platform.UDPConn
}

func newPhone(t *testing.T, at string) *phone {
	t.Helper()
	conn, err := realNet().OpenUDP(t.Context(), netip.AddrPortFrom(netip.MustParseAddr(at), 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &phone{t, conn}
}

func (p *phone) send(port int, b []byte) {
	p.t.Helper()
	if err := p.conn.WriteTo(b, netip.AddrPortFrom(loopback, uint16(port)), platform.SendOptions{}); err != nil {
		p.t.Fatal(err)
	}
}

// hear returns the next datagram, nil after the wait.
func (p *phone) hear(wait time.Duration) ([]byte, netip.AddrPort) {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(wait))
	buf := make([]byte, 65536)
	d, err := p.conn.ReadFrom(buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, netip.AddrPort{}
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return buf[:d.N], d.From
}

// Waiting for an answer that must come may take long on a busy machine;
// waiting for one that must not come costs every run of the tests.
const (
	patient = 5 * time.Second
	brief   = 250 * time.Millisecond
)

// ask sends and returns the answer, nil for silence.
func (p *phone) ask(port int, b []byte, wait time.Duration) []byte {
	p.t.Helper()
	p.send(port, b)
	got, _ := p.hear(wait)
	return got
}

// sipRequest is a request as a phone behind NAT writes it.
func sipRequest(method, token, transport string, rtp int) []byte {
	body := ""
	if rtp != 0 {
		body = fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 192.168.88.10\r\ns=-\r\nc=IN IP4 192.168.88.10\r\nt=0 0\r\nm=audio %d RTP/AVP 0 8\r\na=rtcp:%d\r\n", rtp, rtp+1)
	}
	return fmt.Appendf(nil, "%s sip:%s@pbx.example.net SIP/2.0\r\n"+
		"Via: SIP/2.0/%s 192.168.88.10:5060;rport;branch=z9hG4bK%[2]s\r\n"+
		"Max-Forwards: 70\r\n"+
		"From: <sip:%[2]s@192.168.88.10>;tag=%[2]s\r\n"+
		"To: <sip:%[2]s@pbx.example.net>\r\n"+
		"Call-ID: %[2]s@192.168.88.10\r\n"+
		"CSeq: 1 %[1]s\r\n"+
		"Contact: <sip:%[2]s@192.168.88.10:5060>\r\n"+
		"Content-Length: %[4]d\r\n\r\n%[5]s", method, token, strings.ToUpper(transport), len(body), body)
}

func arrivals(t *testing.T, c *session.Client) []session.Arrival {
	t.Helper()
	got, err := c.Arrivals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAProbeOverUDPIsAnsweredAndRemembered(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	p := newPhone(t, "127.0.0.1")
	req := sipRequest("INVITE", c.Token(7), "udp", 20000)
	reply := p.ask(c.Info.SIPUDP[0], req, patient)
	again := p.ask(c.Info.SIPUDP[0], req, patient)
	if !bytes.Equal(reply, again) {
		t.Errorf("a repetition got another answer:\n%s\n%s", reply, again)
	}
	m, err := sip.Parse(reply)
	if err != nil || m.Status != 200 {
		t.Fatalf("answer %q, %v", reply, err)
	}
	if at, ok := sip.Media(m.Body); !ok || at.Addr() != loopback || int(at.Port()) < responder.DefaultRTPFirst {
		t.Errorf("our SDP names %s", at)
	}
	got := arrivals(t, c)
	if len(got) != 1 {
		t.Fatalf("%d arrivals, want 1", len(got))
	}
	a := got[0]
	if a.TTL == 0 || a.TOS < 0 || time.Since(a.At) > time.Minute {
		t.Errorf("TTL %d, TOS %d, at %s", a.TTL, a.TOS, a.At)
	}
	want := session.Arrival{
		Probe: 7, Transport: "udp", From: p.conn.LocalAddr(), Local: netip.AddrPortFrom(loopback, uint16(c.Info.SIPUDP[0])),
		TTL: a.TTL, TOS: a.TOS, At: a.At, Raw: req, Sent: reply, Copies: 2,
	}
	if d := cmp.Diff(want, a, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
		t.Errorf("arrival (-want +got):\n%s", d)
	}
}

func TestMaskedBytesGetTheSameAnswerMasked(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	req := sipRequest("REGISTER", c.Token(1), "udp", 0)
	for _, port := range []int{c.Info.SIPUDP[0], c.Info.PlainUDP[0]} {
		p := newPhone(t, "127.0.0.1")
		reply, ok := session.Unmask(p.ask(port, session.Mask(req, 99), patient))
		if !ok || !bytes.HasPrefix(reply, []byte("SIP/2.0 200 OK\r\n")) || !bytes.Contains(reply, []byte(";expires=60\r\n")) {
			t.Errorf("port %d: masked answer %q", port, reply)
		}
	}
	got := arrivals(t, c)
	if len(got) != 2 || !got[0].Masked || !bytes.Equal(got[0].Raw, req) {
		t.Errorf("arrivals %+v", got)
	}
}

// dial connects to a stream port of the responder.
func dial(t *testing.T, port int, overTLS bool) net.Conn {
	t.Helper()
	conn, err := realNet().DialTCP(t.Context(), netip.AddrPort{}, netip.AddrPortFrom(loopback, uint16(port)))
	if err != nil {
		t.Fatal(err)
	}
	if overTLS {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patient))
	return conn
}

// readSIP reads one message.
func readSIP(t *testing.T, r io.Reader) []byte {
	t.Helper()
	var f sip.Framer
	buf := make([]byte, 4096)
	for {
		b, _, ok, err := f.Next()
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			return b
		}
		n, err := r.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(buf[:n])
	}
}

func TestStreamsCarrySIPAndMaskedFramesAndKeepAlives(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	for i, tt := range []struct {
		name string
		port int
		tls  bool
	}{{"tcp", c.Info.SIPTCP[0], false}, {"tls", c.Info.SIPTLS[0], true}, {"tcp", c.Info.PlainTCP[0], false}} {
		conn := dial(t, tt.port, tt.tls)
		req := sipRequest("INVITE", c.Token(i), tt.name, 20000)
		_, _ = conn.Write(req[:100])
		time.Sleep(20 * time.Millisecond) // two segments, not one
		_, _ = conn.Write(req[100:])
		reply := readSIP(t, conn)
		m := session.Mask(req, 5)
		_, _ = conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(m))), m...))
		frame := make([]byte, 4+session.MaskOverhead+len(reply))
		if _, err := io.ReadFull(conn, frame); err != nil {
			t.Fatal(err)
		}
		if p, ok := session.Unmask(frame[4:]); !ok || !bytes.Equal(p, reply) {
			t.Errorf("masked over %s: %q, plain %q", tt.name, p, reply)
		}
		_, _ = conn.Write([]byte("\r\n\r\n"))
		pong := make([]byte, 2)
		if _, err := io.ReadFull(conn, pong); err != nil || string(pong) != "\r\n" {
			t.Errorf("keep-alive over %s: %q, %v", tt.name, pong, err)
		}
		var mine []session.Arrival
		for _, a := range arrivals(t, c) {
			if a.Probe == i {
				mine = append(mine, a)
			}
		}
		if len(mine) != 2 || mine[0].Transport != tt.name || mine[0].Segments != 2 || !bytes.Equal(mine[0].Raw, req) || !mine[1].Masked {
			t.Errorf("%s: arrivals %+v", tt.name, mine)
		}
	}
}

func TestAMessageCutShortOnTheWayIsStillEvidence(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	conn := dial(t, c.Info.SIPTCP[0], false)
	req := sipRequest("INVITE", c.Token(3), "tcp", 20000)
	req = bytes.Replace(req, []byte("Content-Length: "), []byte("Content-Length: 9"), 1) // as a bad ALG leaves it
	_, _ = conn.Write(req)
	_ = conn.Close()
	waitFor(t, func() bool { return len(arrivals(t, c)) > 0 })
	got := arrivals(t, c)
	if len(got) != 1 || !bytes.Equal(got[0].Raw, req) || got[0].Sent != nil || got[0].Probe != 3 {
		t.Errorf("arrivals %+v", got)
	}
}

func TestWhatFollowsAWrongContentLengthIsKeptWithItsProbe(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	conn := dial(t, c.Info.SIPTCP[0], false)
	req := sipRequest("INVITE", c.Token(4), "tcp", 20000)
	m, _ := sip.Parse(req)
	req = bytes.Replace(req, fmt.Appendf(nil, "Content-Length: %d", len(m.Body)), []byte("Content-Length: 20"), 1)
	_, _ = conn.Write(req)
	_ = readSIP(t, conn)
	_ = conn.Close()
	waitFor(t, func() bool { return len(arrivals(t, c)) == 2 })
	for _, a := range arrivals(t, c) {
		if a.Probe != 4 {
			t.Errorf("arrival of probe %d: %q", a.Probe, a.Raw)
		}
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patient); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain")
		}
	}
}

func TestTheResponderCallsThePhoneOnItsOwnFlow(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	p := newPhone(t, "127.0.0.1")
	p.ask(c.Info.SIPUDP[0], sipRequest("REGISTER", c.Token(1), "udp", 0), patient)
	reply, err := c.Invite(t.Context(), session.InviteRequest{Flow: 1, Probe: 2})
	if err != nil {
		t.Fatal(err)
	}
	call, from := p.hear(patient)
	if !bytes.Equal(call, reply.Sent) || from.Port() != uint16(c.Info.SIPUDP[0]) {
		t.Fatalf("the phone heard %q from %s, the responder sent %q", call, from, reply.Sent)
	}
	repeated, _ := p.hear(patient)
	if !bytes.Equal(call, repeated) {
		t.Errorf("an INVITE without an answer is not repeated: %q", repeated)
	}
	m, err := sip.Parse(call)
	if err != nil || m.Method != "INVITE" {
		t.Fatalf("%q, %v", call, err)
	}
	token, _ := session.FindToken(call)
	if token.String() != c.Token(2) {
		t.Errorf("the call carries %s, not the token of probe 2", token)
	}
	ok := fmt.Appendf(nil, "SIP/2.0 200 OK\r\n%s\r\n%s\r\n%s;tag=me\r\n%s\r\n%s\r\nContact: <sip:me@192.168.88.10>\r\nContent-Length: 0\r\n\r\n",
		m.Get("via").Raw, m.Get("from").Raw, m.Get("to").Raw, m.Get("call-id").Raw, m.Get("cseq").Raw)
	p.send(c.Info.SIPUDP[0], ok)
	var ack []byte
	for ack == nil || bytes.HasPrefix(ack, []byte("INVITE")) {
		if ack, _ = p.hear(patient); ack == nil {
			t.Fatal("no ACK")
		}
	}
	if !bytes.HasPrefix(ack, []byte("ACK sip:me@192.168.88.10 SIP/2.0\r\n")) {
		t.Errorf("ACK %q", ack)
	}
	last := arrivals(t, c)[1]
	if last.Probe != 2 || !bytes.Equal(last.Raw, ok) || !bytes.Equal(last.Sent, ack) {
		t.Errorf("the answer's arrival: %+v", last)
	}
}

func TestRTPGoesToThePortThatTheSDPNames(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	media, other := newPhone(t, "127.0.0.1"), newPhone(t, "127.0.0.1")
	p := newPhone(t, "127.0.0.1")
	port := int(media.conn.LocalAddr().Port())
	named := namedPort(t, p.ask(c.Info.SIPUDP[0], sipRequest("INVITE", c.Token(1), "udp", port), patient))
	reply, err := c.RTP(t.Context(), session.RTPRequest{Probe: 1})
	if err != nil {
		t.Fatal(err)
	}
	want := session.RTPReply{From: netip.AddrPortFrom(loopback, named), To: media.conn.LocalAddr(), Sent: 5}
	if reply != want {
		t.Errorf("reply %+v, want %+v", reply, want)
	}
	for range reply.Sent {
		b, from := media.hear(patient)
		token, ok := session.FindToken(b)
		if len(b) != 172 || b[0] != 0x80 || b[1] != 0 || from != reply.From || !ok || token.String() != c.Token(1) {
			t.Fatalf("RTP packet of %d bytes from %s: %x", len(b), from, b)
		}
	}
	control, err := c.RTP(t.Context(), session.RTPRequest{Probe: 1, Port: int(other.conn.LocalAddr().Port())})
	if err != nil || control.To != other.conn.LocalAddr() {
		t.Errorf("control: %+v, %v", control, err)
	}
	if b, _ := other.hear(patient); len(b) != 172 {
		t.Errorf("control packet %x", b)
	}
	for name, r := range map[string]session.RTPRequest{
		"below 1024": {Probe: 1, Port: 53}, "beyond 65535": {Probe: 1, Port: 70000}, "never arrived": {Probe: 9},
	} {
		if _, err := c.RTP(t.Context(), r); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%s: error %v, want a refusal", name, err)
		}
	}
}

// The control of a call that is lost: the same messages, unreadable, on the
// same flow.
func TestACallCanBeMasked(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	p := newPhone(t, "127.0.0.1")
	p.ask(c.Info.SIPUDP[0], sipRequest("OPTIONS", c.Token(1), "udp", 0), patient)
	reply, err := c.Invite(t.Context(), session.InviteRequest{Flow: 1, Probe: 2, Masked: true})
	if err != nil {
		t.Fatal(err)
	}
	first, _ := p.hear(patient)
	again, _ := p.hear(patient)
	if call, ok := session.Unmask(first); !ok || !bytes.Equal(call, reply.Sent) || bytes.Equal(first, again) {
		t.Fatalf("the phone heard %q and %q, the responder sent %q masked", first, again, reply.Sent)
	}
	m, err := sip.Parse(reply.Sent)
	if err != nil {
		t.Fatal(err)
	}
	ok := fmt.Appendf(nil, "SIP/2.0 200 OK\r\n%s\r\n%s\r\n%s;tag=me\r\n%s\r\n%s\r\nContent-Length: 0\r\n\r\n",
		m.Get("via").Raw, m.Get("from").Raw, m.Get("to").Raw, m.Get("call-id").Raw, m.Get("cseq").Raw)
	p.send(c.Info.SIPUDP[0], session.Mask(ok, 7))
	for {
		b, _ := p.hear(patient)
		ack, masked := session.Unmask(b)
		if b == nil || !masked {
			t.Fatalf("no masked ACK came, but %q", b)
		}
		if bytes.HasPrefix(ack, []byte("ACK ")) {
			break
		}
	}
	if last := arrivals(t, c)[1]; last.Probe != 2 || !last.Masked || !bytes.Equal(last.Raw, ok) {
		t.Errorf("the answer's arrival: %+v", last)
	}
}

// namedPort is the audio port of a message's SDP.
func namedPort(t *testing.T, b []byte) uint16 {
	t.Helper()
	m, err := sip.Parse(b)
	if err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	at, _ := sip.Media(m.Body)
	return at.Port()
}

// A helper that still expects RTP at the port of an earlier answer drops the
// next answer that names the same one: "SIP is dropped", in every second run
// after a lossy one.
func TestNoTwoAnswersNameTheSameMediaPort(t *testing.T) {
	s := start(t, nil)
	firsts := map[uint16]bool{}
	for range 3 { // runs
		c := open(t, s)
		named := map[uint16]bool{}
		for probe := range 4 {
			p := newPhone(t, "127.0.0.1")
			req := sipRequest("INVITE", c.Token(probe), "udp", 20000)
			port := namedPort(t, p.ask(c.Info.SIPUDP[0], req, patient))
			if again := namedPort(t, p.ask(c.Info.SIPUDP[0], req, patient)); again != port {
				t.Errorf("a repeated INVITE is answered with port %d, the first with %d", again, port)
			}
			if named[port] || port%2 != 0 || port < responder.DefaultRTPFirst {
				t.Errorf("port %d: used before %v", port, named[port])
			}
			named[port] = true
			if probe == 0 {
				firsts[port] = true
			}
		}
	}
	if len(firsts) == 1 {
		t.Errorf("every session starts at the same port: %v", firsts)
	}
}

func TestAPortOfAnotherProgramIsLeftAlone(t *testing.T) {
	pbx, err := realNet().OpenUDP(t.Context(), netip.AddrPortFrom(loopback, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer pbx.Close()
	taken := int(pbx.LocalAddr().Port())
	s := start(t, func(c *responder.Config) { c.SIPPorts = []int{taken, responder.AnyPort} })
	c := open(t, s)
	if len(c.Info.SIPUDP) != 1 || c.Info.SIPUDP[0] == taken || len(c.Info.SIPTCP) != 2 {
		t.Errorf("SIP ports %v, %v", c.Info.SIPUDP, c.Info.SIPTCP)
	}
	want := []string{fmt.Sprintf("SIP over UDP 127.0.0.1:%d: in use by another program", taken)}
	if d := cmp.Diff(want, c.Info.Busy); d != "" {
		t.Errorf("busy (-want +got):\n%s", d)
	}
}

func TestAnAddressThatIsNotOursIsAnError(t *testing.T) {
	cfg := loopbackConfig()
	cfg.Listen = append(cfg.Listen, netip.MustParseAddr("192.0.2.77"))
	s, err := responder.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(t.Context()); err == nil || !strings.Contains(err.Error(), "listening at 192.0.2.77") {
		t.Errorf("error %v", err)
	}
}
