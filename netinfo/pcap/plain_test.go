package pcap

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var speech = slices.Concat([]byte{0x80, 0, 0, 1}, make([]byte, 40))

// samePlain holds what Plain says against what Decode says of the same frame.
func samePlain(t *testing.T, p Plain, d *Datagram) {
	t.Helper()
	if len(p.Payload) > 0 && p.Payload[0] != 0x80 {
		return // it may be a tunnel
	}
	if d == nil {
		t.Fatalf("%+v, and Decode finds nothing", p)
	}
	end := func(address uint64, port uint32) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(bytes32(int(address)))), uint16(port))
	}
	want := Datagram{Frame: d.Frame, Time: d.Time, Interface: d.Interface, Protocol: UDP, TTL: d.TTL, Ether: d.Ether,
		Src: end(p.Addresses>>32, p.Ports>>16), Dst: end(p.Addresses, p.Ports), TOS: p.TOS, Payload: p.Payload}
	if diff := cmp.Diff(want, *d, comparable); diff != "" {
		t.Fatal(diff)
	}
}

func TestTheUsualFrameIsReadQuicklyAndNoOther(t *testing.T) {
	body := udp(phone, pbx, speech)
	packet := slices.Concat([]byte{0x45, tos}, bytes16(20+len(body)), make([]byte, 4), []byte{ttl, UDP, 0, 0},
		phone.Addr().AsSlice(), pbx.Addr().AsSlice(), body)
	frame := ether(packet)
	changed := func(at int, to byte) []byte {
		c := slices.Clone(frame)
		c[at] = to
		return c
	}
	for _, tt := range []struct {
		name  string
		link  Link
		data  []byte
		plain bool
	}{
		{"Ethernet", linkEthernet, frame, true},
		{"voice that is marked", linkEthernet, changed(15, 46<<2), true},
		{"do not fragment", linkEthernet, changed(20, 0x40), true},
		{"raw IP", linkRaw, packet, true},
		{"with options", linkRaw, udpPacket(phone, pbx, speech), false},
		{"a link whose number alone differs", linkNull, frame, false},
		{"a VLAN", linkEthernet, ethernet(etherVLAN, slices.Concat(bytes16(42), bytes16(etherIPv4), packet)), false},
		{"IPv6", linkEthernet, ether(udpPacket(phone6, pbx6, speech)), false},
		{"padding", linkEthernet, append(slices.Clone(frame), 0), false},
		{"the first piece", linkEthernet, changed(20, 0x20), false},
		{"a later piece", linkEthernet, changed(21, 1), false},
		{"TCP", linkEthernet, changed(23, TCP), false},
		{"IP counts more bytes", linkEthernet, changed(17, frame[17]+1), false},
		{"UDP counts fewer bytes", linkEthernet, changed(39, frame[39]-1), false},
		{"headers alone", linkEthernet, frame[:41], false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &Frame{Number: 1, Link: tt.link, Length: len(tt.data), Data: tt.data}
			p, plain := f.Plain()
			if plain != tt.plain {
				t.Fatalf("plain: %v", plain)
			}
			if plain {
				var x Decoder
				d, _ := x.Decode(f)
				samePlain(t, p, d)
			}
		})
	}
	if _, plain := (&Frame{Link: linkEthernet, Length: len(frame) + 1, Data: frame}).Plain(); plain {
		t.Fatal("a frame that was cut")
	}
}
