package responder

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	pion "github.com/pion/stun/v2"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/platform"
)

// family is a responder and those who talk to it, over one version of IP.
type family struct {
	name             string
	us, us2          netip.Addr
	client, stranger netip.AddrPort
	header           int // of IP, bytes
}

func families() []family {
	return []family{
		{"IPv4", us, netip.MustParseAddr("198.51.100.3"), client, stranger, 20},
		{"IPv6", netip.MustParseAddr("2001:db8:1::2"), netip.MustParseAddr("2001:db8:1::3"),
			netip.MustParseAddrPort("[2001:db8:2::1]:40000"), netip.MustParseAddrPort("[2001:db8:3::9]:5060"), 40},
	}
}

// cost is what a UDP payload is on a link with an MTU of 1500.
func (f family) cost(payload int) (size, packets int) {
	const mtu = 1500
	whole := payload + 8
	packets = max(1, (whole+mtu-f.header-1)/(mtu-f.header))
	return whole + packets*f.header, packets
}

func (f family) responder(t testing.TB, v *void, limits Limits) *Server {
	t.Helper()
	s, err := New(Config{Net: v, Listen: []netip.Addr{f.us, f.us2}, Limits: limits})
	if err == nil {
		err = s.Listen(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// operations are the names of all control calls, out of the code: a call that
// is added tomorrow is tested.
func operations(t *testing.T) (ops []string) {
	t.Helper()
	entries, err := os.ReadDir("../internal/session")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), "../internal/session/"+e.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Names) != 1 || len(v.Values) != 1 || !strings.HasPrefix(v.Names[0].Name, "Op") {
				return true
			}
			if lit, ok := v.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				op, _ := strconv.Unquote(lit.Value)
				ops = append(ops, op)
			}
			return true
		})
	}
	if len(ops) < 10 {
		t.Fatalf("only %d control calls were found: %v", len(ops), ops)
	}
	return ops
}

