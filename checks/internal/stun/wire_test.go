package stun

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	pion "github.com/pion/stun/v2"
)

var (
	phone    = netip.MustParseAddrPort("203.0.113.1:40000")
	phone6   = netip.MustParseAddrPort("[2001:db8::1]:40000")
	first    = netip.MustParseAddr("198.51.100.2")
	second   = netip.MustParseAddr("198.51.100.3")
	first6   = netip.MustParseAddr("2001:db8:1::2")
	second6  = netip.MustParseAddr("2001:db8:1::3")
	compared = cmp.Options{cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })}
)

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func server(two bool) Server {
	s := Server{Local: netip.AddrPortFrom(first, 3478), Primary: first, Port: 3478, AltPort: 3479, Proven: true}
	if two {
		s.Alternate = second
	}
	return s
}

func TestAnswer(t *testing.T) {
	id := ID{1, 2, 3}
	answered := func(other, origin string) Response {
		r := Response{ID: id, Mapped: phone, Plain: phone, Origin: at(origin)}
		if other != "" {
			r.Other = at(other)
		}
		return r
	}
	refused := func(types ...uint16) Response { return Response{ID: id, ErrorCode: 420, Unknown: types} }
	onPort := func(s Server, local string) Server { s.Local = at(local); return s }
	for _, tc := range []struct {
		name string
		s    Server
		req  Request
		from string // where the answer must leave from
		want Response
	}{
		{"where am I", server(true), Request{}, "198.51.100.2:3478", answered("198.51.100.3:3479", "198.51.100.2:3478")},
		{"change address and port", server(true), Request{ChangeIP: true, ChangePort: true}, "198.51.100.3:3479", answered("198.51.100.3:3479", "198.51.100.3:3479")},
		{"change the address", server(true), Request{ChangeIP: true}, "198.51.100.3:3478", answered("198.51.100.3:3479", "198.51.100.3:3478")},
		{"change the port", server(true), Request{ChangePort: true}, "198.51.100.2:3479", answered("198.51.100.3:3479", "198.51.100.2:3479")},
		{"asked at the second address and port", onPort(server(true), "198.51.100.3:3479"), Request{ChangeIP: true, ChangePort: true}, "198.51.100.2:3478", answered("198.51.100.2:3478", "198.51.100.2:3478")},
		{"asked at a wildcard socket", onPort(server(true), "0.0.0.0:3478"), Request{}, "0.0.0.0:3478", answered("198.51.100.3:3479", "198.51.100.2:3478")},
		{"one address says no other", server(false), Request{}, "198.51.100.2:3478", answered("", "198.51.100.2:3478")},
		{"one address can change the port", server(false), Request{ChangePort: true}, "198.51.100.2:3479", answered("", "198.51.100.2:3479")},
		{"one address cannot change it", server(false), Request{ChangeIP: true}, "198.51.100.2:3478", refused(0x0003)},
		{"one address and port change nothing", Server{Local: at("198.51.100.2:3478"), Primary: first, Port: 3478}, Request{ChangePort: true}, "198.51.100.2:3478", refused(0x0003)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.req.ID, tc.req.Software = id, ClientSoftware
			reply, from, ok := Answer(tc.req.Bytes(), phone, tc.s)
			if !ok || from.String() != tc.from {
				t.Fatalf("answered %v from %v, want from %s", ok, from, tc.from)
			}
			got, err := ParseResponse(reply)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, got, compared); d != "" {
				t.Errorf("answer (-want +got):\n%s", d)
			}
		})
	}
}

// RESPONSE-PORT would send the answer to a port that did not ask.
func TestAnAnswerToAnotherPortIsRefused(t *testing.T) {
	m := pion.MustBuild(pion.TransactionID, pion.BindingRequest, pion.NewSoftware(ClientSoftware), pion.RawAttribute{Type: pion.AttrResponsePort, Value: []byte{0x13, 0x88}})
	reply, from, ok := Answer(m.Raw, phone, server(true))
	if !ok || from.String() != "198.51.100.2:3478" {
		t.Fatalf("answered %v from %v", ok, from)
	}
	got, err := ParseResponse(reply)
	if err != nil || got.ErrorCode != 420 || len(got.Unknown) != 1 || got.Unknown[0] != 0x0027 {
		t.Errorf("answered %+v, %v", got, err)
	}
}

