package pcap

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var comparable = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

func decode(x *Decoder, link Link, data []byte) (Datagram, bool) {
	d, ok := x.Decode(&Frame{Number: 1, Link: link, Length: len(data), Data: data})
	if !ok {
		return Datagram{}, false
	}
	return *d, true
}

func TestADatagramIsFoundInWhateverCarriesIt(t *testing.T) {
	for family, ends := range map[string][2]netip.AddrPort{"IPv4": {phone, pbx}, "IPv6": {phone6, pbx6}} {
		src, dst := ends[0], ends[1]
		packet := udpPacket(src, dst, hello)
		kind := etherType(packet)
		frame := ether(packet)
		ppp := slices.Concat([]byte{0xff, 3, 0}, []byte{map[int]byte{etherIPv4: 0x21, etherIPv6: 0x57}[kind]}, packet)
		label := func(bottom byte) []byte { return []byte{0, 1, 0x40 | bottom, 64} }
		sll := func(direction int) []byte {
			return slices.Concat(bytes16(direction), bytes16(1), bytes16(6), make([]byte, 8), bytes16(kind), packet)
		}
		sll2 := slices.Concat(bytes16(kind), bytes16(0), bytes32(3), bytes16(1), []byte{4, 6}, make([]byte, 8), packet)
		family4 := map[int]byte{etherIPv4: 2, etherIPv6: 10}[kind]
		hep2 := slices.Concat([]byte{2, byte(8 + 2*len(src.Addr().AsSlice())), family4, UDP}, bytes16(int(src.Port())), bytes16(int(dst.Port())),
			src.Addr().AsSlice(), dst.Addr().AsSlice(), make([]byte, 12), hello)
		chunk := func(kind int, v []byte) []byte { return slices.Concat(bytes16(0), bytes16(kind), bytes16(6+len(v)), v) }
		shift := map[int]int{etherIPv4: 0, etherIPv6: 2}[kind]
		chunks := slices.Concat(chunk(1, []byte{family4}), chunk(2, []byte{UDP}), chunk(3+shift, src.Addr().AsSlice()), chunk(4+shift, dst.Addr().AsSlice()),
			chunk(7, bytes16(int(src.Port()))), chunk(8, bytes16(int(dst.Port()))), chunk(9, bytes32(1_764_400_000)), chunk(10, bytes32(123_456)), chunk(15, hello))
		hep3 := slices.Concat([]byte("HEP3"), bytes16(6+len(chunks)), chunks)
		nflog := slices.Concat([]byte{2, 0, 0, 0}, []byte{8, 0, 10, 0, 'a', 'b', 'c', 0}, binary.LittleEndian.AppendUint16(nil, uint16(4+len(packet))), []byte{9, 0}, packet)
		for _, tt := range []struct {
			name string
			link Link
			data []byte
			want Datagram
		}{
			{"Ethernet", linkEthernet, frame, Datagram{}},
			{"Ethernet with padding", linkEthernet, append(slices.Clone(frame), 0, 0, 0), Datagram{}},
			{"a VLAN", linkEthernet, ethernet(etherVLAN, slices.Concat(bytes16(0xa000|42), bytes16(kind), packet)), Datagram{VLAN: 42}},
			{"a VLAN in a VLAN", linkEthernet, ethernet(etherQinQ, slices.Concat(bytes16(7), bytes16(etherVLAN), bytes16(42), bytes16(kind), packet)), Datagram{VLAN: 42}},
			{"SNAP", linkEthernet, ethernet(len(packet)+8, slices.Concat([]byte{0xaa, 0xaa, 3, 0, 0, 0}, bytes16(kind), packet)), Datagram{}},
			{"PPPoE", linkEthernet, ethernet(etherPPPoE, slices.Concat([]byte{0x11, 0}, bytes16(1), bytes16(len(packet)+2), ppp[2:])), Datagram{}},
			{"MPLS", linkEthernet, ethernet(etherMPLS, slices.Concat(label(0), label(1), packet)), Datagram{}},
			{"Ethernet over MPLS", linkEthernet, ethernet(etherMPLS, slices.Concat(label(1), []byte{0, 0, 0, 9}, frame)), Datagram{}},
			{"tcpdump -i any, received", linkCooked, sll(0), Datagram{Incoming: true}},
			{"tcpdump -i any, sent", linkCooked, sll(4), Datagram{Outgoing: true}},
			{"tcpdump -i any today", linkCooked2, sll2, Datagram{Outgoing: true, Interface: 3}},
			{"raw IP", linkRaw, packet, Datagram{}},
			{"a BSD loopback", linkNull, slices.Concat([]byte{2, 0, 0, 0}, packet), Datagram{}},
			{"an OpenBSD loopback", linkLoop, slices.Concat([]byte{0, 0, 0, 24}, packet), Datagram{}},
			{"PPP", linkPPP, ppp, Datagram{}},
			{"PPP with compressed headers", linkPPP, slices.Concat(ppp[3:4], packet), Datagram{}},
			{"Cisco HDLC", linkCHDLC, slices.Concat([]byte{0x0f, 0}, bytes16(kind), packet), Datagram{}},
			{"a rule that logs", linkNFLog, nflog, Datagram{}},
			{"IP in IP", linkRaw, outerIP(map[int]byte{etherIPv4: protoIPIP, etherIPv6: protoIPv6}[kind], packet), Datagram{Tunnel: "ipip"}},
			{"GRE", linkRaw, outerIP(protoGRE, slices.Concat([]byte{0, 0}, bytes16(kind), packet)), Datagram{Tunnel: "gre"}},
			{"GRE with key and sequence", linkRaw, outerIP(protoGRE, slices.Concat([]byte{0x30, 0}, bytes16(kind), make([]byte, 8), packet)), Datagram{Tunnel: "gre"}},
			{"PPTP", linkRaw, outerIP(protoGRE, slices.Concat([]byte{0x30, 0x81}, bytes16(etherPPP), make([]byte, 12), ppp)), Datagram{Tunnel: "gre"}},
			{"Ethernet over GRE", linkRaw, outerIP(protoGRE, slices.Concat([]byte{0, 0}, bytes16(etherBridge), frame)), Datagram{Tunnel: "gre"}},
			{"ERSPAN I", linkRaw, outerIP(protoGRE, slices.Concat([]byte{0, 0}, bytes16(etherERSPAN), frame)), Datagram{Tunnel: "erspan"}},
			{"ERSPAN II", linkRaw, outerIP(protoGRE, slices.Concat([]byte{0x10, 0}, bytes16(etherERSPAN), make([]byte, 12), frame)), Datagram{Tunnel: "erspan"}},
			{"ERSPAN III", linkRaw, outerIP(protoGRE, slices.Concat([]byte{0x10, 0}, bytes16(etherERSPN3), make([]byte, 16), frame)), Datagram{Tunnel: "erspan"}},
			{"VXLAN", linkEthernet, ether(outer(portVXLAN, slices.Concat([]byte{8, 0, 0, 0, 0, 0, 5, 0}, frame))), Datagram{Tunnel: "vxlan"}},
			{"a MikroTik that streams", linkEthernet, ether(outer(portTZSP, slices.Concat([]byte{1, 0, 0, 1, 10, 1, 0, 0, 1}, frame))), Datagram{Tunnel: "tzsp"}},
			{"HEP 2", linkEthernet, ether(outer(9060, hep2)), Datagram{Tunnel: "hep"}},
			{"HEP 3", linkEthernet, ether(outer(9060, hep3)), Datagram{Tunnel: "hep", Time: stamp}},
		} {
			t.Run(family+" in "+tt.name, func(t *testing.T) {
				var x Decoder
				got, ok := decode(&x, tt.link, tt.data)
				if !ok {
					t.Fatalf("not found: %+v", x.Stats)
				}
				want := tt.want
				want.Frame, want.Protocol, want.Src, want.Dst, want.Payload = 1, UDP, src, dst, hello
				want.TOS, want.TTL = tos, ttl
				if tt.link == linkEthernet {
					want.Ether = tt.data[:12]
				}
				if diff := cmp.Diff(want, got, comparable); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestATCPSegmentHasItsPlaceInTheStream(t *testing.T) {
	var x Decoder
	data := ipPacket(TCP, phone.Addr(), pbx.Addr(), tcpSegment(phone, pbx, 4_000_000_000, PSH|ACK, hello))
	got, ok := decode(&x, linkRaw, data)
	want := Datagram{Frame: 1, Protocol: TCP, Src: phone, Dst: pbx, TTL: ttl, TOS: tos, Seq: 4_000_000_000, Flags: PSH | ACK, Payload: hello}
	if diff := cmp.Diff(want, got, comparable); !ok || diff != "" {
		t.Error(ok, diff)
	}
}

func TestADatagramInPiecesIsPutTogether(t *testing.T) {
	body := append(slices.Clone(hello), make([]byte, 3000)...)
	for family, ends := range map[string][2]netip.AddrPort{"IPv4": {phone, pbx}, "IPv6": {phone6, pbx6}} {
		whole := udp(ends[0], ends[1], body)
		piece := func(id, from, to int) []byte {
			return ipPiece(UDP, ends[0].Addr(), ends[1].Addr(), id, from, to < len(whole), whole[from:to])
		}
		a, b, c := piece(7, 0, 1000), piece(7, 1000, 2000), piece(7, 2000, len(whole))
		for _, tt := range []struct {
			name       string
			frames     [][]byte
			found      bool
			incomplete int
		}{
			{"in order", [][]byte{a, b, c}, true, 0},
			{"the last one first, as some systems send", [][]byte{c, b, a}, true, 0},
			{"one of them twice", [][]byte{a, a, b, b, c}, true, 0},
			{"one that overlaps", [][]byte{a, piece(7, 800, 2000), c}, true, 0},
			{"one lost", [][]byte{a, c}, false, 1},
			{"the first lost", [][]byte{b, c}, false, 1},
			{"of another datagram", [][]byte{a, b, piece(8, 2000, len(whole))}, false, 2},
		} {
			t.Run(family+" "+tt.name, func(t *testing.T) {
				var x Decoder
				var got Datagram
				found := false
				for _, f := range tt.frames {
					if d, ok := decode(&x, linkRaw, f); ok {
						got, found = d, true
					}
				}
				x.Finish()
				if found != tt.found || x.Stats.Incomplete != tt.incomplete || x.Stats.Fragments != len(tt.frames) {
					t.Fatalf("found %t, %+v", found, x.Stats)
				}
				if found && (string(got.Payload) != string(body) || got.Src != ends[0] || got.Cut) {
					t.Errorf("%d bytes from %s, cut %t; want %d", len(got.Payload), got.Src, got.Cut, len(body))
				}
			})
		}
	}
}

func TestAPieceIsNotKeptForever(t *testing.T) {
	whole := udp(phone, pbx, make([]byte, 2000))
	piece := func(id, from, to int, at int64) *Frame {
		b := ipPiece(UDP, phone.Addr(), pbx.Addr(), id, from, to < len(whole), whole[from:to])
		return &Frame{Number: 1, Time: at, Link: linkRaw, Length: len(b), Data: b}
	}
	for _, tt := range []struct {
		name  string
		after int64
		found bool
	}{{"30 s later", fragmentLife, true}, {"more than 30 s later", fragmentLife + 1, false}} {
		t.Run(tt.name, func(t *testing.T) {
			var x Decoder
			x.Decode(piece(1, 0, 1000, stamp))
			if _, ok := x.Decode(piece(1, 1000, len(whole), stamp+tt.after)); ok != tt.found {
				t.Errorf("put together: %t", ok)
			}
		})
	}
	var x Decoder
	for id := range 3 * maxHeld {
		x.Decode(piece(id, 0, 1000, stamp))
	}
	if len(x.held.byID) != maxHeld || len(x.held.order) != maxHeld || x.Stats.Incomplete != 2*maxHeld {
		t.Errorf("%d held, %d given up", len(x.held.byID), x.Stats.Incomplete)
	}
}

func TestWhatIsNoDatagramIsCounted(t *testing.T) {
	packet := udpPacket(phone, pbx, hello)
	deep := packet
	for range maxLayers + 1 {
		deep = outerIP(protoIPIP, deep)
	}
	cutFrame := func(n int) *Frame { return &Frame{Link: linkRaw, Length: len(packet), Data: packet[:n]} }
	frame := func(l Link, b []byte) *Frame { return &Frame{Link: l, Length: len(b), Data: b} }
	for _, tt := range []struct {
		name string
		f    *Frame
		want Stats
	}{
		{"ARP", frame(linkEthernet, ethernet(0x0806, make([]byte, 46))), Stats{NotIP: 1}},
		{"ICMP", frame(linkRaw, outerIP(1, make([]byte, 8))), Stats{OtherIP: 1}},
		{"an encrypted tunnel", frame(linkRaw, outerIP(50, make([]byte, 80))), Stats{OtherIP: 1}},
		{"Wi-Fi", frame(105, packet), Stats{OtherLink: map[Link]int{105: 1}}},
		{"a frame of one byte", frame(linkRaw, packet[:1]), Stats{Malformed: 1}},
		{"an IP header of 8 bytes", frame(linkRaw, append([]byte{0x42}, packet[1:]...)), Stats{Malformed: 1}},
		{"seventeen tunnels", frame(linkRaw, deep), Stats{Malformed: 1}},
		{"tcpdump -s 20", cutFrame(20), Stats{Cut: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var x Decoder
			if d, ok := x.Decode(tt.f); ok {
				t.Fatalf("%+v", d)
			}
			if diff := cmp.Diff(tt.want, x.Stats); diff != "" {
				t.Error(diff)
			}
		})
	}
	var x Decoder
	if d, ok := x.Decode(cutFrame(60)); !ok || !d.Cut || string(d.Payload) != string(hello[:60-32]) {
		t.Errorf("a snap length that cuts the message: %+v %t", d, ok)
	}
}
