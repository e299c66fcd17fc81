package pcap

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// listener writes down what it is handed, a "|" where bytes are missing.
type listener struct {
	Streams
	heard map[ends]*bytes.Buffer
	stop  int // after so many bytes; 0 is never
}

func listen() *listener {
	l := &listener{heard: map[ends]*bytes.Buffer{}}
	l.Wanted = func(b []byte) bool { return b[0] == 'S' || b[0] == 'I' }
	l.Data = func(s *Stream, _ *Datagram, b []byte, gap bool) bool {
		key := ends{s.Src, s.Dst}
		if l.heard[key] == nil {
			l.heard[key] = &bytes.Buffer{}
		}
		if gap {
			l.heard[key].WriteByte('|')
		}
		l.heard[key].Write(b)
		return l.stop == 0 || l.heard[key].Len() < l.stop
	}
	return l
}

func (l *listener) said() string {
	if b := l.heard[ends{phone, pbx}]; b != nil {
		return b.String()
	}
	return ""
}

func seg(seq uint32, flags uint8, data string) *Datagram {
	return &Datagram{Protocol: TCP, Src: phone, Dst: pbx, Seq: seq, Flags: flags, Payload: []byte(data)}
}

func TestAStreamIsReadInOrderHoweverItWasCaptured(t *testing.T) {
	begin := ^uint32(5) // so that the numbers wrap
	syn := seg(begin-1, SYN, "")
	invite, pbx, end := seg(begin, 0, "INVITE "), seg(begin+7, 0, "sip:pbx"), seg(begin+14, 0, "!")
	for _, tt := range []struct {
		name     string
		segments []*Datagram
		want     string
		repeated int
		gaps     int
	}{
		{"in order", []*Datagram{syn, invite, pbx, end}, "INVITE sip:pbx!", 0, 0},
		{"swapped on the way", []*Datagram{syn, pbx, invite, end}, "INVITE sip:pbx!", 0, 0},
		{"backwards", []*Datagram{syn, end, pbx, invite}, "INVITE sip:pbx!", 0, 0},
		{"each sent twice", []*Datagram{syn, invite, invite, pbx, pbx, end, end}, "INVITE sip:pbx!", 3, 0},
		{"sent again with more", []*Datagram{syn, invite, seg(begin+5, 0, "E sip:pbx!")}, "INVITE sip:pbx!", 0, 0},
		{"a capture that began later", []*Datagram{invite, pbx, end}, "INVITE sip:pbx!", 0, 0},
		{"a capture that began within a message", []*Datagram{seg(begin-9, 0, "yz\r\n\r\nxyz"), invite, pbx}, "INVITE sip:pbx", 0, 0},
		{"a segment that was not captured", []*Datagram{syn, invite, end}, "INVITE |!", 0, 1},
		{"the first was not captured", []*Datagram{syn, pbx, end}, "", 0, 1},
		{"another protocol", []*Datagram{syn, seg(begin, 0, "GET / HTTP/1.1"), seg(begin+14, 0, "x")}, "", 0, 0},
		{"the ports are used again", []*Datagram{syn, invite, seg(begin+7, FIN, ""), seg(99, SYN, ""), seg(100, 0, "SIP/2.0")}, "INVITE SIP/2.0", 0, 0},
		{"used again, but the end was not captured", []*Datagram{syn, invite, seg(1<<30, 0, "SIP/2.0")}, "INVITE SIP/2.0", 0, 0},
		{"reset while something waits", []*Datagram{syn, invite, end, seg(begin+15, RST, "")}, "INVITE |!", 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := listen()
			for _, d := range tt.segments {
				l.Feed(d)
			}
			l.Finish()
			if l.said() != tt.want || l.Repeated != tt.repeated || l.Gaps != tt.gaps {
				t.Errorf("%q, %d repeated, %d gaps; want %q, %d, %d", l.said(), l.Repeated, l.Gaps, tt.want, tt.repeated, tt.gaps)
			}
			if l.waiting != 0 || len(l.byEnds) != 0 || l.order.Len() != 0 {
				t.Errorf("%d bytes and %d streams are left", l.waiting, len(l.byEnds))
			}
		})
	}
}

// Whatever a network does to segments without losing one for good, the same bytes
// are read.
func TestAnyOrderGivesTheSameBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		want := append([]byte("SIP/2.0"), make([]byte, 500+r.IntN(3000))...)
		for i := range want[7:] {
			want[7+i] = byte('a' + r.IntN(26))
		}
		begin := r.Uint32()
		list := []*Datagram{seg(begin-1, SYN, "")}
		for at := 0; at < len(want); {
			size := min(1+r.IntN(400), len(want)-at)
			again := min(r.IntN(30), at)
			list = append(list, seg(begin+uint32(at-again), 0, string(want[at-again:at+size])))
			at += size
		}
		for i := 1; i < len(list); i++ { // nothing overtakes the SYN here
			j := min(i+r.IntN(4), len(list)-1)
			list[i], list[j] = list[j], list[i]
			if r.IntN(10) == 0 {
				list = slices.Insert(list, j, list[i])
			}
		}
		l := listen()
		for _, d := range list {
			l.Feed(d)
		}
		if l.said() != string(want) || l.Gaps != 0 || l.waiting != 0 {
			t.Fatalf("run %d: %d bytes instead of %d, %d gaps, %d waiting", n, len(l.said()), len(want), l.Gaps, l.waiting)
		}
	}
}

func TestMemoryOfStreamsIsBounded(t *testing.T) {
	l := listen()
	l.Feed(seg(0, SYN, ""))
	l.Feed(seg(1, 0, "INVITE"))
	for i := range 400 { // a hole that is never filled
		l.Feed(seg(uint32(1000+i*1000), 0, string(make([]byte, 1000))))
		if l.waiting > maxWaiting+1000 {
			t.Fatalf("%d bytes wait", l.waiting)
		}
	}
	if l.Gaps != 1 {
		t.Errorf("%d gaps", l.Gaps)
	}
	l = listen()
	for i := range maxStreams + 10 {
		d := seg(0, SYN, "")
		d.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5060)
		l.Feed(d)
	}
	if len(l.byEnds) != maxStreams || l.order.Len() != maxStreams {
		t.Errorf("%d streams", len(l.byEnds))
	}
}

func TestWhoeverTakesTheDataMayHaveEnough(t *testing.T) {
	l := listen()
	l.stop = 10
	for i := range 5 {
		l.Feed(seg(uint32(i*7), 0, fmt.Sprintf("sip:%03d", i)))
	}
	if l.said() != "" {
		t.Errorf("nothing wanted began, but %q was read", l.said())
	}
	l.Feed(seg(100, 0, "INVITE "))
	l.Feed(seg(107, 0, "sip:1"))
	l.Feed(seg(112, 0, "sip:2"))
	if l.said() != "INVITE sip:1" || len(l.byEnds) != 0 {
		t.Errorf("%q was read", l.said())
	}
}
