package responder_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/platform"
)

// callLeg is one leg of a simulated call and its client's socket.
type callLeg struct {
	*phone
	key  *session.MediaKey
	leg  int
	port int
	seq  uint32
}

func mediaKey(t *testing.T, c *session.Client) *session.MediaKey {
	t.Helper()
	k, err := session.NewMediaKey(c.Info.ID, c.Info.Secret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// dialLeg opens a leg for a phone at an address.
func dialLeg(t *testing.T, c *session.Client, leg int, at string) *callLeg {
	t.Helper()
	r, err := c.Media(t.Context(), session.MediaRequest{Open: []session.MediaOpen{{Leg: leg, Ports: []int{23456, 23458, 23460, 33462, 43464}}}})
	if err != nil || len(r.Legs) != 1 || r.Legs[0].Port == 0 {
		t.Fatalf("leg %d: %+v, %v", leg, r, err)
	}
	return &callLeg{newPhone(t, at), mediaKey(t, c), leg, r.Legs[0].Port, 0}
}

func (c *callLeg) packet(p session.MediaPacket) []byte {
	p.Session, p.Leg = c.key.Session, uint16(c.leg)
	return c.key.Append(nil, p)
}

func (c *callLeg) hello() { c.send(c.port, c.packet(session.MediaPacket{Hello: true})) }

// talk sends n packets at the pace of a call.
func (c *callLeg) talk(n int) {
	for range n {
		c.send(c.port, c.packet(session.MediaPacket{Seq: c.seq}))
		c.seq++
		time.Sleep(20 * time.Millisecond)
	}
}

func end(t *testing.T, c *session.Client, leg, sent int) session.MediaLeg {
	t.Helper()
	r, err := c.Media(t.Context(), session.MediaRequest{End: []session.MediaEnd{{Leg: leg, Sent: sent}}})
	if err != nil || len(r.Legs) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	return r.Legs[0]
}

// count is how many datagrams come until it is quiet, and of how many bytes.
// That a port is closed may be said, too.
func (p *phone) count() (n, size int) {
	buf := make([]byte, 2048)
	for {
		_ = p.conn.SetReadDeadline(time.Now().Add(brief))
		d, err := p.conn.ReadFrom(buf)
		var closed *platform.ICMPError
		switch {
		case errors.As(err, &closed):
			continue
		case err != nil:
			return n, size
		}
		n++
		size += d.N
	}
}

// testACall makes a short call at a responder and looks at both ends of it.
func testACall(t *testing.T, change func(*responder.Config)) {
	s := start(t, change)
	c := open(t, s)
	p := dialLeg(t, c, 7, "127.0.0.1")
	p.hello()
	b, from := p.hear(patient)
	if m, ok := session.ParseMediaPacket(b); !ok || !m.Hello || !m.Down || !p.key.Proves(b) || int(from.Port()) != p.port {
		t.Fatalf("the answer to a hello is %x from %s", b, from)
	}
	if n, _ := p.count(); n != 0 {
		t.Errorf("a hello brought %d packets more than one", n)
	}
	begin := time.Now()
	p.talk(10)
	p.seq++ // one that was lost
	p.talk(10)
	spoken := time.Since(begin)
	time.Sleep(1300 * time.Millisecond)
	heard, _ := p.count()
	got := end(t, c, 7, 21)
	if got.Up.Sent != 21 || got.Up.Received != 20 || got.Up.BurstMax != 1 || got.Hellos != 1 || got.From != p.conn.LocalAddr() {
		t.Errorf("the responder heard %+v", got)
	}
	// It speaks as long as it hears us and a second more, 50 packets a second;
	// a busy machine makes both later, never more.
	if most := int((spoken+1200*time.Millisecond)/(20*time.Millisecond)) + 2; heard != got.Sent || heard < 20 || heard > most {
		t.Errorf("%d packets came, at most %d should; the responder says %d", heard, most, got.Sent)
	}
	p.talk(5)
	if n, _ := p.count(); n != 0 {
		t.Errorf("%d packets came after the end", n)
	}
	if again := end(t, c, 7, 21); again.Up.Received != 20 {
		t.Errorf("asked again: %+v", again)
	}
}

func TestACallIsAnsweredAsLongAsItIsHeard(t *testing.T) { testACall(t, nil) }

// withoutRaw is the network of a user who may not open raw sockets.
type withoutRaw struct{ platform.Network }

func TestACallWithoutRawSockets(t *testing.T) {
	testACall(t, func(c *responder.Config) { c.Net = withoutRaw{c.Net} })
}

// Everything that may make the responder speak, from an address that has not
// shown that it is the client's: nothing of it may come back.
func TestACallDoesNotReachAStranger(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	victim := dialLeg(t, c, 1, strangerAddr)
	for _, b := range [][]byte{
		victim.packet(session.MediaPacket{Hello: true}), victim.packet(session.MediaPacket{Seq: 0}),
		victim.packet(session.MediaPacket{Seq: 1}), victim.packet(session.MediaPacket{Down: true}),
	} {
		victim.send(victim.port, b)
	}
	time.Sleep(100 * time.Millisecond)
	if _, err := c.Media(t.Context(), session.MediaRequest{Speak: []int{1}}); err != nil {
		t.Fatal(err)
	}
	if n, size := victim.count(); n != 0 {
		t.Errorf("a stranger got %d packets, %d bytes", n, size)
	}
	if got := end(t, c, 1, 2); got.Unproved != 3 || got.Up.Received != 0 || got.From.IsValid() {
		t.Errorf("%+v", got)
	}
}

func TestAForgedPacketBringsNoCall(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	p := dialLeg(t, c, 1, "127.0.0.1")
	forged, err := session.NewMediaKey(c.Info.ID, []byte("guess"))
	if err != nil {
		t.Fatal(err)
	}
	own := p.key
	for _, k := range []*session.MediaKey{forged, own} {
		p.key = k
		if k == own {
			p.leg = 2 // another leg than the one at this port
		}
		p.hello()
		p.talk(3)
	}
	if n, _ := p.count(); n != 0 {
		t.Errorf("%d packets came", n)
	}
}

// A client that goes away in the middle of a call is sent a second of it, and
// one that only asks is sent what it asked for.
func TestACallEndsWithItsClient(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	p := dialLeg(t, c, 1, "127.0.0.1")
	p.talk(1)
	time.Sleep(1300 * time.Millisecond)
	if n, _ := p.count(); n > 55 || n < 40 {
		t.Errorf("one packet brought %d", n)
	}
	for range 6 {
		if _, err := c.Media(t.Context(), session.MediaRequest{Speak: []int{1}}); err != nil {
			t.Fatal(err)
		}
	}
	if n, _ := p.count(); n != 4*session.MediaSpeech {
		t.Errorf("six wishes to speak brought %d packets, four should count", n)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.talk(3)
	if n, _ := p.count(); n != 0 {
		t.Errorf("%d packets came after the session", n)
	}
}

func TestTheNumberOfCallsIsBounded(t *testing.T) {
	s := start(t, nil)
	ask := func(c *session.Client, first, n int) (opened int, refused string) {
		for i := first; i < first+n; i++ {
			r, err := c.Media(t.Context(), session.MediaRequest{Open: []session.MediaOpen{{Leg: i, Ports: []int{20000 + 2*i, 30000 + 2*i, 40000 + 2*i, 50000 + 2*i}}}})
			if err != nil {
				t.Fatal(err)
			}
			if r.Legs[0].Port != 0 {
				opened++
			} else {
				refused = r.Legs[0].Refused
			}
		}
		return opened, refused
	}
	a, b, last := open(t, s), open(t, s), open(t, s)
	if n, why := ask(a, 0, 30); n != 24 || !strings.Contains(why, "as many calls as it may") {
		t.Errorf("one session has %d calls: %q", n, why)
	}
	if n, _ := ask(b, 100, 24); n != 24 {
		t.Errorf("the second session has %d calls", n)
	}
	for i := range 8 { // an office of ten testers, each with as many calls as one may have
		if n, why := ask(open(t, s), 200+100*i, 24); n != 24 {
			t.Fatalf("tester %d of the same office has %d calls: %q", 3+i, n, why)
		}
	}
	if n, why := ask(last, 1000, 24); n != 16 || !strings.Contains(why, "from your address") {
		t.Errorf("one more of the same source has %d: %q", n, why)
	}
	if l, err := last.Limits(t.Context()); err != nil || l.Limits.Ports != 8 {
		t.Errorf("it is told of %+v, %v; want 8 ports", l.Limits, err)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, _ := ask(last, 1100, 1); n != 1 {
		t.Error("no call although another session is over")
	}
	for name, o := range map[string]session.MediaOpen{
		"no port": {Leg: 300}, "a port of somebody else": {Leg: 300, Ports: []int{22, 5060, 80000, -1}}, "a leg that is none": {Leg: -1, Ports: []int{24000}},
	} {
		r, err := last.Media(t.Context(), session.MediaRequest{Open: []session.MediaOpen{o}})
		if err != nil || r.Legs[0].Port != 0 || r.Legs[0].Refused == "" {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestMalformedCallsAreRefused(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	if _, err := c.Media(t.Context(), session.MediaRequest{Look: make([]int, 200)}); err == nil || !strings.Contains(err.Error(), "200 legs") {
		t.Errorf("too many at once: %v", err)
	}
	r, err := c.Media(t.Context(), session.MediaRequest{Look: []int{5}, Speak: []int{5}, End: []session.MediaEnd{{Leg: 5, Sent: 1 << 30}}})
	if err != nil || len(r.Legs) != 3 || r.Legs[2].Refused == "" {
		t.Errorf("a leg that there is not: %+v, %v", r, err)
	}
	f := session.Frame{Call: randomCall(), Op: session.OpMedia, Session: c.Info.ID, Body: json.RawMessage(`{"open":"x"}`)}
	p := newPhone(t, "127.0.0.1")
	port := c.Info.PlainUDP[0]
	hello := p.ask(port, seal(t, session.Frame{Call: randomCall(), Op: session.OpHello}), patient)
	f.Cookie = frameReply(t, hello).Cookie
	f.Sign(c.Info.Secret)
	if r := frameReply(t, p.ask(port, seal(t, f), patient)); r.Status != http.StatusBadRequest {
		t.Errorf("status %d", r.Status)
	}
	none := start(t, func(c *responder.Config) { c.RTPFirst = -1 })
	if _, err := open(t, none).Media(t.Context(), session.MediaRequest{}); err == nil || !strings.Contains(err.Error(), "no RTP ports") {
		t.Errorf("a responder without media: %v", err)
	}
}
