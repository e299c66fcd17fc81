package capture

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// silence tells of a REGISTER that nobody answers.
func (s *story) silence(client, server string) *dial {
	d := s.dial(client, server)
	d.request("REGISTER")
	for range 3 {
		s.wait(time.Second)
		d.repeat()
	}
	return d
}

// rejects writes ICMP's answer to a datagram (RFC 792).
func (s *story) rejects(who, from, to string, code byte) {
	by, src, dst := netip.MustParseAddr(who), netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	ip := func(protocol byte, src, dst netip.Addr, n int) []byte {
		b := []byte{0x45, 0, 0, byte(20 + n), 0, 0, 0, 0, 64, protocol, 0, 0}
		return append(append(b, src.AsSlice()...), dst.AsSlice()...)
	}
	b := append(ip(1, by, src.Addr(), 8+28), 3, code, 0, 0, 0, 0, 0, 0)
	b = append(b, ip(17, src.Addr(), dst.Addr(), 8)...)
	for _, v := range []uint16{src.Port(), dst.Port(), 8, 0} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	for _, v := range []uint32{uint32(1_764_400_000 + s.now/time.Second), uint32(s.now % time.Second / time.Microsecond), uint32(len(b)), uint32(len(b))} {
		_ = binary.Write(s, binary.LittleEndian, v)
	}
	s.Write(b)
}

func TestOnWhichSideRequestsAreLost(t *testing.T) {
	others := func(s *story) { s.dial("203.0.113.9:5060", pbxAt).register("109", "200 OK") }
	for _, tt := range []struct {
		name    string
		tell    func(s *story)
		place   string
		address string
		said    string
		stage   string
	}{
		{"captured on the phone", func(s *story) { s.silence(phoneAt, pbxAt) }, atClient, "unknown", "nothing", "first"},
		{"the phone's public address is in another answer", func(s *story) {
			d := s.dial(phoneAt, "198.51.100.9:5060")
			d.request("OPTIONS")
			d.adds = ";received=203.0.113.1"
			d.answer("200 OK")
			s.silence(phoneAt, pbxAt)
		}, atClient, "203.0.113.1", "nothing", "first"},
		{"captured on the PBX, which answers others", func(s *story) {
			s.ttl = map[string]byte{officeAt: 57, "203.0.113.9:5060": 50}
			others(s)
			s.silence(officeAt, pbxAt)
		}, atServer, "203.0.113.1", "nothing", "first"},
		{"captured on the PBX, which answers nobody", func(s *story) {
			s.ttl = map[string]byte{officeAt: 57, "203.0.113.9:5060": 50}
			s.silence("203.0.113.9:5060", pbxAt)
			s.silence(officeAt, pbxAt)
		}, atServer, "203.0.113.9", "nothing", "first"},
		{"captured on a router half way", func(s *story) {
			s.ttl = map[string]byte{officeAt: 62}
			s.silence(officeAt, pbxAt)
		}, onTheWay, "203.0.113.1", "nothing", "first"},
		{"Windows and a switch", func(s *story) {
			s.ttl = map[string]byte{phoneAt: 128, "192.168.88.2:5060": 255}
			s.dial("192.168.88.11:5060", "192.168.88.2:5060").register("101", "200 OK")
			s.silence(phoneAt, "192.168.88.2:5060")
		}, atBoth, "192.168.88.10", "nothing", "first"},
		{"silent since it asked for the password", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("REGISTER")
			d.answer("401 Unauthorized", ask)
			d.request("REGISTER", prove)
			s.wait(4 * time.Second)
			d.repeat(prove)
		}, atBoth, "203.0.113.1", "nothing", "proved"},
		{"the server's firewall rejects", func(s *story) {
			s.silence(officeAt, pbxAt)
			s.rejects("198.51.100.2", officeAt, pbxAt, 3)
		}, atClient, "203.0.113.1", "own-port", "first"},
		{"a firewall on the way forbids", func(s *story) {
			s.silence(officeAt, pbxAt)
			s.rejects("192.0.2.1", officeAt, pbxAt, 13)
		}, atClient, "203.0.113.1", "filtered", "first"},
		{"ICMP about something else", func(s *story) {
			s.silence(officeAt, pbxAt)
			s.rejects("192.0.2.1", officeAt, "198.51.100.2:53", 3)
		}, atClient, "203.0.113.1", "nothing", "first"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell()
			tt.tell(s)
			r := s.read(t)
			if len(r.Findings) != 1 || r.Findings[0].ID != "capture.no-answer" {
				t.Fatalf("%+v", r.Findings)
			}
			a := r.Findings[0].Args
			address := a["address"]
			if got, ok := address.(netip.Addr); ok {
				address = got.String()
			}
			if a["place"] != tt.place || address != tt.address || a["said"] != tt.said || a["stage"] != tt.stage {
				t.Errorf("place %v, address %v, said %v, stage %v", a["place"], address, a["said"], a["stage"])
			}
		})
	}
}

