package capture

import (
	"fmt"
	"testing"
	"time"
)

// ping tells of OPTIONS, each a Call-ID of its own: true is answered, false is not.
func (s *story) pings(to string, answered ...bool) {
	for _, ok := range answered {
		d := s.dial(pbxAt, to)
		d.request("OPTIONS")
		if ok {
			d.answer("200 OK")
		} else {
			d.again()
		}
		s.wait(30 * time.Second)
	}
}

func TestWhoComesAndGoes(t *testing.T) {
	hear(t, []tale{
		{"a phone that is away for a while", func(s *story) { s.pings(officeAt, true, false, false, true) }, []string{"capture.flapping/one warning 203.0.113.1:5060"}},
		{"one OPTIONS is lost", func(s *story) { s.pings(officeAt, true, false, true) }, nil},
		{"a phone that is always there", func(s *story) { s.pings(officeAt, true, true, true) }, nil},
		{"a phone that goes and stays away", func(s *story) { s.pings(officeAt, true, false, false) }, []string{"capture.no-answer/ warning 203.0.113.1:5060"}},
		{"a phone that is away until it registers, twice", func(s *story) {
			for range 3 {
				s.pings(officeAt, true, false, false)
				s.dial(officeAt, pbxAt).register("100", "200 OK")
			}
			s.pings(officeAt, true)
		}, []string{"capture.flapping/register warning 203.0.113.1:5060"}},
		{"a phone that was switched off once", func(s *story) {
			s.pings(officeAt, true, false, false)
			s.dial(officeAt, pbxAt).register("100", "200 OK")
			s.pings(officeAt, true)
		}, []string{"capture.flapping/one warning 203.0.113.1:5060"}},
		{"two phones", func(s *story) {
			s.pings(officeAt, true, false, false, true)
			s.pings("203.0.113.9:5060", true, false, false, true)
		}, []string{"capture.flapping/many warning 203.0.113.1:5060"}},
	})
}

// registers tells of registrations of one phone behind NAT, seen from outside.
func (s *story) registers(every time.Duration, outer ...string) {
	d := s.dial(officeAt, pbxAt)
	d.sentBy = phoneAt
	for _, at := range outer {
		d.caller = at
		d.request("REGISTER", "Expires: 3600", "Contact: <sip:100@phone.example.net>")
		d.answer("200 OK", "Expires: 3600", "Contact: <sip:100@phone.example.net>;expires=3600")
		s.wait(every)
	}
}

func TestRegistrationsAndNAT(t *testing.T) {
	port := func(list ...int) (out []string) {
		for _, p := range list {
			out = append(out, fmt.Sprint("203.0.113.1:", p))
		}
		return out
	}
	hear(t, []tale{
		{"another port each time", func(s *story) { s.registers(5*time.Minute, port(61000, 61001, 61002)...) }, []string{"capture.mapping-lost/ warning 203.0.113.1"}},
		{"another port once", func(s *story) { s.registers(5*time.Minute, port(61000, 61000, 61001)...) }, nil},
		{"the same port", func(s *story) { s.registers(5*time.Minute, port(61000, 61000, 61000)...) }, nil},
		{"another address: the router has a new one", func(s *story) {
			s.registers(5*time.Minute, "203.0.113.1:61000", "203.0.113.2:61000", "203.0.113.3:61000")
		}, nil},
		{"seen in the office, from what the server says", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			for _, p := range []string{"61000", "61001", "61002"} {
				d.adds = ";received=203.0.113.1;rport=" + p
				d.request("REGISTER", "Expires: 3600")
				d.answer("200 OK", "Expires: 3600")
				s.wait(5 * time.Minute)
			}
		}, []string{"capture.mapping-lost/ warning 192.168.88.10"}},
		{"every four seconds", func(s *story) { s.registers(4*time.Second, port(5060, 5060, 5060, 5060, 5060)...) },
			[]string{"capture.often-registered/ warning 203.0.113.1:5060"}},
		{"every thirty seconds", func(s *story) { s.registers(30*time.Second, port(5060, 5060, 5060, 5060, 5060)...) }, nil},
		{"four times, and then no more", func(s *story) { s.registers(4*time.Second, port(5060, 5060, 5060, 5060)...) }, nil},
	})
}

func TestAllPhonesAtOnce(t *testing.T) {
	phones := func(n int, every time.Duration, status string) func(s *story) {
		return func(s *story) {
			for i := range n {
				d := s.dial(fmt.Sprintf("203.0.113.%d:5060", i+1), pbxAt)
				d.request("REGISTER", "Expires: 600")
				d.answer(status, "Expires: 600")
				s.wait(every)
			}
			s.wait(10 * time.Minute)
			s.talk(100*time.Millisecond, up)
		}
	}
	hear(t, []tale{
		{"after a power failure", phones(60, 50*time.Millisecond, "200 OK"), []string{"capture.registration-storm/ info 198.51.100.2:5060"}},
		{"forty phones", phones(40, 50*time.Millisecond, "200 OK"), nil},
		{"one after the other", phones(60, 2*time.Second, "200 OK"), nil},
	})
}

func TestRequestsThatAreRepeated(t *testing.T) {
	asks := func(n, repeated int, before time.Duration) func(s *story) {
		return func(s *story) {
			for i := range n {
				d := s.dial(phoneAt, pbxAt)
				d.request("SUBSCRIBE")
				if i < repeated {
					s.wait(500 * time.Millisecond)
					d.repeat()
					s.wait(before)
				}
				d.answer("200 OK")
				s.wait(time.Second)
			}
		}
	}
	hear(t, []tale{
		{"packets are lost", asks(10, 3, 20*time.Millisecond), []string{"capture.repeated/lost warning 198.51.100.2:5060"}},
		{"the server is slow", asks(10, 3, 450*time.Millisecond), []string{"capture.repeated/slow warning 198.51.100.2:5060"}},
		{"two are lost", asks(10, 2, 20*time.Millisecond), nil},
		{"three of forty are lost", asks(40, 3, 20*time.Millisecond), nil},
	})
}
