package session

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/stun/v2"
)

func mediaKey(t testing.TB, secret string) *MediaKey {
	t.Helper()
	k, err := NewMediaKey(rtpSession, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func someMedia(k *MediaKey) []MediaPacket {
	return []MediaPacket{
		{Session: k.Session},
		{Session: k.Session, Leg: 3, Seq: 70000, Sent: 5 * time.Second, Hello: true},
		{Session: k.Session, Leg: 0xffff, Seq: 1, Down: true, Sent: time.Hour, HasEcho: true, Echo: 7 * time.Millisecond, Held: 20 * time.Millisecond},
		{Session: k.Session, Leg: 1, Seq: 2, Down: true, Spoken: true},
	}
}

func TestAPacketOfACallIsRTPAndComesBackAsItWas(t *testing.T) {
	k := mediaKey(t, "secret")
	for _, want := range someMedia(k) {
		b := k.Append(nil, want)
		version, payload, stamp := b[0]>>6, b[1]&0x7f, binary.BigEndian.Uint32(b[4:])
		if len(b) != 172 || version != 2 || payload != 0 || stamp != want.Seq*160 || stun.IsMessage(b) {
			t.Errorf("as RTP: version %d, payload type %d, timestamp %d", version, payload, stamp)
		}
		got, ok := ParseMediaPacket(b)
		if diff := cmp.Diff(want, got); diff != "" || !ok || !k.Proves(b) {
			t.Errorf("read back (%v, proved %v):\n%s", ok, k.Proves(b), diff)
		}
		if _, ok := ParseRTPProbe(b); ok {
			t.Error("it passes for a probe of a port")
		}
	}
	if a, b := k.Append(nil, MediaPacket{Leg: 1}), k.Append(nil, MediaPacket{Leg: 1, Down: true}); slices.Equal(a[8:12], b[8:12]) {
		t.Error("both directions claim to be the same source")
	}
}

func TestAForgedPacketOfACallProvesNothing(t *testing.T) {
	k := mediaKey(t, "secret")
	good := k.Append(nil, someMedia(k)[2])
	if other := mediaKey(t, "guess"); other.Proves(good) {
		t.Error("another secret proves it")
	}
	for i := signedAt; i < mediaMAC+macSize; i++ {
		b := slices.Clone(good)
		b[i] ^= 1
		if _, ok := ParseMediaPacket(b); ok && k.Proves(b) {
			t.Errorf("byte %d can be changed", i)
		}
	}
	if _, err := NewMediaKey("xyz", nil); err == nil {
		t.Error("a key for a session without a name")
	}
}

func TestARoundTripNeedsNoCommonClock(t *testing.T) {
	p := MediaPacket{HasEcho: true, Echo: time.Second, Held: 15 * time.Millisecond, Sent: 99 * time.Hour}
	if d, ok := p.RTT(1055 * time.Millisecond); !ok || d != 40*time.Millisecond {
		t.Errorf("round trip %v, %v", d, ok)
	}
	if _, ok := p.RTT(time.Second); ok {
		t.Error("a round trip that took less than nothing")
	}
	p.HasEcho = false
	if _, ok := p.RTT(2 * time.Second); ok {
		t.Error("a round trip without an echo")
	}
}

func FuzzParseMediaPacket(f *testing.F) {
	k := mediaKey(f, "secret")
	for _, p := range someMedia(k) {
		f.Add(k.Append(nil, p))
	}
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := ParseMediaPacket(b)
		if !ok {
			return
		}
		if p.Sent < 0 || p.Echo < 0 || p.Held < 0 {
			t.Errorf("times run backwards: %+v", p)
		}
		if p.Session != k.Session {
			return
		}
		again, ok := ParseMediaPacket(k.Append(nil, p))
		if diff := cmp.Diff(p, again); diff != "" || !ok {
			t.Error(diff)
		}
	})
}