func TestWhatIsNoSilence(t *testing.T) {
	hear(t, []tale{
		{"a capture of one direction", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("INVITE", sdp("192.168.88.10:4000"))
			s.wait(4 * time.Second)
			d.request("ACK")
			s.wait(4 * time.Second)
			s.talk(100*time.Millisecond, up)
		}, nil},
		{"the capture ends after one copy, which may be answered yet", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("REGISTER")
			s.wait(time.Second)
			d.repeat()
		}, nil},
		{"an offer in the 200 OK, and the capture ends", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("INVITE")
			d.answer("200 OK", seen, sdp("198.51.100.2:10000"))
			s.talk(100*time.Millisecond, up)
		}, nil},
		{"ICMP rejects the request at once", func(s *story) {
			s.dial(phoneAt, pbxAt).request("REGISTER")
			s.rejects("198.51.100.2", phoneAt, pbxAt, 3)
		}, []string{"capture.no-answer/ critical 198.51.100.2:5060"}},
		{"ICMP rejected an earlier one", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("REGISTER")
			s.rejects("198.51.100.2", phoneAt, pbxAt, 3)
			s.wait(time.Second)
			d.repeat()
			d.answer("200 OK", "Expires: 60")
			s.wait(time.Minute)
			d.request("REGISTER")
		}, nil},
		{"a registration that is no longer answered", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("REGISTER", prove)
			d.answer("200 OK")
			s.wait(time.Minute)
			d.request("REGISTER", prove)
			for range 3 {
				s.wait(time.Second)
				d.repeat(prove)
			}
		}, []string{"capture.no-answer/ critical 198.51.100.2:5060"}},
		{"a server that ignores OPTIONS", func(s *story) {
			s.dial(phoneAt, pbxAt).register("100", "200 OK")
			s.dial(phoneAt, pbxAt).request("OPTIONS")
			s.wait(4 * time.Second)
			s.talk(100*time.Millisecond, up)
		}, []string{"capture.no-answer/ info 198.51.100.2:5060"}},
		{"message waiting for a phone that is off", func(s *story) {
			d := s.dial(pbxAt, phoneAt)
			d.request("NOTIFY")
			d.again()
		}, []string{"capture.no-answer/ warning 192.168.88.10:5060"}},
		{"a port of its own", func(s *story) { s.silence(phoneAt, "198.51.100.2:5080") }, []string{"capture.no-answer/ critical 198.51.100.2:5080"}},
	})
}

// A router shows each request twice: what counts is how it went on.
func TestARequestThatPassesHereIsOne(t *testing.T) {
	for name, tt := range map[string]struct{ caller, server, sentBy, found, client string }{
		"NAT":     {officeAt, pbxAt, phoneAt, "198.51.100.2:5060", "203.0.113.1"},
		"a proxy": {pbxAt, "198.51.100.9:5060", "", "198.51.100.9:5060", "198.51.100.2"},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell()
			in, on := s.dial(phoneAt, pbxAt), s.dial(tt.caller, tt.server)
			on.id, on.sentBy = in.id, tt.sentBy
			if name == "a proxy" {
				on.branch = 100
			}
			in.request("REGISTER")
			on.request("REGISTER")
			for range 3 {
				s.wait(time.Second)
				in.repeat()
				on.repeat()
			}
			r := s.read(t)
			if len(r.Findings) != 1 || r.Findings[0].Subject != tt.found || r.Findings[0].Args["n"] != 1 || fmt.Sprint(r.Findings[0].Args["client"]) != tt.client {
				t.Errorf("%+v", r.Findings)
			}
		})
	}
}

func TestTheLineToRunOnTheServer(t *testing.T) {
	s := tell()
	s.silence(officeAt, "198.51.100.2:5080")
	r := s.read(t)
	if got, want := r.Findings[0].Advice[0], "On the server: sudo sipdoctor why 203.0.113.1 --udp 5080"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A capture with -i any tells which packets came to the machine and which it sent.
func TestAMachineThatKeepsTheRequests(t *testing.T) {
	phone, pbx, behind := netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("198.51.100.2"), netip.MustParseAddr("10.0.0.5")
	to := func(dst netip.Addr, in, out bool, ttl uint8) Message {
		return Message{Src: netip.AddrPortFrom(phone, 5060), Dst: netip.AddrPortFrom(dst, 5060), Method: "INVITE", In: in, Out: out, TTL: ttl}
	}
	for name, tt := range map[string]struct {
		list []Message
		want string
	}{
		"on the PBX":                       {[]Message{to(pbx, true, false, 57)}, rightHere},
		"on the phone, of which HEP tells": {[]Message{to(pbx, false, true, 0)}, atClient},
		"on a router that sends them on":   {[]Message{to(pbx, true, false, 57), to(pbx, false, true, 56)}, onTheWay},
		"on a router with NAT":             {[]Message{to(pbx, true, false, 57), to(behind, false, true, 56)}, onTheWay},
		"on a mirrored port of the switch": {[]Message{to(pbx, false, false, 57)}, onTheWay},
	} {
		t.Run(name, func(t *testing.T) {
			near := look(&Observed{Dialogs: []Dialog{{Messages: tt.list}}})
			if got := near.place(phone, pbx); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}
