package capture

import (
	"testing"
	"time"
)

func TestTheCauseIsInTheNextLeg(t *testing.T) {
	const second = "203.0.113.20:5060"
	leg := func(s *story, to string, then func(d *dial)) func() {
		a := s.dial(officeAt, pbxAt)
		a.request("INVITE", sdp("203.0.113.1:4000"))
		a.answer("100 Trying")
		b := s.dial(pbxAt, to)
		b.request("INVITE", sdp("198.51.100.2:10000"))
		then(b)
		return func() { a.answer("503 Service Unavailable", "X-Asterisk-HangupCauseCode: 18") }
	}
	hear(t, []tale{
		{"the phone does not answer the PBX, and the caller gets 503", func(s *story) {
			leg(s, second, func(b *dial) { b.again(sdp("198.51.100.2:10000")) })()
		}, []string{"capture.no-answer/ critical 203.0.113.20:5060"}},
		{"the phone is busy, and the caller is told something else", func(s *story) {
			leg(s, second, func(b *dial) { b.answer("486 Busy Here") })()
		}, []string{"capture.refused/ info 203.0.113.20:5060"}},
		{"the phone does not answer the PBX, and the caller gives up", func(s *story) {
			a := s.dial(officeAt, pbxAt)
			a.request("INVITE", sdp("203.0.113.1:4000"))
			a.answer("100 Trying")
			b := s.dial(pbxAt, second)
			b.request("INVITE", sdp("198.51.100.2:10000"))
			for range 5 {
				b.again(sdp("198.51.100.2:10000"))
			}
			a.answer("487 Request Terminated")
		}, []string{"capture.no-answer/ critical 203.0.113.20:5060"}},
		{"another call fails at the same time", func(s *story) {
			a := s.dial(officeAt, pbxAt)
			a.request("INVITE", sdp("203.0.113.1:4000"))
			b := s.dial(pbxAt, second)
			other := []string{"From: <sip:777@x>;tag=q", "To: <sip:888@x>"}
			b.uri = "sip:888@x"
			b.request("INVITE", append(other, sdp("198.51.100.2:10000"))...)
			b.answer("486 Busy Here", other...)
			a.answer("403 Forbidden")
		}, []string{"capture.refused/ critical 198.51.100.2:5060", "capture.refused/ info 203.0.113.20:5060"}},
		{"two callers without a name", func(s *story) {
			nobody := "From: <sip:anonymous@anonymous.invalid>;tag=q"
			a := s.dial(officeAt, pbxAt)
			a.request("INVITE", nobody, "To: <sip:777@x>", sdp("203.0.113.1:4000"))
			b := s.dial(pbxAt, second)
			b.uri = "sip:888@x"
			b.request("INVITE", nobody, "To: <sip:888@x>", sdp("198.51.100.2:10000"))
			b.answer("486 Busy Here", nobody, "To: <sip:888@x>")
			a.answer("403 Forbidden", nobody, "To: <sip:777@x>")
		}, []string{"capture.refused/ critical 198.51.100.2:5060", "capture.refused/ info 203.0.113.20:5060"}},
		{"a call of a minute later", func(s *story) {
			a := s.dial(officeAt, pbxAt)
			a.request("INVITE", sdp("203.0.113.1:4000"))
			a.answer("403 Forbidden")
			s.wait(time.Minute)
			b := s.dial(pbxAt, second)
			b.request("INVITE", sdp("198.51.100.2:10000"))
			b.answer("486 Busy Here")
		}, []string{"capture.refused/ critical 198.51.100.2:5060", "capture.refused/ info 203.0.113.20:5060"}},
	})
	s := tell()
	leg(s, second, func(b *dial) { b.again(sdp("198.51.100.2:10000")) })()
	for _, c := range factsOf(t, s.read(t)).Calls {
		if c.Diagnosis != "capture.no-answer" {
			t.Errorf("%+v", c)
		}
	}
}

func TestNumbersInTwoForms(t *testing.T) {
	for pair, want := range map[[2]string]bool{
		{"+74951234567", "84951234567"}: true, {"200", "200"}: true, {"200", "1200"}: false, {"", ""}: false, {"Alice", "alice"}: true, {"74951234567", "74951234568"}: false,
	} {
		if sameNumber(pair[0], pair[1]) != want {
			t.Error(pair, !want)
		}
	}
}
