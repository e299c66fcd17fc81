package pcap

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatICMPSaysAboutAPacket(t *testing.T) {
	router, router6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	sent, sent6 := udpPacket(phone, pbx, hello), udpPacket(phone6, pbx6, hello)
	sent6 = slices.Concat(sent6[:40], udp(phone6, pbx6, hello)) // without extensions
	sent6[6] = UDP
	icmp := func(kind, code byte, quoted []byte) []byte {
		return slices.Concat([]byte{kind, code, 0, 0, 0, 0, 0, 0}, quoted)
	}
	for _, tt := range []struct {
		name     string
		protocol byte
		from, to netip.Addr
		body     []byte
		want     *Unreachable
	}{
		{"nobody listens", protoICMP, pbx.Addr(), phone.Addr(), icmp(3, 3, sent[:28]), &Unreachable{From: pbx.Addr(), Port: true, Src: phone, Dst: pbx}},
		{"a filter forbids", protoICMP, router, phone.Addr(), icmp(3, 13, sent), &Unreachable{From: router, Filtered: true, Src: phone, Dst: pbx}},
		{"there is no such host", protoICMP, router, phone.Addr(), icmp(3, 1, sent), &Unreachable{From: router, Src: phone, Dst: pbx}},
		{"nobody listens, IPv6", protoICMPv6, pbx6.Addr(), phone6.Addr(), icmp(1, 4, sent6), &Unreachable{From: pbx6.Addr(), Port: true, Src: phone6, Dst: pbx6}},
		{"a filter forbids, IPv6", protoICMPv6, router6, phone6.Addr(), icmp(1, 1, sent6), &Unreachable{From: router6, Filtered: true, Src: phone6, Dst: pbx6}},
		{"a ping", protoICMP, router, phone.Addr(), icmp(8, 0, sent), nil},
		{"time exceeded", protoICMP, router, phone.Addr(), icmp(11, 0, sent), nil},
		{"the quotation is cut", protoICMP, router, phone.Addr(), icmp(3, 3, sent[:22]), nil},
		{"no quotation", protoICMP, router, phone.Addr(), icmp(3, 3, nil), nil},
		{"a later fragment is quoted", protoICMP, router, phone.Addr(), icmp(3, 3, func() []byte { b := slices.Clone(sent); b[7] = 9; return b }()), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got *Unreachable
			x := Decoder{Unreachable: func(u Unreachable) { got = &u }}
			if _, ok := decode(&x, linkRaw, ipPacket(tt.protocol, tt.from, tt.to, tt.body)); ok {
				t.Error("it is returned as a datagram")
			}
			if tt.want != nil {
				tt.want.Frame, tt.want.Protocol = 1, UDP
			}
			addr := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
			if diff := cmp.Diff(tt.want, got, comparable, addr); diff != "" {
				t.Error(diff)
			}
		})
	}
}
