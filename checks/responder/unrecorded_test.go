package responder_test

import (
	"bytes"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/responder"
)

func laterMessage(p *phone, port int, token string, seq int) []byte {
	return session.LaterMessage(p.conn.LocalAddr(), netip.AddrPortFrom(loopback, uint16(port)), token, seq)
}

// all collects the bytes of everything that arrives until it is quiet.
func (p *phone) all() (n int) {
	for b, _ := p.hear(brief); b != nil; b, _ = p.hear(brief) {
		n += len(b)
	}
	return n
}

func TestAMessageComesAfterTheAskedSilence(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	p := newPhone(t, "127.0.0.1")
	port := c.Info.SIPUDP[0]
	req := laterMessage(p, port, c.Token(7), 1)
	answer := p.ask(port, req, patient)
	if !bytes.HasPrefix(answer, []byte("SIP/2.0 200 OK\r\n")) || len(answer) > len(req) {
		t.Fatalf("answer %q", answer)
	}
	begin := time.Now()
	r, err := c.Later(t.Context(), session.LaterRequest{Flows: []int{7, 8}, AfterS: 1})
	if err != nil || len(r.Flows) != 2 || r.Flows[0].Packets != 1 || r.Flows[1].From.IsValid() {
		t.Fatalf("%+v, %v", r, err)
	}
	late, from := p.hear(patient)
	if took := time.Since(begin); !session.IsLater(late) || took < 950*time.Millisecond || int(from.Port()) != port {
		t.Errorf("%q from %v after %v", late, from, took)
	}
	copies := 1
	for b, _ := p.hear(time.Second); b != nil; b, _ = p.hear(time.Second) {
		copies++
	}
	r, err = c.Later(t.Context(), session.LaterRequest{Flows: []int{7}, AfterS: 1})
	if err != nil || r.Flows[0].Sent != copies || copies < 2 {
		t.Errorf("%d copies came, the responder says %+v, %v", copies, r, err)
	}
	if n := p.all(); n != 0 {
		t.Errorf("asked again, and %d more bytes came: once is enough", n)
	}
	got, err := c.Arrivals(t.Context())
	if err != nil || len(got) != 0 {
		t.Errorf("%d messages of a silent flow fill the record, %v", len(got), err)
	}
}

func TestNobodyElseIsSpokenTo(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	stranger := newPhone(t, strangerAddr)
	port := c.Info.SIPUDP[0]
	stranger.ask(port, laterMessage(stranger, port, c.Token(7), 1), patient)
	r, err := c.Later(t.Context(), session.LaterRequest{Flows: []int{7}, AfterS: 1})
	if err != nil || !strings.Contains(r.Flows[0].Refused, "has not shown") {
		t.Errorf("%+v, %v", r, err)
	}
	if b, _ := stranger.hear(1500 * time.Millisecond); b != nil {
		t.Errorf("it got %q", b)
	}
}

// Whoever asks for more silence than a session lasts is refused, also with a
// number that wraps round to something short.
func TestSilenceIsBounded(t *testing.T) {
	c := open(t, start(t, func(cfg *responder.Config) { cfg.Limits.Lifetime = 5 * time.Minute }))
	const longest = 300
	minute := int64(18446744133) // times a billion it is a minute, modulo 2^64
	for name, tt := range map[string]struct {
		seconds int
		refused bool
	}{
		"only asking":                       {0, false},
		"a minute":                          {60, false},
		"as long as the session":            {longest, false},
		"a second longer":                   {longest + 1, true},
		"a day":                             {86400, true},
		"what wraps round to a minute":      {max(int(minute), longest+1), true},
		"the largest number":                {math.MaxInt, true},
		"less than nothing":                 {-1, true},
		"less than nothing, and wraps back": {math.MinInt, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Later(t.Context(), session.LaterRequest{Flows: []int{7}, AfterS: tt.seconds})
			if refused := err != nil && strings.Contains(err.Error(), "lasts"); refused != tt.refused || err != nil && !refused {
				t.Errorf("%d s: %v", tt.seconds, err)
			}
		})
	}
}

// Whatever the order of requests and wishes, no more leaves than arrived, and
// a stranger's request is never answered with more than itself.
func TestALongAnswerIsPaidForFirst(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	port := c.Info.PlainUDP[0]
	probe := func(size, want int) []byte {
		return session.Mask(session.SizeProbe{Token: c.Token(9), Seq: want, Want: want}.Bytes(size), 1)
	}
	own, other := newPhone(t, "127.0.0.1"), newPhone(t, strangerAddr)
	if b := own.ask(port, probe(session.MinSize, session.MaxSize), patient); len(b) != session.MinSize {
		t.Errorf("a long answer to a short request: %d bytes", len(b))
	}
	sent, back := session.MinSize, session.MinSize
	for _, want := range []int{0, 0, 0, 3000, 8192, 500, 1200, 8192, 0, 0, 4000} {
		sent += 1200
		back += len(own.ask(port, probe(1200, want), patient))
		if back > sent {
			t.Fatalf("%d bytes came back for %d", back, sent)
		}
	}
	if back < 3000 {
		t.Errorf("%d bytes came back for %d: what was paid for did not come", back, sent)
	}
	for _, want := range []int{0, 1200, 1201, 8192} {
		other.send(port, probe(1200, want))
		if n := other.all(); n > 1200 || n == 0 {
			t.Errorf("a stranger wanted %d bytes for 1200 and got %d", want, n)
		}
	}
	own.send(port, probe(session.MinSize-1, 0))
	own.send(port, session.SizeProbe{Token: c.Token(9), Want: 0}.Bytes(600)) // not masked
	own.send(port, probe(600, 60000))
	if n := own.all(); n != 0 {
		t.Errorf("%d bytes came for what is no size probe", n)
	}
}

func TestMalformedWishesAreRefused(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	f := session.Frame{Call: randomCall(), Op: session.OpLater, Session: c.Info.ID, Body: []byte(`{"flows":"x"}`)}
	p := newPhone(t, "127.0.0.1")
	port := c.Info.PlainUDP[0]
	hello := p.ask(port, seal(t, session.Frame{Call: randomCall(), Op: session.OpHello}), patient)
	f.Cookie = frameReply(t, hello).Cookie
	f.Sign(c.Info.Secret)
	if r := frameReply(t, p.ask(port, seal(t, f), patient)); r.Status != http.StatusBadRequest {
		t.Errorf("status %d", r.Status)
	}
}
