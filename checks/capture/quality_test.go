package capture

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// up and down of a call that lasts, of which one direction is told.
func duringACall(d time.Duration, tell func(s *story, a, b *sender)) func(s *story) {
	return func(s *story) {
		call := s.answered(mediaHere)
		a, b := theUp(), theDown()
		if tell == nil {
			s.say(d, a, b)
		} else {
			tell(s, a, b)
		}
		call.hangUp()
	}
}

// lossy loses n packets in a row, every so often.
func lossy(every time.Duration, n, times int) func(s *story, a, b *sender) {
	return func(s *story, a, b *sender) {
		for range times {
			s.say(every-time.Duration(n)*20*time.Millisecond, a, b)
			for range n {
				b.pass()
				s.say(20*time.Millisecond, a)
			}
		}
		s.say(time.Second, a, b)
	}
}

func TestHowAudioSounds(t *testing.T) {
	reported := func(lost int32, jitter uint32, times int) func(s *story, a, b *sender) {
		return func(s *story, a, b *sender) {
			for i := range times {
				s.say(5*time.Second, a, b)
				s.packet("203.0.113.1:4001", "198.51.100.2:10001", 0xb8, rtcpReport(1, uint64(i+1)<<32, 2, 0, lost*int32(i), uint32(100+250*i), jitter, 0, 0))
			}
		}
	}
	jittery := func(ms int) func(s *story, a, b *sender) {
		return func(s *story, a, b *sender) {
			for range 250 {
				s.wait(time.Duration(ms) * time.Millisecond)
				a.packet(s)
				b.packet(s)
				s.wait(20*time.Millisecond - time.Duration(ms)*time.Millisecond)
				a.packet(s)
				b.packet(s)
				s.wait(20 * time.Millisecond)
			}
		}
	}
	runMedia(t, []mediaStory{
		{"well", duringACall(10*time.Second, nil), nil},
		{"four packets in a row, every 5 s", duringACall(0, lossy(5*time.Second, 4, 8)), []string{"capture.audio-gaps//warning/198.51.100.2"}},
		{"four packets in a row, twice", duringACall(0, lossy(5*time.Second, 4, 2)), nil},
		{"three packets in a row, every 5 s", duringACall(0, lossy(5*time.Second, 3, 8)), nil},
		{"one in 25", duringACall(0, lossy(500*time.Millisecond, 1, 40)), []string{"capture.poor-audio/here/warning/198.51.100.2"}},
		{"one in 150", duringACall(0, lossy(3*time.Second, 1, 20)), nil},
		{"a third", duringACall(0, lossy(300*time.Millisecond, 5, 40)), []string{"capture.poor-audio/here/critical/198.51.100.2"}},
		{"two seconds at once", duringACall(0, lossy(40*time.Second, 100, 1)), []string{"capture.poor-audio/here/warning/198.51.100.2"}},
		{"one second at once", duringACall(0, lossy(10*time.Second, 50, 1)), nil},
		{"much jitter", duringACall(0, jittery(45)), []string{"capture.poor-audio/uneven/warning/203.0.113.1", "capture.poor-audio/uneven/warning/198.51.100.2"}},
		{"some jitter", duringACall(0, jittery(15)), nil},
		{"lost after this place", duringACall(0, reported(10, 0, 12)), []string{"capture.poor-audio/beyond/warning/203.0.113.1"}},
		{"hardly anything lost after this place", duringACall(0, reported(2, 0, 12)), nil},
		{"jitter that only the receiver sees", duringACall(0, reported(0, 400, 12)), nil},
		{"reports about something else", duringACall(0, func(s *story, a, b *sender) {
			for i := range 6 {
				s.say(5*time.Second, a, b)
				s.packet("203.0.113.1:4001", "198.51.100.2:10001", 0xb8, rtcpReport(1, uint64(i+1)<<32, 2, 0, int32(1000*i), uint32(5000*i), 0, 0, 0))
			}
		}), nil},
		{"a single report", duringACall(0, reported(100, 400, 1)), nil},
	})
}

