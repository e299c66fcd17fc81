package platform

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatWindowsTellsAboutADatagram(t *testing.T) {
	for _, tc := range []struct {
		name string
		word int
		v6   bool
		oob  string
		want Datagram
	}{
		{"64 bits: destination, TTL and class", 8, false,
			"1800000000000000 00000000 13000000 c0000207 05000000" + // IN_PKTINFO
				"1400000000000000 00000000 15000000 39000000 00000000" + // IP_RECVTTL 57, padded
				"1400000000000000 00000000 28000000 b8000000 00000000",
			Datagram{To: netip.MustParseAddr("192.0.2.7"), TTL: 57, TOS: 0xb8}},
		{"32 bits", 4, false,
			"14000000 00000000 13000000 c0000207 05000000" + "10000000 00000000 04000000 39000000",
			Datagram{To: netip.MustParseAddr("192.0.2.7"), TTL: 57, TOS: -1}},
		{"IPv6", 8, true,
			"2400000000000000 29000000 13000000 20010db8000000000000000000000007 05000000 00000000" +
				"1400000000000000 29000000 15000000 39000000 00000000",
			Datagram{To: netip.MustParseAddr("2001:db8::7"), TTL: 57, TOS: -1}},
		{"IPv4 facts on an IPv6 socket are not ours", 8, true, "1400000000000000 00000000 15000000 39000000", Datagram{TOS: -1}},
		{"nothing", 8, false, "", Datagram{TOS: -1}},
		{"cut short", 8, false, "1400000000000000 00000000 15000000 3900", Datagram{TOS: -1}},
		{"a length that lies", 8, false, "ffffffffffffffff 00000000 15000000 39000000", Datagram{TOS: -1}},
		{"a length of zero", 8, false, "0000000000000000 00000000 15000000 39000000", Datagram{TOS: -1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Datagram{TOS: -1}
			describeWSA(&got, fromHex(t, tc.oob), tc.word, tc.v6)
			if got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestSourceForWindows(t *testing.T) {
	for _, word := range []int{4, 8} {
		for _, s := range []string{"192.0.2.7", "2001:db8::7"} {
			want := Datagram{To: netip.MustParseAddr(s)}
			var got Datagram
			describeWSA(&got, sourceWSA(want.To, word), word, want.To.Is6())
			if got != want {
				t.Errorf("%s, %d bytes: %+v", s, word, got)
			}
		}
	}
	want := fromHex(t, "1800000000000000 00000000 13000000 c0000207 00000000")
	if diff := cmp.Diff(want, sourceWSA(netip.MustParseAddr("192.0.2.7"), 8)); diff != "" {
		t.Error(diff)
	}
}

func FuzzWSAControl(f *testing.F) {
	f.Add(fromHex(f, "1800000000000000 00000000 13000000 c0000207 05000000"), true, false)
	f.Add(fromHex(f, "14000000 00000000 13000000 c0000207 05000000"), false, false)
	f.Fuzz(func(t *testing.T, oob []byte, wide, v6 bool) {
		word := 4
		if wide {
			word = 8
		}
		d := Datagram{TOS: -1}
		describeWSA(&d, oob, word, v6)
		if d.TTL < 0 || d.TTL > 255 || d.TOS < -1 || d.TOS > 255 {
			t.Errorf("%+v", d)
		}
	})
}
