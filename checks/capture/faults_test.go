package capture

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
)

const (
	ask   = `WWW-Authenticate: Digest realm="asterisk", nonce="n1", opaque="o1", algorithm=MD5`
	stale = `WWW-Authenticate: Digest realm="asterisk", nonce="n2", stale=true`
	prove = `Authorization: Digest username="100", realm="asterisk", nonce="n1", uri="sip:pbx", response="0"`
	seen  = "Contact: <sip:200@198.51.100.2:5060>"
)

// call tells of a call that is answered and talked in for a time.
func (s *story) call(caller, heard string, talk time.Duration, speakers ...speaker) *dial {
	d := s.dial(caller, pbxAt)
	d.request("INVITE", sdp(heard))
	d.answer("100 Trying")
	d.answer("200 OK", seen, sdp("198.51.100.2:10000"))
	d.request("ACK")
	s.talk(talk, speakers...)
	if len(speakers) == 0 {
		s.wait(talk)
	}
	d.request("BYE")
	d.answer("200 OK")
	return d
}

var (
	up   = speaker{from: "203.0.113.1:4000", to: "198.51.100.2:10000", ssrc: 1}
	down = speaker{from: "198.51.100.2:10000", to: "203.0.113.1:4000", ssrc: 2}
)

func TestWhatACaptureSays(t *testing.T) {
	tests := []struct {
		name    string
		tell    func(s *story)
		status  checks.Status
		found   []string // ID, variant, severity, subject
		outcome string   // of the first exchange
		code    int
	}{
		{"a call that works", func(s *story) { s.call(officeAt, "203.0.113.1:4000", 10*time.Second, up, down) }, checks.Pass, nil, "answered", 200},
		{"a registration that works", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("REGISTER")
			d.answer("401 Unauthorized", ask)
			d.request("REGISTER", prove)
			d.answer("200 OK", "Expires: 60")
		}, checks.Pass, nil, "accepted", 200},
		{"a server that is silent", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("REGISTER")
			for range 3 {
				s.wait(time.Second)
				d.repeat()
			}
		}, checks.Fail, []string{"capture.no-answer//critical/198.51.100.2:5060"}, "unanswered", 0},
		{"a capture that ends a second after the request", func(s *story) {
			s.dial(phoneAt, pbxAt).request("REGISTER")
			s.wait(time.Second)
			s.talk(100*time.Millisecond, up)
		}, checks.Pass, nil, "unanswered", 0},
		{"nobody asks twice, though phones do when no answer comes", func(s *story) {
			s.dial(phoneAt, pbxAt).request("REGISTER")
			s.wait(4 * time.Second)
			s.talk(100*time.Millisecond, up)
		}, checks.Warn, []string{"capture.no-answer//warning/198.51.100.2:5060"}, "unanswered", 0},
		{"OPTIONS to a phone that is off", func(s *story) {
			d := s.dial(pbxAt, phoneAt)
			d.request("OPTIONS")
			for range 2 {
				s.wait(time.Second)
				d.repeat()
			}
		}, checks.Warn, []string{"capture.no-answer//warning/192.168.88.10:5060"}, "unanswered", 0},
		{"a wrong password, as Asterisk refuses it", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("REGISTER")
			d.answer("401 Unauthorized", ask)
			d.request("REGISTER", prove)
			d.answer("403 Forbidden")
		}, checks.Fail, []string{"capture.credentials-refused/unsaid/critical/100"}, "rejected", 403},
		{"a wrong password, as PJSIP refuses it", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("REGISTER")
			d.answer("401 Unauthorized", ask)
			d.request("REGISTER", prove)
			d.answer("401 Unauthorized", ask)
		}, checks.Fail, []string{"capture.credentials-refused/unsaid/critical/100"}, "unauthorised", 401},
		{"a nonce that was too old", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("REGISTER", prove)
			d.answer("401 Unauthorized", stale)
			d.request("REGISTER", prove)
			d.answer("200 OK")
		}, checks.Pass, nil, "accepted", 200},
		{"403 to a call without a password", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("INVITE", sdp("192.168.88.10:4000"))
			d.answer("403 Forbidden")
		}, checks.Fail, []string{"capture.refused//critical/198.51.100.2:5060"}, "rejected", 403},
		{"somebody is busy", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("INVITE", sdp("192.168.88.10:4000"))
			d.answer("486 Busy Here")
		}, checks.Pass, []string{"capture.refused//info/198.51.100.2:5060"}, "rejected", 486},
		{"the caller hangs up", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("INVITE", sdp("192.168.88.10:4000"))
			d.answer("180 Ringing")
			d.answer("487 Request Terminated")
		}, checks.Pass, nil, "cancelled", 487},
		{"the ACK is lost behind the capture", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp("203.0.113.1:4000"))
			for range 4 {
				d.answer("200 OK", "Contact: <sip:200@10.0.0.5:5060>", sdp("198.51.100.2:10000"))
				d.method = "ACK"
				d.repeat()
				d.method = "INVITE"
				s.wait(time.Second)
			}
		}, checks.Fail, []string{"capture.ack-lost/private/critical/198.51.100.2:5060"}, "answered", 200},
		{"the ACK goes to the private address in the Contact", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("INVITE", sdp("192.168.88.10:4000"))
			d.answer("200 OK", "Contact: <sip:200@10.0.0.5:5060>", sdp("198.51.100.2:10000"))
			for range 4 {
				d.method, d.pbx = "ACK", "10.0.0.5:5060"
				d.repeat()
				d.method, d.pbx = "INVITE", pbxAt
				s.wait(2 * time.Second)
				d.answer("200 OK", "Contact: <sip:200@10.0.0.5:5060>", sdp("198.51.100.2:10000"))
			}
		}, checks.Fail, []string{"capture.ack-lost/private/critical/198.51.100.2:5060"}, "answered", 200},
		{"an ACK that is late", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp("203.0.113.1:4000"))
			for range 4 {
				d.answer("200 OK", seen, sdp("198.51.100.2:10000"))
				s.wait(time.Second)
			}
			d.request("ACK")
			s.wait(10 * time.Second)
			d.request("BYE")
			d.answer("200 OK")
		}, checks.Pass, nil, "answered", 200},
		{"the third ACK gets through", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp("203.0.113.1:4000"))
			for range 3 {
				d.answer("200 OK", seen, sdp("198.51.100.2:10000"))
				d.method = "ACK"
				d.repeat()
				d.method = "INVITE"
				s.wait(time.Second)
			}
			s.wait(10 * time.Second)
			d.request("BYE")
			d.answer("200 OK")
		}, checks.Pass, nil, "answered", 200},
		{"no ACK in half a minute, and the called side hangs up", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp("203.0.113.1:4000"))
			for range 9 {
				d.answer("200 OK", seen, sdp("198.51.100.2:10000"))
				s.wait(3500 * time.Millisecond)
			}
			s.wait(6 * time.Second)
			d.turn().bye()
		}, checks.Fail, []string{"capture.ack-lost/none/critical/198.51.100.2:5060"}, "answered", 200},
		{"the caller never sends an ACK", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp("203.0.113.1:4000"))
			for range 4 {
				d.answer("200 OK", seen, sdp("198.51.100.2:10000"))
				s.wait(time.Second)
			}
		}, checks.Fail, []string{"capture.ack-lost/none/critical/198.51.100.2:5060"}, "answered", 200},
		{"one copy of a 200 OK is no fault", func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", sdp("203.0.113.1:4000"))
			d.answer("200 OK", seen, sdp("198.51.100.2:10000"))
			d.answer("200 OK", seen, sdp("198.51.100.2:10000"))
			d.request("ACK")
		}, checks.Pass, nil, "answered", 200},
		{"the caller hears nothing", func(s *story) { s.call(officeAt, "203.0.113.1:4000", 10*time.Second, up) }, checks.Fail,
			[]string{"capture.no-audio/caller/critical/203.0.113.1"}, "answered", 200},
		{"the called side hears nothing", func(s *story) { s.call(officeAt, "203.0.113.1:4000", 10*time.Second, down) }, checks.Fail,
			[]string{"capture.no-audio/called/critical/198.51.100.2"}, "answered", 200},
		{"nobody hears anything, though others talk", func(s *story) {
			s.call(officeAt, "203.0.113.1:4000", 10*time.Second, speaker{from: "203.0.113.7:4000", to: "198.51.100.2:12000", ssrc: 7})
		}, checks.Fail, []string{"capture.no-audio/none/critical/203.0.113.1"}, "answered", 200},
		{"a capture of port 5060 alone", func(s *story) { s.call(officeAt, "203.0.113.1:4000", 10*time.Second) }, checks.Pass, nil, "answered", 200},
		{"a call of a second", func(s *story) { s.call(officeAt, "203.0.113.1:4000", time.Second, up) }, checks.Pass, nil, "answered", 200},
		{"behind NAT, and the PBX sends back to where audio comes from", func(s *story) {
			s.call(officeAt, "192.168.88.10:4000", 10*time.Second, speaker{from: "203.0.113.1:61000", to: "198.51.100.2:10000", ssrc: 1},
				speaker{from: "198.51.100.2:10000", to: "203.0.113.1:61000", ssrc: 2})
		}, checks.Pass, nil, "answered", 200},
		{"one packet in 50 is lost", func(s *story) {
			bad := down
			bad.lose = 50
			s.call(officeAt, "203.0.113.1:4000", 20*time.Second, up, bad)
		}, checks.Warn, []string{"capture.poor-audio/here/warning/198.51.100.2"}, "answered", 200},
		{"one packet in 100 is lost", func(s *story) {
			bad := down
			bad.lose = 100
			s.call(officeAt, "203.0.113.1:4000", 10*time.Second, up, bad)
		}, checks.Pass, nil, "answered", 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tell()
			tt.tell(s)
			r := s.read(t)
			var found []string
			for _, f := range r.Findings {
				found = append(found, f.ID+"/"+f.Variant+"/"+string(f.Severity)+"/"+f.Subject)
			}
			if diff := cmp.Diff(tt.found, found); diff != "" {
				t.Error(diff)
			}
			if r.Status != tt.status {
				t.Errorf("status %s, want %s", r.Status, tt.status)
			}
			call := factsOf(t, r).Calls[0]
			if call.Outcome != tt.outcome || call.FinalCode != tt.code {
				t.Errorf("outcome %s %d, want %s %d", call.Outcome, call.FinalCode, tt.outcome, tt.code)
			}
		})
	}
}