// The bound that keeps the responder from being a weapon: whatever is asked,
// over whichever family, an address that has not shown itself gets no more than
// it sent, and one that has gets four times as much at most.
func TestAnswerNeverAmplifies(t *testing.T) {
	v6 := Server{Local: netip.AddrPortFrom(first6, 3478), Primary: first6, Alternate: second6, Port: 3478, AltPort: 3479}
	answered := 0
	for flags := range 64 {
		bit := func(n int) bool { return flags&(1<<n) != 0 }
		r := Request{ChangeIP: bit(0), ChangePort: bit(1), Fingerprint: bit(2)}
		if bit(3) {
			r.Padding = 37
		}
		if bit(4) {
			r.Software = ClientSoftware
		}
		for from, s := range map[netip.AddrPort]Server{phone: server(true), phone6: v6} {
			s.Proven = bit(5)
			req := r.Bytes()
			reply, origin, ok := Answer(req, from, s)
			limit := len(req)
			if s.Proven && r.Software == "" {
				limit = 4 * len(req)
			}
			if len(reply) > limit {
				t.Errorf("%+v from %v, proven %v: %d bytes asked, %d answered", r, from, s.Proven, len(req), len(reply))
			}
			if (s.Proven || r.Software != "") && !ok {
				t.Errorf("%+v from %v, proven %v, was not answered", r, from, s.Proven)
			}
			if ok && !s.Proven && origin != s.Local {
				t.Errorf("%+v from %v: a stranger was answered from %v", r, from, origin)
			}
			if ok {
				answered++
			}
		}
	}
	if answered < 64 {
		t.Errorf("only %d questions were answered", answered)
	}
}

// What somebody else's client has to bring for its answer.
func TestAStrangersQuestionNeedsRoomForTheAnswer(t *testing.T) {
	stranger, v6 := server(true), Server{Local: netip.AddrPortFrom(first6, 3478), Primary: first6, Port: 3478}
	stranger.Proven = false
	for _, tt := range []struct {
		name    string
		from    netip.AddrPort
		s       Server
		padding int
		want    bool
	}{
		{"a bare question", phone, stranger, 0, false},
		{"room for all but four bytes", phone, stranger, 4, false}, // 28 of 32 bytes
		{"room for the address", phone, stranger, 8, true},
		{"room for an IPv4 address over IPv6", phone6, v6, 8, false},
		{"room for all but four bytes over IPv6", phone6, v6, 16, false}, // 40 of 44 bytes
		{"room for the address over IPv6", phone6, v6, 20, true},
	} {
		reply, _, ok := Answer(Request{Padding: tt.padding}.Bytes(), tt.from, tt.s)
		if ok != tt.want {
			t.Errorf("%s: answered %v, want %v", tt.name, ok, tt.want)
			continue
		}
		if r, err := ParseResponse(reply); ok && (err != nil || r.Mapped != tt.from) {
			t.Errorf("%s: %+v, %v", tt.name, r, err)
		}
	}
}

func TestAnswerIsSilent(t *testing.T) {
	plain := Request{ID: NewID()}.Bytes()
	broken := Request{ID: NewID(), Fingerprint: true}.Bytes()
	broken[len(broken)-1] ^= 1
	reply, _, _ := Answer(plain, phone, server(true))
	indication := append([]byte{0x00, 0x11}, plain[2:]...)
	allocate := append([]byte{0x00, 0x03}, plain[2:]...)
	noCookie := append([]byte{}, plain...)
	noCookie[4] = 0
	for name, b := range map[string][]byte{
		"nothing": nil, "a SIP message": []byte("OPTIONS sip:a@b SIP/2.0\r\n\r\n"), "half a header": plain[:12],
		"an answer": reply, "an indication": indication, "a TURN request": allocate, "RFC 3489 without a cookie": noCookie,
		"bytes behind the message": append(append([]byte{}, plain...), 0), "a wrong fingerprint": broken,
	} {
		if reply, _, ok := Answer(b, phone, server(true)); ok {
			t.Errorf("%s was answered with %x", name, reply)
		}
	}
	if _, _, ok := Answer(plain, netip.AddrPortFrom(first, 0), server(true)); ok {
		t.Error("a question from port 0 was answered")
	}
}