// everyKind are messages of all kinds that the responder understands, with and
// without the token of a session of somebody else's address.
func everyKind(t *testing.T, s *Server, f family) map[string][]byte {
	t.Helper()
	c := conversationAt(t, s, f, 1)
	if _, err := s.rtp.start(c); err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	message := func(name, text string) {
		out[name] = []byte(text)
		out[name+", masked"] = session.Mask([]byte(text), 5)
	}
	for i, method := range []string{"OPTIONS", "INVITE", "REGISTER", "ACK", "BYE", "CANCEL", "SUBSCRIBE", "MESSAGE", "X"} {
		text := string(request(method, ""))
		token := session.NewToken(c.id, c.secret, i)
		message(method, text)
		message(method+" with room", string(roomy(text)))
		message(method+" with a token and room", string(roomy(strings.ReplaceAll(text, "call-1", token))))
		message(method+" with a token", strings.ReplaceAll(text, "call-1", token))
		message(method+" as short as can be", fmt.Sprintf("%s a SIP/2.0\r\nv:SIP/2.0/UDP x;rport\r\nf:a\r\nt:b\r\ni:%s\r\nCSeq:1 %[1]s\r\n\r\n", method, token))
		message(method+" short, no token", fmt.Sprintf("%s a SIP/2.0\r\nv:SIP/2.0/UDP x;rport\r\nf:a\r\nt:b\r\ni:c\r\nCSeq:1 %[1]s\r\n\r\n", method))
		message(method+" with many Vias", strings.Replace(text, "Via:", "Via: SIP/2.0/UDP x;rport\r\nVia:", 3))
	}
	probe := session.NewToken(c.id, c.secret, 100)
	message("a response", "SIP/2.0 200 OK\r\nv:x\r\nt:a\r\ni:"+probe+"\r\nCSeq: 1 INVITE\r\n\r\n")
	message("a token", probe)
	message("a later flow", string(session.LaterMessage(f.stranger, netip.AddrPortFrom(f.us, 5060), session.NewToken(c.id, c.secret, 101), 1)))
	for _, want := range []int{0, session.MinSize, 1000, session.MaxSize} {
		message(fmt.Sprintf("a size probe that wants %d", want), string(session.SizeProbe{Token: session.NewToken(c.id, c.secret, 102+want), Want: want}.Bytes(600)))
	}
	for _, op := range operations(t) {
		for name, cookie := range map[string][]byte{"no cookie": nil, "a wrong cookie": make([]byte, session.CookieLen), "somebody's cookie": s.cookies.make(f.client, time.Now())} {
			frame := session.Frame{Call: strings.Repeat("0", 32), Op: op, Session: c.id, Cookie: cookie, Body: []byte(`{}`)}
			frame.Sign(c.secret)
			b, err := frame.Seal(1)
			if err != nil {
				t.Fatal(err)
			}
			out["call "+op+" with "+name] = b
			p, _ := session.Unmask(b)
			out["call "+op+" with "+name+", not padded"] = session.Mask(bytes.TrimRight(p, " "), 1)
		}
	}
	for flags := range 64 {
		bit := func(n int) bool { return flags&(1<<n) != 0 }
		r := stun.Request{ID: stun.NewID(), ChangeIP: bit(0), ChangePort: bit(1), Fingerprint: bit(2)}
		if bit(4) {
			r.Padding = 1400
		}
		if bit(5) {
			r.Software = stun.ClientSoftware
		}
		b := r.Bytes()
		if bit(3) {
			b = answeredAt(r, 5000)
		}
		out[fmt.Sprintf("STUN %06b", flags)] = b
	}
	unknown := append(stun.Request{ID: stun.NewID()}.Bytes(), bytes.Repeat([]byte{0x71, 0x23, 0, 0}, 3)...)
	unknown[3] = 12
	out["STUN with unknown attributes"] = unknown
	key, err := session.NewRTPKey(c.id, c.secret)
	if err != nil {
		t.Fatal(err)
	}
	out["an RTP probe"] = key.Append(nil, session.RTPProbe{Port: 20000, Serial: 1})
	media, err := session.NewMediaKey(c.id, c.secret)
	if err != nil {
		t.Fatal(err)
	}
	out["a packet of a call"] = media.Append(nil, session.MediaPacket{Session: media.Session, Hello: true})
	return out
}

// answeredAt is a STUN question that wants its answer at another port (RFC 5780,
// section 7.5).
func answeredAt(r stun.Request, port uint16) []byte {
	fingerprint := r.Fingerprint
	r.Fingerprint = false
	m := &pion.Message{Raw: r.Bytes()}
	if m.Decode() != nil {
		return nil
	}
	m.Add(pion.AttrResponsePort, binary.BigEndian.AppendUint16(nil, port))
	if fingerprint {
		_ = pion.Fingerprint.AddTo(m)
	}
	return m.Raw
}

// roomy is a request with a header field that the answer leaves out.
func roomy(text string) []byte {
	return []byte(strings.Replace(text, "CSeq:", "Subject: "+strings.Repeat("x", 200)+"\r\nCSeq:", 1))
}

