package capture

import (
	"fmt"
	"testing"
	"time"
)

// asks and proves are a challenge and its answer with a nonce.
func asks(nonce, more string) string {
	return fmt.Sprintf(`WWW-Authenticate: Digest realm="asterisk", nonce="%s"%s`, nonce, more)
}

func answers(user, nonce string) string {
	return fmt.Sprintf(`Authorization: Digest username="%s", realm="asterisk", nonce="%s", uri="sip:pbx", response="0"`, user, nonce)
}

const asterisk = "Server: Asterisk PBX 20.5.0"

// register tells of a REGISTER with a challenge and of what its answer gets.
func (d *dial) register(user, status string, more ...string) {
	d.request("REGISTER")
	d.answer("401 Unauthorized", asks("n1", ""))
	d.request("REGISTER", answers(user, "n1"))
	d.answer(status, more...)
}

func TestPasswords(t *testing.T) {
	hear(t, []tale{
		{"the server says that the password is wrong", func(s *story) { s.dial(phoneAt, pbxAt).register("100", "403 Wrong password") },
			[]string{"capture.credentials-refused/wrong-password critical 100"}},
		{"a softswitch says it in its own words", func(s *story) { s.dial(phoneAt, pbxAt).register("100", "403 Wrong Guess") },
			[]string{"capture.credentials-refused/wrong-password critical 100"}},
		{"the server does not know the user", func(s *story) { s.dial(phoneAt, pbxAt).register("100", "404 Not Found") },
			[]string{"capture.credentials-refused/unknown-user critical 100"}},
		{"the money is gone", func(s *story) { s.dial(phoneAt, pbxAt).register("100", "403 No Money Left on RFC Account") },
			[]string{"capture.refused/ critical 198.51.100.2:5060"}},
		{"Asterisk challenges again within the second", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("INVITE", sdp("192.168.88.10:4000"))
			d.answer("401 Unauthorized", asks("1413305427/8dd1", `, opaque="3b9c"`))
			d.request("ACK")
			d.request("INVITE", answers("200", "1413305427/8dd1"), sdp("192.168.88.10:4000"))
			d.answer("401 Unauthorized", asks("1413305427/8dd1", `, opaque="0b5a"`))
			d.request("ACK")
		}, []string{"capture.credentials-refused/asterisk critical 200"}},
		{"Asterisk says its name", func(s *story) {
			s.dial(phoneAt, pbxAt).register("100", "401 Unauthorized", asks("n2", `, opaque="o2"`), asterisk)
		}, []string{"capture.credentials-refused/asterisk critical 100"}},
		{"Asterisk asks in another realm than it asks the others", func(s *story) {
			d := s.dial("203.0.113.9:5060", pbxAt)
			d.request("REGISTER", `Authorization: Digest username="109", realm="office", nonce="n1", response="0"`)
			d.answer("200 OK")
			s.dial(phoneAt, pbxAt).register("100", "401 Unauthorized", asks("n2", `, opaque="o2"`), asterisk)
		}, []string{"capture.credentials-refused/dummy critical 100"}},
		{"Asterisk asks all in one realm", func(s *story) {
			s.dial("203.0.113.9:5060", pbxAt).register("109", "200 OK")
			s.dial(phoneAt, pbxAt).register("100", "401 Unauthorized", asks("n2", `, opaque="o2"`), asterisk)
		}, []string{"capture.credentials-refused/asterisk critical 100"}},
		{"Asterisk has no room in the AOR", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("REGISTER")
			d.answer("401 Unauthorized", asks("n1", `, opaque="o1"`), asterisk)
			d.request("REGISTER", answers("100", "n1"))
			d.answer("403 Forbidden", asterisk)
		}, []string{"capture.credentials-refused/no-room critical 100"}},
		{"chan_sip refuses with 403 whatever is wrong", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("REGISTER")
			d.answer("401 Unauthorized", asks("n1", ""), asterisk)
			d.request("REGISTER", answers("100", "n1"))
			d.answer("403 Forbidden", asterisk)
		}, []string{"capture.credentials-refused/unsaid critical 100"}},
		{"a loop of tries", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			for i := range 10 {
				d.request("REGISTER", answers("100", fmt.Sprint("n", i)))
				d.answer("401 Unauthorized", asks(fmt.Sprint("n", i+1), ""))
				s.wait(time.Second)
			}
		}, []string{"capture.credentials-refused/unsaid critical 100"}},
		{"a nonce of before the capture is renewed, and the capture ends", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("REGISTER", answers("100", "n0"))
			d.answer("401 Unauthorized", asks("n1", ""))
		}, nil},
		{"a registrar behind a proxy", func(s *story) {
			const registrar = "198.51.100.9:5060"
			d := s.dial(phoneAt, pbxAt)
			inner := s.dial(pbxAt, registrar)
			inner.id, inner.branch = d.id, 100
			for i, auth := range []string{"Expires: 60", answers("100", "n1")} {
				below := fmt.Sprintf("Via: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s.%d", phoneAt, d.id, i+1)
				d.request("REGISTER", auth)
				inner.request("REGISTER", below, auth)
				inner.answer("401 Unauthorized", below, asks("n1", ""))
				d.answer("401 Unauthorized", asks("n1", ""))
			}
		}, []string{"capture.credentials-refused/unsaid critical 100"}},
		{"a typing error that was put right", func(s *story) {
			s.dial(phoneAt, pbxAt).register("100", "403 Forbidden")
			s.dial(phoneAt, pbxAt).register("100", "200 OK")
		}, []string{"capture.refused/ info 198.51.100.2:5060"}},
		{"registered, and calls are refused for the password", func(s *story) {
			s.dial(phoneAt, pbxAt).register("100", "200 OK")
			d := s.dial(phoneAt, pbxAt)
			d.request("INVITE", sdp("192.168.88.10:4000"))
			d.answer("407 Proxy Authentication Required", "Proxy-"+ask[4:])
			d.request("INVITE", answers("100", "n1"), sdp("192.168.88.10:4000"))
			d.answer("407 Proxy Authentication Required", "Proxy-"+ask[4:])
		}, []string{"capture.credentials-refused/known critical 100"}},
		{"registered, and not allowed to call there", func(s *story) {
			s.dial(phoneAt, pbxAt).register("100", "200 OK")
			d := s.dial(phoneAt, pbxAt)
			d.request("INVITE", answers("100", "n1"), sdp("192.168.88.10:4000"))
			d.answer("403 Forbidden")
		}, []string{"capture.refused/ critical 198.51.100.2:5060"}},
		{"a proxy asks, then the far end, and both are satisfied", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("INVITE", sdp("192.168.88.10:4000"))
			d.answer("407 Proxy Authentication Required", `Proxy-Authenticate: Digest realm="proxy", nonce="p"`)
			d.request("INVITE", `Proxy-Authorization: Digest username="100", realm="proxy", nonce="p", response="0"`, sdp("192.168.88.10:4000"))
			d.answer("401 Unauthorized", asks("n1", ""))
			d.request("INVITE", answers("100", "n1"), sdp("192.168.88.10:4000"))
			d.answer("486 Busy Here")
		}, []string{"capture.refused/ info 198.51.100.2:5060"}},
	})
}

