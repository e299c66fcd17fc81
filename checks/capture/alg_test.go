package capture

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

func TestSignsOfAnALG(t *testing.T) {
	const algLine = "capture.alg-signs/"
	register := func(s *story, said, via string, more ...string) {
		d := s.dial(phoneAt, pbxAt)
		d.request("REGISTER", "Contact: <sip:100@192.168.88.10:5060>")
		d.sentBy, d.adds = said, via
		d.answer("200 OK", more...)
	}
	hear(t, []tale{
		{"the answer's Via is the router's", func(s *story) { register(s, "203.0.113.1:5060", "") }, []string{algLine + "echo critical 192.168.88.10:5060"}},
		{"the answer's Via is the phone's", func(s *story) { register(s, phoneAt, ";received=203.0.113.1") }, nil},
		{"only a port is added", func(s *story) { register(s, "192.168.88.10", "") }, nil},
		{"From comes back with another address", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("OPTIONS", "From: <sip:100@192.168.88.10>;tag=a")
			d.answer("200 OK", "From: <sip:100@203.0.113.1>;tag=a")
		}, []string{algLine + "echo critical 192.168.88.10:5060"}},
		{"a border controller puts itself into From", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("OPTIONS", "From: <sip:100@192.168.88.10>;tag=a")
			d.answer("200 OK", "From: <sip:100@198.51.100.2>;tag=a")
		}, nil},
		{"a border controller of an inner network", func(s *story) {
			d := s.dial("10.0.0.5:5070", "10.0.0.6:5060")
			d.request("OPTIONS", "From: <sip:100@10.1.1.1>;tag=a")
			d.answer("100 Trying", "From: <sip:100@10.1.1.2>;tag=a")
		}, nil},
		{"From comes back with a port", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("OPTIONS", "From: <sip:100@192.168.88.10>;tag=a")
			d.answer("200 OK", "From: <sip:100@192.168.88.10:5060>;tag=a")
		}, nil},
		{"the server knows the private address, and the public one", func(s *story) {
			register(s, phoneAt, ";received=203.0.113.1")
			register(s, phoneAt, ";received=192.168.88.10")
		}, []string{algLine + "received warning 192.168.88.10:5060"}},
		{"a VPN: the server sees the private address only", func(s *story) { register(s, phoneAt, ";received=192.168.88.10") }, nil},
		{"the registrar lists the public address", func(s *story) { register(s, phoneAt, "", "Contact: <sip:100@203.0.113.1:61000>;expires=60") },
			[]string{algLine + "contact info 192.168.88.10:5060"}},
		{"Asterisk rewrites the Contact itself", func(s *story) {
			register(s, phoneAt, "", "Contact: <sip:100@203.0.113.1:61000>;expires=60", asterisk)
		}, nil},
		{"the registrar lists the phone's own", func(s *story) {
			register(s, phoneAt, "", "Contact: <sip:100@203.0.113.9:5060>;expires=60, <sip:100@192.168.88.10:5060>;expires=60")
		}, nil},
	})
}

func TestLengthsThatDoNotFit(t *testing.T) {
	invite := func(ttl byte, length string, body string) func(s *story) {
		return func(s *story) {
			s.ttl = map[string]byte{officeAt: ttl}
			d := s.dial(officeAt, pbxAt)
			d.length = length
			d.request("INVITE", body)
			d.length = ""
			d.answer("100 Trying")
			d.answer("200 OK", seen, sdp("198.51.100.2:10000"))
			d.request("ACK")
		}
	}
	found := func(severity string) []string {
		return []string{"capture.alg-signs/length " + severity + " 203.0.113.1:5060"}
	}
	body := sdp("203.0.113.1:4000")
	hear(t, []tale{
		{"the body is shorter than the header says", invite(60, "300", body), found("critical")},
		{"the body is longer", invite(60, "100", body), found("warning")},
		{"the sender himself counts wrong", invite(64, "300", body), nil},
		{"an empty line too many", invite(60, "", body+"\r\n\r\n"), nil},
		{"the sender does not count the last line end", invite(60, strconv.Itoa(len(strings.TrimSpace(body))), body), nil},
		{"no length at all", invite(60, "-", body), nil},
	})
}

// What a finding says stands in the packets that it shows.
func TestTheSignIsThatOfTheFirstPacket(t *testing.T) {
	s := tell()
	s.ttl = map[string]byte{officeAt: 60}
	for _, length := range []string{"300", "400"} {
		d := s.dial(officeAt, pbxAt)
		d.length = length
		d.request("INVITE", sdp("203.0.113.1:4000"))
		d.length = ""
		d.answer("486 Busy Here")
	}
	f := s.read(t).Findings[0]
	if got, shown := fmt.Sprint(f.Args["before"]), fmt.Sprint(f.Evidence[1].Want); got != "300" || !strings.Contains(shown, got) {
		t.Errorf("says %q, shows %q", got, shown)
	}
}
