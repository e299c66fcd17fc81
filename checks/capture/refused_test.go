package capture

import (
	"testing"
	"time"
)

// invites tells of an INVITE with a Request-URI of its own, and of its answer.
func (s *story) invites(server, uri, status string, more ...string) {
	d := s.dial(phoneAt, server)
	d.uri = uri
	d.request("INVITE", sdp("192.168.88.10:4000"))
	d.answer(status, more...)
}

func TestWhyACallIsRefused(t *testing.T) {
	const uri = "sip:200@pbx.example.net"
	hear(t, []tale{
		{"Asterisk says that the phone is not registered", func(s *story) {
			s.invites(pbxAt, uri, "503 Service Unavailable", "X-Asterisk-HangupCause: Subscriber absent", "X-Asterisk-HangupCauseCode: 20")
		}, []string{"capture.refused/cause critical 198.51.100.2:5060"}},
		{"the called phone is not there", func(s *story) { s.invites(pbxAt, uri, "480 Temporarily Unavailable", "Reason: Q.850;cause=20") },
			[]string{"capture.refused/cause warning 198.51.100.2:5060"}},
		{"the called phone is off", func(s *story) { s.invites(pbxAt, uri, "480 Temporarily Unavailable") }, []string{"capture.refused/ info 198.51.100.2:5060"}},
		{"busy, and the cause says so", func(s *story) { s.invites(pbxAt, uri, "486 Busy Here", `Reason: Q.850 ;cause=17;text="User busy"`) },
			[]string{"capture.refused/cause info 198.51.100.2:5060"}},
		{"a cause that says nothing", func(s *story) { s.invites(pbxAt, uri, "603 Decline", "Reason: Q.850;cause=16") },
			[]string{"capture.refused/ info 198.51.100.2:5060"}},
		{"a reason of another protocol", func(s *story) { s.invites(pbxAt, uri, "603 Decline", "Reason: SIP;cause=200;text=\"elsewhere\"") },
			[]string{"capture.refused/ info 198.51.100.2:5060"}},
		{"the money is gone, as a softswitch says it", func(s *story) { s.invites(pbxAt, uri, "480 No money left") },
			[]string{"capture.refused/ critical 198.51.100.2:5060"}},
		{"a wrong number", func(s *story) { s.invites(pbxAt, uri, "404 Not Found", "Reason: Q.850;cause=1") },
			[]string{"capture.refused/cause critical 198.51.100.2:5060"}},
	})
}

func TestNotFoundBecauseOfTheHost(t *testing.T) {
	refused := []string{"capture.refused/ critical 198.51.100.2:5060"}
	hear(t, []tale{
		{"the number is wrong", func(s *story) {
			s.invites(pbxAt, "sip:200@pbx.example.net", "486 Busy Here")
			s.invites(pbxAt, "sip:999@pbx.example.net", "404 Not Found")
		}, append(refused, "capture.refused/ info 198.51.100.2:5060")},
		{"a domain that others do not use", func(s *story) {
			s.invites(pbxAt, "sip:200@pbx.example.net", "486 Busy Here")
			s.invites(pbxAt, "sip:200@example.com", "404 Not Found")
		}, []string{"capture.wrong-target/name critical 198.51.100.2:5060", "capture.refused/ info 198.51.100.2:5060"}},
		{"nothing to compare the domain with", func(s *story) { s.invites(pbxAt, "sip:200@example.com", "404 Not Found") }, refused},
		{"another port than the gateway's", func(s *story) { s.invites(pbxAt, "sip:200@198.51.100.2:5062", "404 Not Found") },
			[]string{"capture.wrong-target/port critical 198.51.100.2:5060"}},
		{"the very port", func(s *story) { s.invites(pbxAt, "sip:200@198.51.100.2:5060", "404 Not Found") }, refused},
		{"no port at all", func(s *story) { s.invites(pbxAt, "sip:200@198.51.100.2", "404 Not Found") }, refused},
		{"the public address of a PBX behind NAT", func(s *story) { s.invites("10.0.0.5:5060", "sip:200@198.51.100.2", "404 Not Found") },
			[]string{"capture.wrong-target/nat critical 10.0.0.5:5060"}},
		{"a PBX behind NAT that knows its address", func(s *story) {
			s.invites("10.0.0.5:5060", "sip:200@198.51.100.2", "486 Busy Here")
			s.invites("10.0.0.5:5060", "sip:999@198.51.100.2", "404 Not Found")
		}, []string{"capture.refused/ critical 10.0.0.5:5060", "capture.refused/ info 10.0.0.5:5060"}},
		{"an outbound proxy", func(s *story) { s.invites(pbxAt, "sip:200@203.0.113.77", "404 Not Found") }, refused},
	})
}

func TestHostsOfURIs(t *testing.T) {
	for uri, want := range map[string]string{
		"sip:200@PBX.example.net:5080;transport=udp": "pbx.example.net", "sips:[2001:db8::1]:5061": "2001:db8::1", "<sip:a@10.0.0.1>": "10.0.0.1",
		"tel:+123": "", "": "", "sip:198.51.100.2": "198.51.100.2",
	} {
		if got, _ := hostOf(uri); got != want {
			t.Errorf("%s: %s, want %s", uri, got, want)
		}
	}
	if host, port := contactHost(`"a, b" <sip:a@192.168.1.2:5062;ob>;expires=60, <sip:x@y>`); host != "192.168.1.2" || port != 5062 {
		t.Error(host, port)
	}
}

func TestCallsThatGetNoFurther(t *testing.T) {
	try := func(then func(d *dial), wait time.Duration, first ...string) func(s *story) {
		return func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("INVITE", sdp("192.168.88.10:4000"))
			for _, f := range first {
				d.answer(f)
			}
			s.wait(wait)
			then(d)
			s.wait(5 * time.Second)
			s.talk(100*time.Millisecond, up)
		}
	}
	gone := func(*dial) {}
	cancel := func(d *dial) {
		d.method = "CANCEL"
		d.repeat()
		d.answer("200 OK")
		d.method = "INVITE"
		d.answer("487 Request Terminated")
	}
	found := []string{"capture.no-progress/ critical 198.51.100.2:5060"}
	hear(t, []tale{
		{"nothing after 100 Trying", try(gone, 32*time.Second, "100 Trying"), found},
		{"the caller gives up after half a minute", try(cancel, 30*time.Second, "100 Trying"), found},
		{"the caller gives up at once", try(cancel, 3*time.Second, "100 Trying"), nil},
		{"it rings", try(cancel, 30*time.Second, "100 Trying", "180 Ringing"), nil},
		{"the server gives up", try(func(d *dial) { d.answer("408 Request Timeout") }, 32*time.Second, "100 Trying"), found},
		{"the capture ends too soon", try(gone, 4*time.Second, "100 Trying"), nil},
	})
}