func TestWhatASenderDoesWrong(t *testing.T) {
	mute := func(n int, quiet byte, sound int) func(s *story) {
		return duringACall(0, func(s *story, a, b *sender) {
			s.say(time.Duration(sound)*20*time.Millisecond, a, b)
			b.payload = bytes.Repeat([]byte{quiet}, 160)
			s.say(time.Duration(n)*20*time.Millisecond, a, b)
		})
	}
	ptime := func(said string, ms int) func(s *story) {
		return func(s *story) {
			d := s.answered(mediaHere)
			d.change(sdp(mediaHere, said), sdp(mediaThere))
			a, b := theUp(), theDown()
			b.ms = ms
			for range 300 {
				a.packet(s)
				s.wait(20 * time.Millisecond)
				a.packet(s)
				s.wait(20 * time.Millisecond)
				for range 40 / ms {
					b.packet(s)
				}
			}
			d.hangUp()
		}
	}
	kind := func(kind byte, n int) func(s *story) {
		return duringACall(0, func(s *story, a, b *sender) {
			s.say(10*time.Second, a, b)
			b.kind = kind
			s.say(time.Duration(n)*20*time.Millisecond, a, b)
		})
	}
	mark := func(up, down byte) func(s *story) {
		return duringACall(0, func(s *story, a, b *sender) {
			a.tos, b.tos = up, down
			s.say(5*time.Second, a, b)
		})
	}
	const silent = "capture.silent-audio//warning/198.51.100.2"
	runMedia(t, []mediaStory{
		{"muted for 10 s", mute(500, 0xd5, 0), []string{silent}},
		{"muted for 9 s", mute(450, 0xd5, 0), nil},
		{"muted after some words", mute(500, 0xd5, 50), nil},
		{"a level that is loud", mute(500, 0x2a, 0), nil},
		{"another codec's silence", mute(500, 0xff, 0), nil},
		{"packets as asked for", ptime("a=ptime:20", 20), nil},
		{"nothing asked for", ptime("a=sendrecv", 40), nil},
		{"40 ms instead of 20", ptime("a=ptime:20", 40), []string{"capture.ptime//info/198.51.100.2"}},
		{"a codec that nobody named", kind(97, 50), []string{"capture.payload-type//warning/198.51.100.2"}},
		{"comfort noise", kind(13, 50), nil},
		{"a slip of the codec", kind(97, 20), nil},
		{"both are marked", mark(0xb8, 0xb8), nil},
		{"nobody marks", mark(unmarkedTOS, unmarkedTOS), nil},
		{"one end marks", mark(0xb8, unmarkedTOS), []string{"capture.dscp//info/198.51.100.2"}},
	})
}

func TestTheClockOfASender(t *testing.T) {
	for _, tt := range []struct {
		name  string
		ppm   float64
		d     time.Duration
		found bool
	}{
		{"slow", 500, 200 * time.Second, true}, {"fast", -500, 200 * time.Second, true},
		{"within what sound cards are", 200, 200 * time.Second, false}, {"slow, but not for long", 500, 100 * time.Second, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := announced()
			a, b := theUp(), theDown()
			a.slow = tt.ppm
			s.say(tt.d, a, b)
			found := 0
			for _, f := range s.read(t).Findings {
				if f.ID != "capture.clock-drift" {
					t.Error(f.ID)
				}
				t.Log(f.Title, f.Explanation)
				found++
			}
			if (found > 0) != tt.found {
				t.Errorf("%d findings", found)
			}
		})
	}
	t.Run("a way that became longer at once", func(t *testing.T) {
		s := announced()
		a := theUp()
		s.say(100*time.Second, a)
		s.wait(100 * time.Millisecond)
		s.say(100*time.Second, a)
		v := s.view(t)
		if ppm, ok := v.o.Streams[0].drift(); ok {
			t.Errorf("drift %f", ppm)
		}
	})
}

