package responder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/platform"
)

func TestMain(m *testing.M) {
	// net/http lingers half a second over a connection whose request it has
	// refused to read to its end.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// void is a network whose sockets only remember what was sent.
type void struct{ sent []sentDatagram }

type sentDatagram struct {
	to    netip.AddrPort
	bytes int
}

func (v *void) OpenUDP(_ context.Context, at netip.AddrPort) (platform.UDPConn, error) {
	return &voidConn{v, at}, nil
}
func (*void) DialTCP(context.Context, netip.AddrPort, netip.AddrPort) (net.Conn, error) {
	return nil, errors.ErrUnsupported
}
func (*void) ListenTCP(context.Context, netip.AddrPort) (net.Listener, error) {
	return nil, errors.ErrUnsupported
}
func (*void) LookupAddrs(context.Context, string) ([]netip.Addr, error) {
	return nil, errors.ErrUnsupported
}
func (*void) LookupSRV(context.Context, string, string, string) ([]platform.SRV, error) {
	return nil, errors.ErrUnsupported
}
func (*void) LookupTXT(context.Context, string) ([]string, error) {
	return nil, errors.ErrUnsupported
}
func (*void) SourceFor(netip.Addr) (netip.Addr, error) {
	return netip.Addr{}, errors.ErrUnsupported
}

type voidConn struct {
	v  *void
	at netip.AddrPort
}

func (c *voidConn) ReadFrom([]byte) (platform.Datagram, error) {
	return platform.Datagram{}, os.ErrClosed
}
func (c *voidConn) WriteTo(b []byte, to netip.AddrPort, _ platform.SendOptions) error {
	if c.v.sent != nil {
		c.v.sent = append(c.v.sent, sentDatagram{to, len(b)})
	}
	return nil
}
func (c *voidConn) LocalAddr() netip.AddrPort     { return c.at }
func (*voidConn) SetReadDeadline(time.Time) error { return nil }
func (*voidConn) Close() error                    { return nil }

var (
	us       = netip.MustParseAddr("198.51.100.2")
	client   = netip.MustParseAddrPort("203.0.113.1:40000")
	stranger = netip.MustParseAddrPort("192.0.2.9:5060")
)

// quiet is a responder that listens in the void, without limits on speed.
func quiet(t testing.TB, v *void) *Server {
	t.Helper()
	s, err := New(Config{
		Net: v, Listen: []netip.Addr{us, netip.MustParseAddr("198.51.100.3")},
		Limits: Limits{PerSession: 1e9, SessionBurst: 1e9, PerSource: 1e9, Burst: 1e9, Strangers: 1e9, Sessions: 200000, SessionsPerSource: 100000},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func conversationOf(t testing.TB, s *Server, from netip.AddrPort, n int) *conversation {
	t.Helper()
	body, _ := json.Marshal(session.OpenRequest{Protocol: session.Protocol, Dialled: us})
	c, _, err := s.open(&controlCall{id: fmt.Sprintf("%032x", n), seen: from, reached: us, body: body}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *Server) socketFor(kind socketKind, port int) *socket {
	return s.ports.find(kind, netip.AddrPortFrom(us, uint16(port)))
}

// FuzzDatagram throws bytes at every kind of UDP port, from an address that
// has proved nothing, and at a session whose tokens it may use.
func FuzzDatagram(f *testing.F) {
	v := &void{}
	s := quiet(f, v)
	c := conversationOf(f, s, client, 1)
	invite := strings.ReplaceAll(string(request("INVITE", "")), "call-1", session.NewToken(c.id, c.secret, 1))
	hello, _ := (&session.Frame{Call: strings.Repeat("0", 32), Op: session.OpHello}).Seal(1)
	f.Add([]byte(invite), uint8(0))
	f.Add(session.Mask([]byte(invite), 3), uint8(0))
	f.Add(hello, uint8(0))
	f.Add(stun.Request{ID: stun.NewID(), ChangeIP: true, ChangePort: true}.Bytes(), uint8(1))
	f.Add([]byte(invite), uint8(2))
	f.Fuzz(func(t *testing.T, b []byte, port uint8) {
		u, limit := s.socketFor(probeSocket, 5060), len(b)
		switch port % 3 {
		case 1:
			u, limit = s.socketFor(stunSocket, 3478), len(b)
		case 2:
			u, limit = s.socketFor(mediaSocket, s.ports.rtp), 0
		}
		v.sent = []sentDatagram{}
		s.datagram(t.Context(), u, platform.Datagram{N: len(b), From: stranger, To: us, TTL: 60, TOS: -1}, b)
		total := 0
		for _, d := range v.sent {
			if d.to != stranger {
				t.Errorf("a datagram went to %s, who did not ask", d.to)
			}
			total += d.bytes
		}
		if total > limit {
			t.Errorf("%d bytes for %d, at most %d are allowed", total, len(b), limit)
		}
		if n := s.counters.panics.Load(); n > 0 {
			t.Fatal("the handling panicked")
		}
	})
}

// FuzzControlBodies gives every control call any JSON.
func FuzzControlBodies(f *testing.F) {
	s := quiet(f, &void{})
	f.Add(`{"protocol":1,"dialled":"::1"}`, uint8(0))
	f.Add(`{"flow":1,"probe":-1}`, uint8(1))
	f.Add(`{"probe":1,"port":99999}`, uint8(2))
	f.Fuzz(func(t *testing.T, body string, op uint8) {
		c := conversationOf(t, s, client, 1)
		call := &controlCall{id: "x", seen: client, reached: us, body: []byte(body)}
		if op%4 == 0 {
			if conv, _, err := s.open(call, time.Now()); err == nil {
				s.sessions.end(conv)
			}
			return
		}
		call.op = []string{"", session.OpInvite, session.OpRTP, body}[op%4]
		if call.op == session.OpArrivals || call.op == session.OpClose {
			return
		}
		if v, err := s.perform(t.Context(), call, c); err == nil {
			t.Errorf("%s %q succeeded on an empty session: %v", call.op, body, v)
		}
	})
}

func TestExpiredSessionsLeaveNothingBehind(t *testing.T) {
	s := quiet(t, &void{})
	for i := range 50 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 5060)
		c := conversationOf(t, s, from, i)
		req := strings.ReplaceAll(string(request("INVITE", "")), "call-1", session.NewToken(c.id, c.secret, 1))
		s.datagram(t.Context(), s.socketFor(probeSocket, 5060), platform.Datagram{N: len(req), From: from, To: us}, []byte(req))
		c.begin("a call")
		c.finish("a call", 200, make([]byte, 5000))
	}
	if open, _ := s.sessions.count(); open != 50 || s.sessions.bytes.Load() < 50*5000 {
		t.Fatalf("%d sessions, %d bytes", open, s.sessions.bytes.Load())
	}
	s.sessions.expire(time.Now().Add(2 * time.Minute))
	if open, _ := s.sessions.count(); open != 0 || s.sessions.bytes.Load() != 0 || len(s.sessions.bySrc) != 0 || len(s.sessions.byCall) != 0 {
		t.Errorf("left: %d sessions, %d bytes, %d sources, %d calls", open, s.sessions.bytes.Load(), len(s.sessions.bySrc), len(s.sessions.byCall))
	}
}

func TestTheTableOfSourcesIsBounded(t *testing.T) {
	m := newLimiter(Limits{PerSource: 1, Burst: 2}.withDefaults())
	now := time.Now()
	for i := range maxSources + 1000 {
		m.allow(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now)
	}
	if len(m.sources) != maxSources {
		t.Errorf("%d sources", len(m.sources))
	}
	if !m.allow(netip.AddrFrom4([4]byte{10, 0, 0, 1}), now) {
		t.Error("who is in the table is slowed by those who are not")
	}
	m.forget(now.Add(time.Hour))
	if len(m.sources) != 0 {
		t.Errorf("%d sources after an hour of silence", len(m.sources))
	}
}

func TestOneIPv6CustomerIsOneSource(t *testing.T) {
	a, b := netip.MustParseAddr("2001:db8:1:2::1"), netip.MustParseAddr("2001:db8:1:2:ffff::9")
	if sourceKey(a) != sourceKey(b) || sourceKey(a) == sourceKey(netip.MustParseAddr("2001:db8:1:3::1")) {
		t.Errorf("keys %s and %s", sourceKey(a), sourceKey(b))
	}
}

// BenchmarkEcho is one SIP message of a session from the socket's buffer to
// the answer, without the system calls, each with bytes of its own; the
// session is renewed when it is full.
func BenchmarkEcho(b *testing.B) {
	s := quiet(b, &void{})
	u := s.socketFor(probeSocket, 5060)
	c := conversationOf(b, s, client, 0)
	n := 0
	for b.Loop() {
		if n++; n%200 == 0 {
			s.sessions.end(c)
			c = conversationOf(b, s, client, n)
		}
		req := strings.ReplaceAll(string(request("OPTIONS", fmt.Sprintf("X: %d\r\n", n))), "call-1", session.NewToken(c.id, c.secret, n&0xffff))
		s.datagram(b.Context(), u, platform.Datagram{N: len(req), From: client, To: us}, []byte(req))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "echoes/s")
}

// BenchmarkStranger is a scanner's OPTIONS.
func BenchmarkStranger(b *testing.B) {
	s := quiet(b, &void{})
	u := s.socketFor(probeSocket, 5060)
	req := request("OPTIONS", "User-Agent: friendly-scanner\r\n")
	for b.Loop() {
		s.datagram(b.Context(), u, platform.Datagram{N: len(req), From: stranger, To: us}, req)
	}
}

// BenchmarkSessions opens 10,000 sessions with five recorded messages each and
// reports what they hold.
func BenchmarkSessions(b *testing.B) {
	const sessions = 10000
	for b.Loop() {
		s := quiet(b, &void{})
		u := s.socketFor(probeSocket, 5060)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range sessions {
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{100, 64, byte(i >> 8), byte(i)}), 5060)
			c := conversationOf(b, s, from, i)
			for probe := range 5 {
				req := strings.ReplaceAll(string(request("OPTIONS", "")), "call-1", session.NewToken(c.id, c.secret, probe))
				s.datagram(b.Context(), u, platform.Datagram{N: len(req), From: from, To: us}, []byte(req))
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if open, _ := s.sessions.count(); open != sessions {
			b.Fatalf("%d sessions", open)
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
		b.ReportMetric(float64(s.sessions.bytes.Load())/(1<<20), "recorded-MiB")
		runtime.KeepAlive(s)
	}
}

// TestBehindA1To1NATTheClientsViewCounts is the ordinary cloud server, whose
// public address it does not have itself.
func TestBehindA1To1NATTheClientsViewCounts(t *testing.T) {
	s := quiet(t, &void{})
	public := netip.MustParseAddr("203.0.113.80")
	body, _ := json.Marshal(session.OpenRequest{Protocol: session.Protocol, Dialled: public})
	c, info, err := s.open(&controlCall{id: strings.Repeat("a", 32), seen: client, reached: us, body: body}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if info.Alternate.IsValid() {
		t.Errorf("the client is told of %s, which nobody outside can reach", info.Alternate)
	}
	a := s.answerer(c, client, netip.AddrPortFrom(us, 5060), "udp", 1)
	if sdp := string(a.sdp()); !strings.Contains(sdp, "c=IN IP4 203.0.113.80\r\n") || strings.Contains(sdp, us.String()) {
		t.Errorf("SDP names another address than the client's:\n%s", sdp)
	}
}