func conversationAt(t testing.TB, s *Server, f family, n int) *conversation {
	t.Helper()
	body, _ := json.Marshal(session.OpenRequest{Protocol: session.Protocol, Dialled: f.us})
	c, _, err := s.open(&controlCall{id: fmt.Sprintf("%032x", n), seen: f.client, reached: f.us, body: body}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// give hands one datagram to everything that reads UDP, and returns what each
// made of it.
func give(t *testing.T, s *Server, v *void, f family, b []byte) map[string][]sentDatagram {
	t.Helper()
	out := map[string][]sentDatagram{}
	d := platform.Datagram{N: len(b), From: f.stranger, To: f.us, TTL: 60, TOS: -1}
	for _, u := range s.ports.sockets {
		if u.addr != f.us {
			continue
		}
		v.sent = []sentDatagram{}
		s.datagram(t.Context(), u, d, bytes.Clone(b))
		out[fmt.Sprintf("UDP %d", u.port)] = v.sent
	}
	v.sent = []sentDatagram{}
	to := netip.AddrPortFrom(f.us, 20000)
	s.calls.datagram(&voidConn{v: v}, d, bytes.Clone(b), to)
	if reply := s.rtp.datagram(bytes.Clone(b), f.stranger, to); reply != nil {
		v.sent = append(v.sent, sentDatagram{f.stranger, len(reply)})
	}
	out["the RTP range"] = v.sent
	return out
}

// TestNothingUnprovenIsAmplifiedOnTheWire counts as a link does, with all
// headers and fragments: whatever comes from an address that has not shown
// itself, and whatever becomes of a message when bytes of it are changed, no
// more goes back than came, in bytes and in packets.
func TestNothingUnprovenIsAmplifiedOnTheWire(t *testing.T) {
	free := Limits{PerSource: 1e9, Burst: 1e9, Strangers: 1e9, Sessions: 100000, SessionsPerSource: 100000}
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			v := &void{}
			s := f.responder(t, v, free)
			rng := rand.New(rand.NewPCG(1, 2))
			answered, worst := map[string]bool{}, 0.0
			check := func(name string, b []byte) {
				asked, in := f.cost(len(b))
				for where, sent := range give(t, s, v, f, b) {
					bytesOut, out := 0, 0
					for _, d := range sent {
						if d.to != f.stranger {
							t.Errorf("%s to %s: a datagram went to %s, who did not ask", name, where, d.to)
						}
						n, p := f.cost(d.bytes)
						bytesOut, out = bytesOut+n, out+p
						answered[where] = true
					}
					worst = max(worst, float64(bytesOut)/float64(asked))
					if bytesOut > asked || out > in {
						t.Errorf("%s to %s: %d bytes in %d packets came, %d bytes in %d packets went: %.2f times", name, where, asked, in, bytesOut, out, float64(bytesOut)/float64(asked))
					}
				}
			}
			for name, b := range everyKind(t, s, f) {
				check(name, b)
				check(name+", again", b)
				for range 40 {
					check(name+", changed", mutate(rng, b))
				}
			}
			for _, where := range []string{"UDP 5060", "UDP 8765", "UDP 3478"} {
				if !answered[where] {
					t.Errorf("nothing was ever answered at %s: this proves nothing", where)
				}
			}
			if answered["the RTP range"] || answered["UDP 8770"] {
				t.Error("RTP was answered to somebody unproven")
			}
			if n := s.counters.panics.Load(); n > 0 {
				t.Errorf("%d messages met a mistake of the program", n)
			}
			t.Logf("at most %.2f times what came", worst)
		})
	}
}

// mutate changes, cuts or lengthens a message.
func mutate(rng *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	if p, ok := session.Unmask(b); ok && rng.IntN(2) == 0 {
		return session.Mask(mutate(rng, p), 9) // else only the mask would be broken
	}
	for range 1 + rng.IntN(3) {
		at := rng.IntN(len(b))
		switch rng.IntN(4) {
		case 0:
			b[at] = byte(rng.IntN(256))
		case 1:
			b = b[:max(1, at)]
		case 2:
			b = append(b[:at:at], append(bytes.Repeat([]byte{b[at]}, rng.IntN(40)), b[at:]...)...)
		case 3:
			b = append(b, make([]byte, 4*rng.IntN(4))...)
		}
	}
	if len(b) >= 20 && rng.IntN(2) == 0 && b[0]&0xc0 == 0 { // STUN: let the length fit again
		b[2], b[3] = byte((len(b)-20)>>8), byte(len(b)-20)
	}
	return b
}

