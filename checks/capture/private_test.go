package capture

import (
	"testing"
	"time"
)

const (
	hiddenAt = "Contact: <sip:100@192.168.88.10:5060>"
	tagged   = "To: <sip:100@pbx.example.net>;tag=x"
)

// again repeats the latest request for a while.
func (d *dial) again(more ...string) {
	for range 3 {
		d.s.wait(time.Second)
		d.repeat(more...)
	}
}

func TestPrivateContacts(t *testing.T) {
	registered := func(s *story) {
		d := s.dial(officeAt, pbxAt)
		d.request("REGISTER", hiddenAt)
		d.answer("200 OK")
	}
	hear(t, []tale{
		{"the server calls the phone where it is not", func(s *story) {
			registered(s)
			d := s.dial(pbxAt, phoneAt)
			d.request("INVITE", sdp("198.51.100.2:10000"))
			d.again(sdp("198.51.100.2:10000"))
		}, []string{"capture.private-contact/calls critical 203.0.113.1:5060"}},
		{"the server hangs up where nobody is", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", hiddenAt, sdp("192.168.88.10:4000"))
			d.answer("200 OK", seen, sdp("198.51.100.2:10000"))
			d.request("ACK")
			d.caller, d.pbx = pbxAt, phoneAt
			d.request("BYE", tagged)
			d.again(tagged)
		}, []string{"capture.private-contact/dialog critical 203.0.113.1:5060"}},
		{"the server sends to where packets come from", func(s *story) {
			registered(s)
			d := s.dial(pbxAt, officeAt)
			d.request("INVITE", sdp("198.51.100.2:10000"))
			d.answer("486 Busy Here")
		}, []string{"capture.refused/ info 203.0.113.1:5060"}},
		{"nothing shows what the server does", registered, []string{"capture.private-contact/untested info 203.0.113.1:5060"}},
		{"a phone in the network of its server", func(s *story) {
			d := s.dial(phoneAt, "192.168.88.2:5060")
			d.request("REGISTER", hiddenAt)
			d.answer("200 OK")
		}, nil},
		{"captured in the office", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("REGISTER", hiddenAt)
			d.answer("200 OK")
		}, nil},
		{"another phone with that address is off", func(s *story) {
			registered(s)
			d := s.dial("198.51.100.77:5060", phoneAt)
			d.request("OPTIONS")
			d.again()
		}, []string{"capture.no-answer/ warning 192.168.88.10:5060", "capture.private-contact/untested info 203.0.113.1:5060"}},
		{"the ACK goes to the private Contact of the 200 OK", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp("203.0.113.1:4000"))
			for range 4 {
				d.method, d.pbx = "INVITE", pbxAt
				d.answer("200 OK", "Contact: <sip:200@10.0.0.5:5060>", sdp("198.51.100.2:10000"))
				d.method, d.pbx = "ACK", "10.0.0.5:5060"
				d.repeat()
				s.wait(time.Second)
			}
		}, []string{"capture.ack-lost/private critical 198.51.100.2:5060"}},
	})
}

func TestAnswersThatGoAstray(t *testing.T) {
	try := func(at, to string, times int) func(s *story) {
		return func(s *story) {
			d := s.dial(at, pbxAt)
			d.sentBy = "192.168.88.10:5060"
			for i := range times {
				if i == 0 {
					d.request("REGISTER")
				} else {
					d.repeat()
				}
				d.caller = to
				d.answer("401 Unauthorized", ask)
				d.caller = at
				s.wait(time.Second)
			}
		}
	}
	hear(t, []tale{
		{"to the private address in the Via", try("203.0.113.1:61000", phoneAt, 4), []string{"capture.answers-astray/private critical 203.0.113.1:61000"}},
		{"to the port in the Via", try("203.0.113.1:61000", officeAt, 4), []string{"capture.answers-astray/port critical 203.0.113.1:61000"}},
		{"one copy was on its way already", try("203.0.113.1:61000", officeAt, 2), nil},
	})
}
