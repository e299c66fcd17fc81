package platform

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestARawDatagramComesApartAsItWasPutTogether(t *testing.T) {
	from, to := netip.MustParseAddrPort("198.51.100.2:16384"), netip.MustParseAddrPort("192.0.2.10:40000")
	for _, payload := range [][]byte{{}, {1}, {1, 2}, bytes.Repeat([]byte{0xff}, 172), bytes.Repeat([]byte{7}, 1471)} {
		b := appendRaw(nil, from, to, payload)
		got, f, d, ok := splitRaw(b)
		if !ok || f != from || d != to || !bytes.Equal(got, payload) {
			t.Errorf("%d bytes: %v, %s to %s, %d bytes back", len(payload), ok, f, d, len(got))
		}
		// A receiver adds the checksum up too, and gets all ones (RFC 1071).
		sum := uint32(17) + uint32(len(b)-20)
		for i, c := range b[12:] {
			if i%2 == 0 {
				sum += uint32(c) << 8
			} else {
				sum += uint32(c)
			}
		}
		for sum > 0xffff {
			sum = sum>>16 + sum&0xffff
		}
		if sum != 0xffff {
			t.Errorf("%d bytes: the checksum is wrong (%x)", len(payload), sum)
		}
	}
}

func TestAKnownChecksum(t *testing.T) {
	// From 192.168.0.1:1024 to 192.168.0.2:53, payload
	// "abcd", summed by hand: c0a8+0001+c0a8+0002+0011+000c+0400+0035+000c+6162+6364 = 24a77, 4a79 with the carry.
	b := appendRaw(nil, netip.MustParseAddrPort("192.168.0.1:1024"), netip.MustParseAddrPort("192.168.0.2:53"), []byte("abcd"))
	if diff := cmp.Diff([]byte{0xb5, 0x86}, b[26:28]); diff != "" {
		t.Error(diff)
	}
}

func FuzzSplitRaw(f *testing.F) {
	f.Add(appendRaw(nil, netip.MustParseAddrPort("1.2.3.4:5"), netip.MustParseAddrPort("6.7.8.9:10"), []byte("payload")))
	f.Add([]byte{0x4f, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		payload, from, to, ok := splitRaw(b)
		if ok && (len(payload) > len(b)-rawHeader || !from.Addr().Is4() || !to.Addr().Is4()) {
			t.Errorf("%d bytes of %d, %s to %s", len(payload), len(b), from, to)
		}
	})
}

func TestThePortsThatProgramsOwnAreReadFromTheKernelsTable(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  123: 0100007F:4E20 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 0
  124: 00000000000000000000000000000000:9C40 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 1 2 0 0
  broken line
  125: nonsense
`
	if diff := cmp.Diff([]int{20000, 40000}, localPorts(table)); diff != "" {
		t.Error(diff)
	}
}