func TestUnknownAttributesAreNamed(t *testing.T) {
	m := pion.MustBuild(pion.TransactionID, pion.BindingRequest)
	m.Add(0x7123, []byte{1})    // required, unknown
	m.Add(0x0024, []byte{0, 1}) // PRIORITY of ICE: required, not for us
	m.Add(0x9999, []byte{1})    // optional, unknown
	m.Add(pion.AttrUsername, []byte("alice"))
	reply, _, ok := Answer(m.Raw, phone, server(true))
	got, err := ParseResponse(reply)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	if d := cmp.Diff(Response{ID: m.TransactionID, ErrorCode: 420, Unknown: []uint16{0x7123, 0x0024}}, got, compared); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// An attribute that is too short made the library panic or read stale bytes.
func TestParseResponseMalformedAddresses(t *testing.T) {
	for name, v := range map[string][]byte{
		"empty": {}, "one byte": {0}, "only a header": {0, 1, 0, 80}, "IPv6 family with four bytes": {0, 2, 0, 80, 1, 2, 3, 4},
		"IPv4 family with sixteen": append([]byte{0, 1, 0, 80}, make([]byte, 16)...), "family nine": {0, 9, 0, 80, 1, 2, 3, 4},
	} {
		m := pion.MustBuild(pion.TransactionID, pion.BindingSuccess)
		m.Add(pion.AttrXORMappedAddress, v)
		if r, err := ParseResponse(m.Raw); err == nil {
			t.Errorf("%s: read as %v", name, r.Seen())
		}
	}
}

func TestParseResponseOldServer(t *testing.T) {
	m := pion.MustBuild(pion.TransactionID, pion.BindingSuccess)
	for typ, a := range map[pion.AttrType]string{
		pion.AttrMappedAddress: "203.0.113.1:40000", pion.AttrChangedAddress: "198.51.100.3:3479", pion.AttrSourceAddress: "198.51.100.2:3478",
	} {
		if err := putAddress(m, typ, at(a)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ParseResponse(m.Raw)
	if err != nil {
		t.Fatal(err)
	}
	want := Response{ID: m.TransactionID, Plain: phone, Other: at("198.51.100.3:3479"), Origin: at("198.51.100.2:3478")}
	if d := cmp.Diff(want, got, compared); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got.Seen() != phone {
		t.Errorf("seen at %v", got.Seen())
	}
}

func TestRequestRoundTrip(t *testing.T) {
	want := Request{ID: NewID(), ChangeIP: true, Padding: 6, Software: "x", Fingerprint: true}
	got, unknown, err := ParseRequest(want.Bytes())
	if err != nil || unknown != nil {
		t.Fatal(err, unknown)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-sent +read):\n%s", d)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(Request{}.Bytes(), true)
	f.Add(Request{ChangeIP: true, ChangePort: true, Software: ClientSoftware, Fingerprint: true}.Bytes(), false)
	f.Add(Request{Padding: 11}.Bytes(), true)
	f.Fuzz(func(t *testing.T, b []byte, two bool) {
		s := server(two)
		reply, from, ok := Answer(b, phone, s)
		if !ok {
			return
		}
		if strict, _, _ := Answer(b, phone, Server{Local: s.Local, Primary: first, Alternate: s.Alternate, Port: 3478, AltPort: 3479}); len(strict) > len(b) {
			t.Fatalf("%d bytes asked by a stranger, %d answered", len(b), len(strict))
		}
		if len(reply) > 4*len(b) {
			t.Fatalf("%d bytes asked, %d answered", len(b), len(reply))
		}
		if !from.IsValid() || from.Addr() != first && from.Addr() != second {
			t.Fatalf("answered from %v", from)
		}
		r, err := ParseResponse(reply)
		if err != nil || r.ErrorCode == 0 && r.Mapped != phone {
			t.Fatalf("our own answer cannot be read: %v %+v", err, r)
		}
		if [12]byte(b[8:20]) != r.ID {
			t.Fatal("the answer has another transaction ID")
		}
	})
}

func FuzzParseResponse(f *testing.F) {
	reply, _, _ := Answer(Request{Software: ClientSoftware, Fingerprint: true}.Bytes(), phone, server(true))
	f.Add(reply)
	reply, _, _ = Answer(Request{ChangeIP: true}.Bytes(), phone6, server(false))
	f.Add(reply)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseResponse(b)
		if err == nil && r.ErrorCode == 0 && !r.Seen().IsValid() {
			t.Fatalf("a success without an address: %+v", r)
		}
	})
}
