package session

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/stun/v2"
)

const rtpSession = "0123456789abcdef"

func rtpKey(t testing.TB, secret string) *RTPKey {
	t.Helper()
	k, err := NewRTPKey(rtpSession, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAnRTPProbeIsARealRTPPacketAndItsControlIsNot(t *testing.T) {
	k := rtpKey(t, "secret")
	for _, plain := range []bool{false, true} {
		want := RTPProbe{Session: k.Session, Port: 16384, Serial: 77, Plain: plain}
		b := k.Append(nil, want)
		if len(b) != RTPProbeSize {
			t.Fatalf("%d bytes", len(b))
		}
		version, payload := b[0]>>6, b[1]&0x7f
		if isRTP := version == 2 && payload == 0; isRTP == plain || stun.IsMessage(b) {
			t.Errorf("plain %v: version %d, payload type %d", plain, version, payload)
		}
		got, ok := ParseRTPProbe(b)
		if diff := cmp.Diff(want, got); diff != "" || !ok || !k.Proves(b) {
			t.Errorf("read back (%v, proved %v):\n%s", ok, k.Proves(b), diff)
		}
	}
}

func TestAForgedRTPProbeProvesNothing(t *testing.T) {
	k := rtpKey(t, "secret")
	good := k.Append(nil, RTPProbe{Session: k.Session, Port: 16384, Serial: 77})
	if other := rtpKey(t, "guess"); other.Proves(good) {
		t.Error("another secret proves it")
	}
	for i := signedAt; i < headSize+macSize; i++ {
		b := slices.Clone(good)
		b[i] ^= 1
		if _, ok := ParseRTPProbe(b); ok && k.Proves(b) {
			t.Errorf("byte %d can be changed", i)
		}
	}
	// A reflector's echo is no answer: the flag is signed.
	if p, _ := ParseRTPProbe(good); p.Answer {
		t.Error("the probe itself passes for an answer")
	}
	for _, name := range []string{"", "xyz", rtpSession + "00", strings.Repeat("g", 16)} {
		if _, err := NewRTPKey(name, nil); err == nil {
			t.Errorf("a key for the session %q", name)
		}
	}
}

func FuzzParseRTPProbe(f *testing.F) {
	k := rtpKey(f, "secret")
	f.Add(k.Append(nil, RTPProbe{Session: k.Session, Port: 1, Serial: 2}))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := ParseRTPProbe(b)
		if !ok || !k.Proves(b) {
			return
		}
		again, _ := ParseRTPProbe(k.Append(nil, p))
		if diff := cmp.Diff(p, again); diff != "" {
			t.Error(diff)
		}
	})
}

func TestPortSetsAreShort(t *testing.T) {
	var sample []int
	for p := 10000; p <= 65535; p += 64 {
		sample = append(sample, p)
	}
	for _, tt := range []struct {
		name  string
		ports []int
		want  []string
	}{
		{"nothing", nil, nil},
		{"one port", []int{5060}, []string{"5060"}},
		{"a range", []int{10, 11, 12}, []string{"10-12"}},
		{"two neighbours", []int{10, 11}, []string{"10-11"}},
		{"two strangers", []int{10, 20}, []string{"10", "20"}},
		{"a sample", sample, []string{"10000-65488/64"}},
		{"a sample with its end", append(slices.Clone(sample), 65535), []string{"10000-65488/64", "65535"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := EncodePorts(tt.ports)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPortSetsComeBackAsTheyWere(t *testing.T) {
	for range 500 {
		var ports []int
		for range 1 + rand.IntN(300) {
			ports = append(ports, 1+rand.IntN(2000))
		}
		slices.Sort(ports)
		ports = slices.Compact(ports)
		got, err := DecodePorts(EncodePorts(ports), len(ports))
		if diff := cmp.Diff(ports, got); diff != "" || err != nil {
			t.Fatalf("%v\n%s", err, diff)
		}
	}
}

func TestMalformedPortSetsAreRefused(t *testing.T) {
	for _, term := range []string{"", "-", "0", "65536", "5-4", "1-9/0", "1-9/", "a-b", "1--2", "1-65535", "+5"} {
		if got, err := DecodePorts([]string{term}, 100); err == nil {
			t.Errorf("%q is read as %v", term, got)
		}
	}
}

func FuzzDecodePorts(f *testing.F) {
	f.Add("1-9/3,20")
	f.Add("10000-65535")
	f.Fuzz(func(t *testing.T, text string) {
		const limit = 3000
		got, err := DecodePorts(strings.Split(text, ","), limit)
		if err != nil {
			return
		}
		if len(got) > limit {
			t.Fatalf("%d ports", len(got))
		}
		again, err := DecodePorts(EncodePorts(got), limit)
		if diff := cmp.Diff(got, again); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}