func TestNoncesAndSilence(t *testing.T) {
	again := func(own bool, times int) func(s *story) {
		return func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			nonce := "n0"
			for i := range times {
				d.request("REGISTER", answers("100", nonce))
				d.answer("401 Unauthorized", asks(fmt.Sprint("n", i+1), ", stale=true"))
				if own {
					nonce = fmt.Sprint("n", i+1)
				}
				s.wait(time.Second)
			}
		}
	}
	silent := func(method string, then time.Duration) func(s *story) {
		return func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request(method)
			d.answer("401 Unauthorized", ask)
			s.wait(then)
			s.talk(100*time.Millisecond, up)
		}
	}
	hear(t, []tale{
		{"a nonce is renewed once", again(true, 1), nil},
		{"the server refuses its own nonce again and again", again(true, 4), []string{"capture.nonce-refused/new critical 100"}},
		{"the phone sticks to its old nonce", again(false, 4), []string{"capture.nonce-refused/old critical 100"}},
		{"refused for its nonce, and let in at last", func(s *story) {
			again(true, 3)(s)
			s.dial(phoneAt, pbxAt).register("100", "200 OK")
		}, []string{"capture.nonce-refused/new warning 100"}},
		{"the phone has no password", silent("REGISTER", 4*time.Second), []string{"capture.no-credentials/phone critical 192.168.88.10:5060"}},
		{"the capture ends two seconds after the challenge", silent("REGISTER", 2*time.Second), nil},
		{"a trunk that the PBX does not recognise", silent("INVITE", 4*time.Second), []string{"capture.no-credentials/call critical 192.168.88.10:5060"}},
		{"busy lamps without a password", silent("SUBSCRIBE", 4*time.Second), []string{"capture.no-credentials/phone warning 192.168.88.10:5060"}},
		{"OPTIONS only asks whether somebody is there", silent("OPTIONS", 4*time.Second), nil},
		{"a phone that proves itself under another Call-ID", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("REGISTER")
			d.answer("401 Unauthorized", ask)
			s.wait(time.Second)
			d = s.dial(phoneAt, pbxAt)
			d.request("REGISTER", prove)
			d.answer("200 OK")
			s.wait(4 * time.Second)
			s.talk(100*time.Millisecond, up)
		}, nil},
		{"a phone that is slow to answer", func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("REGISTER")
			d.answer("401 Unauthorized", ask)
			s.wait(20 * time.Second)
			d.request("REGISTER", prove)
			d.answer("200 OK")
		}, nil},
	})
}
