package responder_test

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	pion "github.com/pion/stun/v2"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/checks/responder"
)

// strangerAddr is an address from which no session was opened.
const strangerAddr = "127.0.0.9"

func seal(t *testing.T, f session.Frame) []byte {
	t.Helper()
	b, err := f.Seal(1)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func randomCall() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// TestNoKindOfPacketIsAmplified sends everything that the responder knows
// from an address that has proved nothing, and counts what comes back.
func TestNoKindOfPacketIsAmplified(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	victim := newPhone(t, "127.0.0.66")
	lure := func(b []byte) []byte { // every address in the message is the victim's
		b = bytes.ReplaceAll(b, []byte("192.168.88.10:5060"), []byte(victim.conn.LocalAddr().String()))
		return bytes.ReplaceAll(b, []byte("192.168.88.10"), []byte("127.0.0.66"))
	}
	type packet struct {
		name  string
		port  int
		bytes []byte
		times int // how much longer an answer may be
	}
	var packets []packet
	add := func(name string, port int, b []byte, times int) {
		packets = append(packets, packet{name, port, b, times})
	}
	sipPort, plain := c.Info.SIPUDP[0], c.Info.PlainUDP[0]
	for i, method := range []string{"OPTIONS", "REGISTER", "INVITE", "ACK", "BYE", "CANCEL", "SUBSCRIBE"} {
		rtp := 0
		if method == "INVITE" {
			rtp = int(victim.conn.LocalAddr().Port())
		}
		mine, wrong := lure(sipRequest(method, c.Token(i), "udp", rtp)), lure(sipRequest(method, "nobody", "udp", rtp))
		add(method+" without a token", sipPort, wrong, 1)
		add(method+" without a token, masked", sipPort, session.Mask(wrong, 1), 1)
		add(method+" with a token, from elsewhere", sipPort, mine, 1)
		add(method+" with a token, masked, from elsewhere", plain, session.Mask(mine, 1), 1)
		forged := session.NewToken(c.Info.ID, []byte("guess"), 1)
		add(method+" with a forged token", sipPort, lure(sipRequest(method, forged, "udp", rtp)), 1)
	}
	tiny := fmt.Sprintf("INVITE a SIP/2.0\r\nv:SIP/2.0/UDP x;rport\r\nf:a\r\nt:b\r\ni:%s\r\nCSeq:1 INVITE\r\n\r\n", c.Token(50))
	add("the shortest INVITE with a token", sipPort, []byte(tiny), 1)
	add("the shortest OPTIONS", sipPort, []byte("OPTIONS a SIP/2.0\r\nv:SIP/2.0/UDP x;rport\r\nf:a\r\nt:b\r\ni:c\r\nCSeq:1 OPTIONS\r\n\r\n"), 1)
	add("the token alone", sipPort, []byte(c.Token(51)), 1)
	add("a SIP response", sipPort, fmt.Appendf(nil, "SIP/2.0 200 OK\r\nv:x\r\nt:a\r\ni:%s\r\nCSeq: 1 INVITE\r\n\r\n", c.Token(52)), 1)
	add("a question for a cookie", plain, seal(t, session.Frame{Call: randomCall(), Op: session.OpHello}), 1)
	open, _ := json.Marshal(session.OpenRequest{Protocol: session.Protocol})
	add("an open without a cookie", plain, seal(t, session.Frame{Call: randomCall(), Op: session.OpOpen, Body: open}), 1)
	add("an open with a wrong cookie", plain, seal(t, session.Frame{Call: randomCall(), Op: session.OpOpen, Body: open, Cookie: make([]byte, session.CookieLen)}), 1)
	signed := session.Frame{Call: randomCall(), Op: session.OpArrivals, Session: c.Info.ID}
	signed.Sign(c.Info.Secret)
	add("a call of the session without a cookie", plain, seal(t, signed), 1)
	short, _ := json.Marshal(session.Frame{Version: session.FrameVersion, Call: randomCall(), Op: session.OpHello})
	add("a control frame that is not padded", plain, session.Mask(short, 1), 0)
	add("a broken control frame", plain, session.Mask(append([]byte(`{"v":1,"id":`), bytes.Repeat([]byte(" "), 1200)...), 1), 0)
	add("RTP to the RTP port", s.Ports().RTP, sipRequest("OPTIONS", c.Token(53), "udp", 0), 0)
	add("a bare STUN question", c.Info.STUN[0], stun.Request{ID: stun.NewID()}.Bytes(), 1)
	add("STUN that wants another address to answer", c.Info.STUN[0], stun.Request{ID: stun.NewID(), ChangeIP: true}.Bytes(), 1)
	port := binary.BigEndian.AppendUint16(nil, victim.conn.LocalAddr().Port())
	askAnotherPort := pion.MustBuild(pion.TransactionID, pion.BindingRequest, pion.RawAttribute{Type: pion.AttrResponsePort, Value: port}).Raw
	add("STUN that wants another port to be answered", c.Info.STUN[0], askAnotherPort, 1)
	add("rubbish", sipPort, []byte("\x00\x01\x02"), 0)

	var from []*phone
	for _, p := range packets {
		f := newPhone(t, strangerAddr)
		f.send(p.port, p.bytes)
		from = append(from, f)
	}
	time.Sleep(2 * brief) // all answers come in that time, or at the next question
	for i, p := range packets {
		t.Run(p.name, func(t *testing.T) {
			back := 0
			for b, _ := from[i].hear(time.Millisecond); b != nil; b, _ = from[i].hear(time.Millisecond) {
				back += len(b)
			}
			if back > p.times*len(p.bytes) {
				t.Errorf("%d bytes came back for %d", back, len(p.bytes))
			}
		})
	}
	if b, by := victim.hear(brief); b != nil {
		t.Errorf("somebody who never spoke got %q from %s", b, by)
	}
}

func TestNothingIsSentToAnAddressThatHasNotShownItself(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	p := newPhone(t, strangerAddr)
	req := sipRequest("INVITE", c.Token(1), "udp", int(p.conn.LocalAddr().Port()))
	reply := p.ask(c.Info.SIPUDP[0], req, patient)
	if !bytes.HasPrefix(reply, []byte("SIP/2.0 200 OK\r\n")) || len(reply) > len(req) {
		t.Fatalf("answer to another address of the client's carrier: %q", reply)
	}
	if _, err := c.Invite(t.Context(), session.InviteRequest{Flow: 1, Probe: 2}); err == nil || !strings.Contains(err.Error(), "has not shown") {
		t.Errorf("a call to that flow: %v", err)
	}
	if _, err := c.RTP(t.Context(), session.RTPRequest{Probe: 1}); err == nil || !strings.Contains(err.Error(), "has not shown") {
		t.Errorf("RTP to that address: %v", err)
	}
	if b, _ := p.hear(brief); b != nil {
		t.Errorf("it got %q all the same", b)
	}

	// The cookie, asked for and returned from there, shows that it is ours.
	hello := p.ask(c.Info.PlainUDP[0], seal(t, session.Frame{Call: randomCall(), Op: session.OpHello}), patient)
	f := session.Frame{Call: randomCall(), Op: session.OpArrivals, Session: c.Info.ID, Cookie: frameReply(t, hello).Cookie}
	f.Sign(c.Info.Secret)
	if r := frameReply(t, p.ask(c.Info.PlainUDP[0], seal(t, f), patient)); r.Status != http.StatusOK {
		t.Fatalf("call with the cookie: %+v", r)
	}
	if _, err := c.Invite(t.Context(), session.InviteRequest{Flow: 1, Probe: 2}); err != nil {
		t.Errorf("a call after the cookie: %v", err)
	}
	if b, _ := p.hear(patient); !bytes.HasPrefix(b, []byte("INVITE ")) {
		t.Errorf("it heard %q, want the call", b)
	}
}

func frameReply(t *testing.T, b []byte) session.FrameReply {
	t.Helper()
	p, ok := session.Unmask(b)
	r, err := session.ParseFrameReply(p)
	if !ok || err != nil {
		t.Fatalf("%q is no reply frame: %v", b, err)
	}
	return r
}

func TestAStolenCookieIsWorthNothingElsewhere(t *testing.T) {
	s := start(t, nil)
	port := s.Ports().PlainUDP[0]
	mine, thief := newPhone(t, "127.0.0.1"), newPhone(t, strangerAddr)
	cookie := frameReply(t, mine.ask(port, seal(t, session.Frame{Call: randomCall(), Op: session.OpHello}), patient)).Cookie
	body, _ := json.Marshal(session.OpenRequest{Protocol: session.Protocol})
	f := session.Frame{Call: randomCall(), Op: session.OpOpen, Cookie: cookie, Body: body}
	if r := frameReply(t, thief.ask(port, seal(t, f), patient)); r.Status != session.StatusCookie {
		t.Errorf("the thief gets status %d, want %d", r.Status, session.StatusCookie)
	}
	if r := frameReply(t, mine.ask(port, seal(t, f), patient)); r.Status != http.StatusOK {
		t.Errorf("the owner gets status %d", r.Status)
	}
}

func TestAFloodFromOneSourceDoesNotSilenceOthers(t *testing.T) {
	s := start(t, func(c *responder.Config) { c.Limits.PerSource, c.Limits.Burst = 1, 3 })
	c := open(t, s)
	flood := newPhone(t, strangerAddr)
	for range 50 {
		flood.send(c.Info.SIPUDP[0], sipRequest("OPTIONS", "nobody", "udp", 0))
	}
	heard := 0
	for b, _ := flood.hear(brief); b != nil; b, _ = flood.hear(brief) {
		heard++
	}
	if heard < 1 || heard > 5 {
		t.Errorf("the flood got %d answers, want about 3", heard)
	}
	if b := newPhone(t, "127.0.0.1").ask(c.Info.SIPUDP[0], sipRequest("OPTIONS", c.Token(1), "udp", 0), patient); b == nil {
		t.Error("the session gets no answer beside the flood")
	}
}

func TestAFullSessionSaysThatItDroppedSomething(t *testing.T) {
	// What the session and its connection cost, and a little more than one message.
	s := start(t, func(c *responder.Config) { c.Limits.Memory = 50000 })
	c := open(t, s)
	p := newPhone(t, "127.0.0.1")
	for i := range 3 {
		p.ask(c.Info.SIPUDP[0], sipRequest("OPTIONS", c.Token(i), "udp", 0), brief)
	}
	got, err := c.Arrivals(t.Context())
	if len(got) == 0 || len(got) == 3 || err == nil || !strings.Contains(err.Error(), session.ErrIncomplete.Error()) {
		t.Errorf("%d arrivals, error %v", len(got), err)
	}
}

func TestAForgedTokenLeavesNoTrace(t *testing.T) {
	s := start(t, nil)
	c := open(t, s)
	forged := session.NewToken(c.Info.ID, []byte("guess"), 5)
	p := newPhone(t, "127.0.0.1")
	for _, method := range []string{"REGISTER", "INVITE"} {
		if b := p.ask(c.Info.SIPUDP[0], sipRequest(method, forged, "udp", 0), brief); b != nil {
			t.Errorf("%s with a forged token is answered: %q", method, b)
		}
	}
	if got := arrivals(t, c); len(got) != 0 {
		t.Errorf("arrivals of a forger: %+v", got)
	}
}
