package session

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestASizeProbeIsAsLongAsItSays(t *testing.T) {
	token := NewToken("0123456789abcdef", []byte("secret"), 0xffff)
	for _, size := range []int{MinSize, 500, 1472, MaxSize} {
		p := SizeProbe{Token: token, Seq: 65535, Want: MaxSize}
		b := p.Bytes(size)
		if n := len(Mask(b, 1)); n != size {
			t.Errorf("%d bytes long, want %d", n, size)
		}
		got, ok := ParseSizeProbe(b)
		if diff := cmp.Diff(p, got); !ok || diff != "" {
			t.Error(diff)
		}
		r := SizeReply{Token: token, Seq: 65535, Got: size, Want: size}
		if n := len(Mask(r.Bytes(), 1)); n != size {
			t.Errorf("the answer is %d bytes long, want %d", n, size)
		}
		back, ok := ParseSizeReply(r.Bytes())
		if diff := cmp.Diff(r, back); !ok || diff != "" {
			t.Error(diff)
		}
	}
	shortest := SizeReply{Token: token, Seq: 65535, Got: MaxSize}
	if n := len(Mask(shortest.Bytes(), 1)); n != MinSize {
		t.Errorf("the shortest answer is %d bytes long, want %d: it must never be longer than a request", n, MinSize)
	}
}

func FuzzParseSize(f *testing.F) {
	f.Add(SizeProbe{Token: NewToken("0123456789abcdef", []byte("secret"), 1), Seq: 1, Want: 2}.Bytes(200))
	f.Add(SizeReply{Token: NewToken("0123456789abcdef", []byte("secret"), 1), Seq: 1, Got: 3, Want: 2}.Bytes())
	f.Add([]byte("SIZE a 1 -1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, ok := ParseSizeProbe(b); ok && (p.Want < 0 || p.Want > 65535 || !bytes.HasPrefix(b, []byte("SIZE "))) {
			t.Errorf("%+v", p)
		}
		if r, ok := ParseSizeReply(b); ok && (r.Want < 0 || r.Want > 65535 || r.Got > 65535) {
			t.Errorf("%+v", r)
		}
	})
}
