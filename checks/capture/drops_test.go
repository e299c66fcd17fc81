package capture

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

const theirTag = "To: <sip:200@pbx.example.net>;tag=b"

// up tells of a call that is answered, and goes on.
func (s *story) up(more ...string) *dial {
	d := s.dial(officeAt, pbxAt)
	d.request("INVITE", sdp("203.0.113.1:4000"))
	d.answer("200 OK", append([]string{seen, theirTag, sdp("198.51.100.2:10000")}, more...)...)
	d.request("ACK", theirTag)
	return d
}

// turn lets the other side send the requests.
func (d *dial) turn() *dial {
	d.caller, d.pbx = d.pbx, d.caller
	d.cseq += 100
	return d
}

func (d *dial) bye() {
	d.request("BYE", theirTag)
	d.answer("200 OK", theirTag)
}

func TestCallsThatDrop(t *testing.T) {
	hold := strings.Replace(sdp("203.0.113.1:4000"), "a=rtpmap:8 ", "a=sendonly\r\na=rtpmap:8 ", 1)
	const timer = "Session-Expires: 1800;refresher=uas"
	after := func(age time.Duration, more ...string) func(s *story) {
		return func(s *story) {
			d := s.up(more...)
			s.wait(age)
			d.bye()
		}
	}
	ages := func(list ...float64) func(s *story) {
		return func(s *story) {
			for _, a := range list {
				after(time.Duration(a * float64(time.Second)))(s)
				s.wait(time.Second)
			}
		}
	}
	hear(t, []tale{
		{"a BYE that nobody answers", func(s *story) {
			d := s.up()
			s.wait(time.Minute)
			d.request("BYE", theirTag)
			d.again(theirTag)
		}, []string{"capture.bye-lost/silent critical 198.51.100.2:5060"}},
		{"a BYE that is answered at the second try", func(s *story) {
			d := s.up()
			d.request("BYE", theirTag)
			s.wait(time.Second)
			d.repeat(theirTag)
			d.answer("200 OK", theirTag)
		}, nil},
		{"a BYE without an answer, and nobody asks again", func(s *story) {
			d := s.up()
			d.request("BYE", theirTag)
			s.wait(10 * time.Second)
			s.talk(100*time.Millisecond, up)
		}, nil},
		{"both hang up at once", func(s *story) {
			d := s.up()
			d.request("BYE", theirTag)
			d.again(theirTag)
			d.turn().bye()
		}, nil},
		{"nobody refreshes the session", after(1768*time.Second, timer), []string{"capture.session-timer/never critical 203.0.113.1:5060"}},
		{"somebody hangs up at another time", after(1700*time.Second, timer), nil},
		{"a short interval and one call", after(60*time.Second, "Session-Expires: 90"), []string{"capture.session-timer/never warning 203.0.113.1:5060"}},
		{"a session without a timer", after(1768 * time.Second), nil},
		{"the session is refreshed", func(s *story) {
			d := s.up(timer)
			s.wait(900 * time.Second)
			d.request("INVITE", theirTag, sdp("203.0.113.1:4000"))
			d.answer("200 OK", theirTag, sdp("198.51.100.2:10000"))
			d.request("ACK", theirTag)
			s.wait(868 * time.Second)
			d.bye()
		}, nil},
		{"the refresh is lost, and the call ends", func(s *story) {
			d := s.up(timer)
			s.wait(900 * time.Second)
			d.request("INVITE", theirTag, sdp("203.0.113.1:4000"))
			d.again(theirTag, sdp("203.0.113.1:4000"))
			s.wait(10 * time.Second)
			d.bye()
		}, []string{"capture.session-timer/lost critical 203.0.113.1:5060"}},
		{"a refresh whose answer this capture lacks", func(s *story) {
			d := s.up(timer)
			s.wait(900 * time.Second)
			d.request("INVITE", theirTag, sdp("203.0.113.1:4000"))
			s.wait(10 * time.Second)
			d.bye()
		}, nil},
		{"a change that crosses the BYE", func(s *story) {
			d := s.up()
			d.request("INVITE", theirTag, hold)
			d.method = "BYE"
			d.cseq++
			d.repeat(theirTag)
			d.answer("200 OK", theirTag)
			d.method = "INVITE"
			d.cseq--
			d.answer("481 Call/Transaction Does Not Exist", theirTag)
		}, nil},
		{"hold is not answered", func(s *story) {
			d := s.up()
			s.wait(20 * time.Second)
			d.request("INVITE", theirTag, hold)
			d.again(theirTag, hold)
		}, []string{"capture.in-call/silent critical 198.51.100.2:5060"}},
		{"hold is refused", func(s *story) {
			d := s.up()
			d.request("INVITE", theirTag, hold)
			d.answer("403 Forbidden", theirTag)
			d.request("ACK", theirTag)
			d.bye()
		}, []string{"capture.in-call/refused warning 198.51.100.2:5060"}},
		{"the far end forgot the call", func(s *story) {
			d := s.up()
			d.request("UPDATE", theirTag)
			d.answer("481 Call/Transaction Does Not Exist", theirTag)
		}, []string{"capture.in-call/unknown warning 198.51.100.2:5060"}},
		{"both hang up, and the second gets 481", func(s *story) {
			d := s.up()
			d.bye()
			d.turn()
			d.request("BYE", theirTag)
			d.answer("481 Call/Transaction Does Not Exist", theirTag)
		}, nil},
		{"a BYE for a fault", func(s *story) {
			d := s.up()
			d.request("BYE", theirTag, `Reason: Q.850;cause=102;text="recovery on timer expiry"`)
			d.answer("200 OK", theirTag)
		}, []string{"capture.ended-by-fault/ warning 203.0.113.1:5060"}},
		{"a BYE in peace", func(s *story) {
			d := s.up()
			d.request("BYE", theirTag, "Reason: Q.850;cause=16")
			d.answer("200 OK", theirTag)
		}, nil},
		{"three calls of a minute to the second", ages(60, 20, 60.4, 60.7), []string{"capture.fixed-age/ warning 203.0.113.1"}},
		{"two calls of a minute", ages(60, 60.4, 20), nil},
		{"three of a minute, among longer ones", ages(60, 60.4, 60.7, 80, 95, 120, 240), nil},
		{"calls of five seconds", ages(5, 5.1, 5.2), nil},
		{"three calls, a second and a half apart", ages(60, 60.8, 61.5), nil},
	})
}

func TestABYEThatLeavesTheConnection(t *testing.T) {
	s := tell()
	d := s.up()
	s.wait(time.Minute)
	d.request("BYE", theirTag)
	d.again(theirTag)
	var o Observed
	r := newReading(&o)
	if err := r.file(t.Context(), "story.pcap", bytes.NewReader(s.Bytes()), func() {}); err != nil {
		t.Fatal(err)
	}
	r.finish()
	list := o.Dialogs[0].Messages
	for i := range list {
		if list[i].Method != "BYE" {
			list[i].Transport = "tcp"
		}
	}
	if f := judge(o, nil).Findings; len(f) != 1 || f[0].ID != "capture.bye-lost" || f[0].Variant != "transport" {
		t.Errorf("%+v", f)
	}
}