func TestKeys(t *testing.T) {
	info := func(d *dial) {
		d.request("INFO", "Content-Type: application/dtmf-relay")
		d.answer("200 OK")
	}
	press := func(events, infos int, offer, answer string) func(s *story) {
		return func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", offer)
			d.answer("200 OK", seen, answer)
			d.request("ACK")
			a, b := theUp(), theDown()
			s.say(3*time.Second, a, b)
			for range max(events, infos) {
				if events > 0 {
					a.key(s, 5)
					for range 5 {
						b.packet(s)
					}
				}
				if infos > 0 {
					info(d)
				}
				s.say(time.Second, a, b)
			}
			d.hangUp()
		}
	}
	with, without := sdp(mediaThere), strings.Replace(strings.Replace(sdp(mediaThere), " 101", "", 1), "a=rtpmap:101 telephone-event/8000\r\n", "", 1)
	offer := sdp(mediaHere)
	runMedia(t, []mediaStory{
		{"events", press(3, 0, offer, with), nil},
		{"INFO", press(0, 3, offer, with), nil},
		{"both", press(3, 3, offer, with), []string{"capture.dtmf-twice//warning/203.0.113.1"}},
		{"events that were not accepted", press(3, 0, offer, without), []string{"capture.dtmf-refused//warning/198.51.100.2"}},
		{"events that were not accepted, of a phone that names its address in the office", press(3, 0, sdp("192.168.88.10:4000"), without), []string{"capture.dtmf-refused//warning/198.51.100.2"}},
		{"events that nobody needed", press(0, 0, offer, without), []string{"capture.dtmf-refused//info/198.51.100.2"}},
		{"INFO, because events were not accepted", press(0, 3, offer, without), nil},
	})
	s := tell()
	press(3, 3, offer, with)(s)
	if c := factsOf(t, s.read(t)).Calls[0]; c.Keys == nil || c.Keys.Events != 3 || c.Keys.INFO != 3 {
		t.Errorf("%+v", c.Keys)
	}
}

func TestFax(t *testing.T) {
	fax38 := fax
	fax := func(upward, downward bool, length time.Duration) func(s *story) {
		return func(s *story) {
			d := s.answered(mediaHere)
			a, b := theUp(), theDown()
			s.say(5*time.Second, a, b)
			d.back().change(fax38(mediaThere), fax38(mediaHere))
			for i := range int(length / (100 * time.Millisecond)) {
				data := []byte{0, byte(i), 1, 6, 0}
				if upward {
					s.packet(mediaHere, mediaThere, 0, data)
				}
				if downward {
					s.packet(mediaThere, mediaHere, 0, data)
				}
				s.wait(100 * time.Millisecond)
			}
			d.hangUp()
		}
	}
	runMedia(t, []mediaStory{
		{"both ways", fax(true, true, 20*time.Second), nil},
		{"one way", fax(true, false, 20*time.Second), []string{"capture.fax/one-way/critical/198.51.100.2"}},
		{"the other way", fax(false, true, 20*time.Second), []string{"capture.fax/one-way/critical/203.0.113.1"}},
		{"one way, for 4 s", fax(true, false, 4*time.Second), nil},
		{"refused", func(s *story) {
			d := s.answered(mediaHere)
			a, b := theUp(), theDown()
			s.say(5*time.Second, a, b)
			c := d.back()
			c.request("INVITE", fax38(mediaThere))
			c.answer("488 Not Acceptable Here")
			c.request("ACK")
			s.say(5*time.Second, a, b)
			d.hangUp()
		}, []string{"capture.fax-refused//info/203.0.113.1"}},
		{"no packets of fax at all in the capture", fax(false, false, 20*time.Second), nil},
	})
}

func TestOnlyOneEndEncrypts(t *testing.T) {
	secure := func(at string) string {
		return strings.Replace(sdp(at, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA"), "RTP/AVP", "RTP/SAVP", 1)
	}
	call := func(offer, answer string) func(s *story) {
		return func(s *story) {
			d := s.dial(officeAt, pbxAt)
			d.request("INVITE", offer)
			d.answer("200 OK", seen, answer)
			d.request("ACK")
			s.say(5*time.Second, theUp(), theDown())
			d.hangUp()
		}
	}
	runMedia(t, []mediaStory{
		{"both", call(secure(mediaHere), secure(mediaThere)), nil},
		{"neither", call(sdp(mediaHere), sdp(mediaThere)), nil},
		{"who answers keeps to RTP/AVP, and gives a key", call(secure(mediaHere), sdp(mediaThere, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:BBBB")), nil},
		{"only who offers", call(secure(mediaHere), sdp(mediaThere)), []string{"capture.srtp-mismatch//critical/198.51.100.2"}},
		{"only who answers", call(sdp(mediaHere), secure(mediaThere)), []string{"capture.srtp-mismatch//critical/198.51.100.2"}},
	})
}
