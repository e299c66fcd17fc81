package session

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const someCall = "0123456789abcdef0123456789abcdef"

func TestAControlFrameComesBackAsItWasAndIsPadded(t *testing.T) {
	f := Frame{Call: someCall, Op: OpArrivals, Cookie: bytes.Repeat([]byte{1}, CookieLen), Session: "0123456789abcdef", Offset: 1360, Body: []byte(`{}`)}
	f.Sign([]byte("secret"))
	b, err := f.Seal(7)
	if err != nil || len(b) != FrameSize {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	p, ok := Unmask(b)
	got, err := ParseFrame(p)
	if d := cmp.Diff(f, got); !ok || err != nil || d != "" {
		t.Errorf("frame %v (-want +got):\n%s", err, d)
	}
	if !got.Signed([]byte("secret")) || got.Signed([]byte("other")) {
		t.Error("the proof does not tell the right secret from a wrong one")
	}
	for name, change := range map[string]func(*Frame){
		"another call":   func(f *Frame) { f.Call = strings.Repeat("f", 32) },
		"another op":     func(f *Frame) { f.Op = OpClose },
		"another body":   func(f *Frame) { f.Body = []byte("{ }") },
		"another offset": func(f *Frame) { f.Offset = 0 },
		"another cookie": func(f *Frame) { f.Cookie = nil },
	} {
		g := f
		change(&g)
		if g.Signed([]byte("secret")) {
			t.Errorf("%s: the proof still holds", name)
		}
	}
}

func TestTheLongestPieceIsNoLongerThanItsQuestion(t *testing.T) {
	r := FrameReply{Call: someCall, Status: 200, Offset: MaxReply, Total: MaxReply, Cookie: bytes.Repeat([]byte{255}, CookieLen), Data: bytes.Repeat([]byte{255}, MaxChunk)}
	b, err := r.Seal(1)
	if err != nil || len(b) > FrameSize {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestABodyThatDoesNotFitIsNotCut(t *testing.T) {
	f := Frame{Call: someCall, Op: OpOpen, Body: make([]byte, FrameSize)}
	if _, err := f.Seal(1); err == nil {
		t.Error("no error")
	}
}

func TestUnpackRefusesABomb(t *testing.T) {
	packed := Pack(make([]byte, MaxReply+1))
	if b, err := Unpack(packed); err == nil {
		t.Errorf("%d bytes were unpacked out of %d", len(b), len(packed))
	}
	if b, err := Unpack(Pack([]byte("hello"))); err != nil || string(b) != "hello" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestMaskedBytesShowNothing(t *testing.T) {
	p := []byte("INVITE sip:a@192.168.88.10 SIP/2.0\r\n")
	for nonce := range uint32(200) {
		b := Mask(p, nonce)
		if got, ok := Unmask(b); !ok || !bytes.Equal(got, p) {
			t.Fatalf("nonce %d: %q", nonce, got)
		}
		if bytes.Contains(b, []byte("SIP")) || bytes.Contains(b, []byte("192")) {
			t.Fatalf("nonce %d: readable: %q", nonce, b)
		}
	}
}

func FuzzControlFrame(f *testing.F) {
	b, _ := (&Frame{Call: someCall, Op: OpHello}).Seal(1)
	f.Add(b)
	reply, _ := (&FrameReply{Call: someCall, Status: 200, Total: 3, Data: []byte{1, 2, 3}}).Seal(1)
	f.Add(reply)
	f.Add(Mask([]byte(`{"v":1,"offset":-1}`), 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := Unmask(b)
		if !ok {
			return
		}
		if fr, err := ParseFrame(p); err == nil && (fr.Offset < 0 || len(fr.Cookie) > CookieLen) {
			t.Errorf("accepted %+v", fr)
		}
		r, err := ParseFrameReply(p)
		if err != nil {
			return
		}
		if r.Offset+len(r.Data) > r.Total || r.Total > MaxReply {
			t.Errorf("accepted %+v", r)
		}
		if out, err := Unpack(r.Data); err == nil && len(out) > MaxReply {
			t.Errorf("%d bytes unpacked", len(out))
		}
	})
}

func FuzzBearer(f *testing.F) {
	f.Add(Bearer("0123456789abcdef", []byte("secret")))
	f.Add("Bearer .")
	f.Fuzz(func(t *testing.T, v string) {
		id, secret, ok := ParseBearer(v)
		if ok && (len(secret) == 0 || strings.Contains(id, ".")) {
			t.Errorf("%q: id %q, secret %x", v, id, secret)
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add([]byte("x"+NewToken("0123456789abcdef", []byte("k"), 65535)+"x"), []byte("k"))
	f.Fuzz(func(t *testing.T, b, secret []byte) {
		tok, ok := FindToken(b)
		if !ok {
			return
		}
		if tok.Probe < 0 || tok.Probe > 65535 || len(tok.Session) != 16 {
			t.Errorf("token %+v", tok)
		}
		if made := NewToken(tok.Session, secret, tok.Probe); tok.Valid(secret) != (made == tok.String()) {
			t.Errorf("%s is valid: %v, the real one is %s", tok, tok.Valid(secret), made)
		}
	})
}

func BenchmarkMask(b *testing.B) {
	p := make([]byte, 700)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		Mask(p, rand.Uint32())
	}
}
