package capture

import (
	"strings"
	"testing"
)

// offer is a session description with a profile and codecs of its own.
func offer(at, profile string, rtpmaps ...string) string {
	s := strings.Replace(sdp(at), "RTP/AVP 8 101", profile, 1)
	s = strings.NewReplacer("a=rtpmap:8 PCMA/8000\r\n", "", "a=rtpmap:101 telephone-event/8000\r\n", "").Replace(s)
	for _, m := range rtpmaps {
		s += "a=rtpmap:" + m + "\r\n"
	}
	return s
}

func TestCodecsThatDoNotFit(t *testing.T) {
	const ends, theirs = "192.168.88.10:4000", "198.51.100.2:10000"
	try := func(give, status string, more ...string) func(s *story) {
		return func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("INVITE", give)
			d.answer(status, more...)
			d.request("ACK")
		}
	}
	others := func(s *story, answer string) {
		d := s.dial("203.0.113.9:5060", pbxAt)
		d.request("INVITE", answer)
		d.answer("200 OK", seen, answer)
		d.request("ACK")
	}
	hear(t, []tale{
		{"the far end takes none of the codecs", try(offer(ends, "RTP/AVP 18 9"), "488 Not Acceptable Here"), []string{"capture.no-codec/refused critical 198.51.100.2:5060"}},
		{"the far end takes another codec in other calls", func(s *story) {
			others(s, offer(theirs, "RTP/AVP 8"))
			try(offer(ends, "RTP/AVP 18"), "488 Not Acceptable Here")(s)
		}, []string{"capture.no-codec/refused critical 198.51.100.2:5060"}},
		{"the far end takes the very codec in other calls", func(s *story) {
			others(s, offer(theirs, "RTP/AVP 18"))
			try(offer(ends, "RTP/AVP 18"), "488 Not Acceptable Here")(s)
		}, []string{"capture.refused/ critical 198.51.100.2:5060"}},
		{"a softswitch says it with 480", try(offer(ends, "RTP/AVP 18"), "480 Codec Mismatch"), []string{"capture.no-codec/refused critical 198.51.100.2:5060"}},
		{"a private address is refused, not a codec", try(offer(ends, "RTP/AVP 8"), "488 Private IP Address"), []string{"capture.refused/ critical 198.51.100.2:5060"}},
		{"only SRTP is offered", try(offer(ends, "RTP/SAVP 8"), "488 Not Acceptable Here"), []string{"capture.no-codec/encrypted critical 198.51.100.2:5060"}},
		{"only SRTP is taken", func(s *story) {
			others(s, offer(theirs, "RTP/SAVP 8"))
			try(offer(ends, "RTP/AVP 8"), "488 Not Acceptable Here")(s)
		}, []string{"capture.no-codec/plain critical 198.51.100.2:5060"}},
		{"the answer names another codec", try(offer(ends, "RTP/AVP 18 101", "101 telephone-event/8000"), "200 OK", seen,
			offer(theirs, "RTP/AVP 8 101", "101 telephone-event/8000")), []string{"capture.no-codec/different critical 198.51.100.2:5060"}},
		{"the answer takes one of two", try(offer(ends, "RTP/AVP 18 8"), "200 OK", seen, offer(theirs, "RTP/AVP 8")), nil},
		{"a dynamic number that differs", try(offer(ends, "RTP/AVP 107", "107 opus/48000/2"), "200 OK", seen, offer(theirs, "RTP/AVP 111", "111 OPUS/48000/2")), nil},
		{"a dynamic number that nobody names", try(offer(ends, "RTP/AVP 107"), "200 OK", seen, offer(theirs, "RTP/AVP 8")), nil},
		{"the answer refuses audio", try(offer(ends, "RTP/AVP 18"), "200 OK", seen, strings.Replace(offer(theirs, "RTP/AVP 18"), "10000", "0", 1)),
			[]string{"capture.no-codec/dropped critical 198.51.100.2:5060"}},
		{"two lines to choose from", try(offer(ends, "RTP/SAVP 8")+"m=audio 4002 RTP/AVP 8\r\n", "200 OK", seen,
			strings.Replace(offer(theirs, "RTP/SAVP 8"), "10000", "0", 1)+"m=audio 10002 RTP/AVP 8\r\n"), nil},
		{"a fax that has to do without T.38", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("INVITE", sdp(ends))
			d.answer("200 OK", seen, sdp(theirs))
			d.request("ACK")
			d.request("INVITE", strings.Replace(sdp(ends), "m=audio 4000 RTP/AVP 8 101", "m=image 4000 udptl t38", 1))
			d.answer("488 Not Acceptable Here")
		}, []string{"capture.fax-refused/ info 198.51.100.2"}},
	})
}