// All answers to strangers together have a ceiling, in packets and in bytes,
// and no kind of them gets the share of another.
func TestStrangersTogetherHaveACeiling(t *testing.T) {
	const perSecond = 5
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			v := &void{}
			s := f.responder(t, v, Limits{PerSource: 1e9, Burst: 1e9, Strangers: perSecond})
			c := conversationAt(t, s, f, 1)
			hello, _ := (&session.Frame{Call: strings.Repeat("0", 32), Op: session.OpHello}).Seal(1)
			own := func(i int) []byte {
				return roomy(strings.ReplaceAll(string(request("OPTIONS", "")), "call-1", session.NewToken(c.id, c.secret, i)))
			}
			begin := time.Now()
			for _, k := range []struct {
				name string
				port int
				kind socketKind
				b    func(int) []byte
			}{
				{"OPTIONS", 5060, probeSocket, func(int) []byte { return roomy(string(request("OPTIONS", ""))) }},
				{"a long OPTIONS", 5060, probeSocket, func(int) []byte {
					return bytes.Replace(request("OPTIONS", ""), []byte("CSeq:"), append(append([]byte("Record-Route: "), bytes.Repeat([]byte("x"), 9000)...), "\r\nCSeq:"...), 1)
				}},
				{"STUN", 3478, stunSocket, func(int) []byte { return stun.Request{ID: stun.NewID(), Software: stun.ClientSoftware}.Bytes() }},
				{"a question for a cookie", 8765, probeSocket, func(int) []byte { return hello }},
				{"a session's message from elsewhere", 5060, probeSocket, own},
				{"a session's message from elsewhere, again", 5060, probeSocket, func(int) []byte { return own(0) }},
				{"a later flow from elsewhere", 5060, probeSocket, func(i int) []byte {
					return session.LaterMessage(f.stranger, netip.AddrPortFrom(f.us, 5060), session.NewToken(c.id, c.secret, 1000+i), 1)
				}},
				{"a size probe from elsewhere", 8765, probeSocket, func(i int) []byte {
					return session.Mask(session.SizeProbe{Token: session.NewToken(c.id, c.secret, 2000), Want: 600}.Bytes(600), uint32(i))
				}},
			} {
				v.sent = []sentDatagram{}
				u := s.ports.find(k.kind, netip.AddrPortFrom(f.us, uint16(k.port)))
				for i := range 400 {
					from := netip.AddrPortFrom(f.stranger.Addr(), uint16(1024+i))
					b := k.b(i)
					s.datagram(t.Context(), u, platform.Datagram{N: len(b), From: from, To: f.us, TTL: 60, TOS: -1}, b)
				}
				most := perSecond*(1+int(time.Since(begin)/time.Second)) + 1
				total := 0
				for _, d := range v.sent {
					total += d.bytes
				}
				if len(v.sent) > most || total > most*strangerBytes {
					t.Errorf("%s: %d answers of %d bytes, at most %d of %d together", k.name, len(v.sent), total, most, most*strangerBytes)
				}
				if first := k.name == "OPTIONS" || k.name == "STUN" || k.name == "a question for a cookie" || k.name == "a session's message from elsewhere"; first && len(v.sent) == 0 {
					t.Errorf("%s: the flood of another kind has taken its share", k.name)
				}
			}
		})
	}
}

// Somebody who has shown itself is told everything, whatever strangers do.
func TestAProvenAddressNeedsNoPadding(t *testing.T) {
	for _, f := range families() {
		v := &void{}
		s := f.responder(t, v, Limits{Strangers: 1})
		u := s.ports.find(stunSocket, netip.AddrPortFrom(f.us, 3478))
		ask := func(from netip.AddrPort, r stun.Request) int {
			v.sent = []sentDatagram{}
			r.ID = stun.NewID()
			b := r.Bytes()
			s.datagram(t.Context(), u, platform.Datagram{N: len(b), From: from, To: f.us, TTL: 60, TOS: -1}, b)
			if len(v.sent) == 0 {
				return 0
			}
			return v.sent[0].bytes
		}
		if n := ask(f.client, stun.Request{}); n != 0 {
			t.Errorf("%s: a bare question of a stranger got %d bytes", f.name, n)
		}
		conversationAt(t, s, f, 1)
		for range 50 {
			if ask(f.client, stun.Request{}) < 40 || ask(f.client, stun.Request{ChangeIP: true}) < 40 {
				t.Fatalf("%s: the session's own address is not answered in full", f.name)
			}
		}
		if n := ask(netip.AddrPortFrom(f.stranger.Addr(), 9), stun.Request{}); n != 0 {
			t.Errorf("%s: another address got %d bytes", f.name, n)
		}
	}
}
