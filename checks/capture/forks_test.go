package capture

import (
	"fmt"
	"testing"
	"time"
)

func TestCallsOfSeveralEnds(t *testing.T) {
	answered := func(tags ...string) func(s *story) {
		return func(s *story) {
			d := s.dial(phoneAt, pbxAt)
			d.request("INVITE", sdp("192.168.88.10:4000"))
			for _, tag := range tags {
				d.answer("200 OK", seen, "To: <sip:200@pbx.example.net>;tag="+tag, sdp("198.51.100.2:10000"))
			}
			d.request("ACK", theirTag)
		}
	}
	collide := func(times int, then string) func(s *story) {
		return func(s *story) {
			d := s.up()
			for range times {
				d.request("INVITE", theirTag, sdp("203.0.113.1:4000"))
				d.answer("491 Request Pending", theirTag)
				d.request("ACK", theirTag)
				s.wait(3 * time.Second)
			}
			if then != "" {
				d.request("INVITE", theirTag, sdp("203.0.113.1:4000"))
				d.answer(then, theirTag, sdp("198.51.100.2:10000"))
				d.request("ACK", theirTag)
			}
		}
	}
	refused := func(status string, more ...string) func(s *story) {
		return func(s *story) { s.invites(pbxAt, "sip:200@pbx.example.net", status, more...) }
	}
	hear(t, []tale{
		{"two phones answer", answered("b", "c"), []string{"capture.answered-twice/ warning 198.51.100.2:5060"}},
		{"one phone answers twice the same", answered("b", "b"), nil},
		{"three collisions and no end", collide(3, ""), []string{"capture.glare/ warning 198.51.100.2:5060"}},
		{"a collision that is settled", collide(3, "200 OK"), nil},
		{"one collision", collide(1, ""), nil},
		{"a circle", refused("482 Loop Detected"), []string{"capture.loop/ critical 198.51.100.2:5060"}},
		{"too many hops", refused("483 Too Many Hops"), []string{"capture.loop/ critical 198.51.100.2:5060"}},
		{"a phone that is diverted", refused("302 Moved Temporarily", "Contact: <sip:300@pbx.example.net>"), []string{"capture.redirected/ info 198.51.100.2:5060"}},
		{"moved, and nobody knows where", refused("302 Moved Temporarily"), []string{"capture.refused/ info 198.51.100.2:5060"}},
	})
}

func TestStrangers(t *testing.T) {
	const thief = "203.0.113.66:5070"
	tries := func(n int, uri string, status string, more ...string) func(s *story) {
		return func(s *story) {
			for i := range n {
				d := s.dial(thief, pbxAt)
				d.uri = fmt.Sprintf(uri, i)
				d.request("INVITE", append(more, sdp("203.0.113.66:4000"))...)
				if status != "" {
					d.answer(status)
				}
				s.wait(time.Second)
			}
		}
	}
	names := func(n int, auth string) func(s *story) {
		return func(s *story) {
			for i := range n {
				d := s.dial(thief, pbxAt)
				to := fmt.Sprintf("To: <sip:%d@pbx>", 100+i)
				d.request("REGISTER", to)
				d.answer("401 Unauthorized", to, ask)
				if auth != "" {
					d.request("REGISTER", to, auth)
					d.answer("403 Forbidden", to)
				}
				s.wait(time.Second)
			}
		}
	}
	const scanner, numbers = "User-Agent: friendly-scanner", "sip:9%03d972591234567@198.51.100.2"
	hear(t, []tale{
		{"sipvicious, and the server answers", tries(3, "sip:%d@198.51.100.2", "401 Unauthorized", scanner), []string{"capture.scanner/agent warning 203.0.113.66"}},
		{"sipvicious, and nobody answers", tries(3, "sip:%d@198.51.100.2", "", scanner), []string{"capture.scanner/agent info 203.0.113.66"}},
		{"sipvicious gets a call through", tries(1, "sip:%d@198.51.100.2", "200 OK", scanner), []string{"capture.scanner/agent critical 203.0.113.66"}},
		{"one number with many prefixes", tries(10, numbers, "403 Forbidden"), []string{"capture.scanner/numbers warning 203.0.113.66"}},
		{"nine prefixes", tries(9, numbers, "403 Forbidden"), []string{"capture.refused/ critical 198.51.100.2:5060"}},
		{"a trunk that calls many numbers", tries(20, "sip:7495%07d@198.51.100.2", "403 Forbidden"), []string{"capture.refused/ critical 198.51.100.2:5060"}},
		{"names without a password", names(10, ""), []string{"capture.scanner/names warning 203.0.113.66"}},
		{"names, and nobody answers", func(s *story) {
			for i := range 10 {
				s.dial(thief, pbxAt).request("REGISTER", fmt.Sprintf("To: <sip:%d@pbx>", 100+i))
			}
		}, []string{"capture.scanner/names info 203.0.113.66"}},
		{"an office that the server has banned", func(s *story) {
			for i := range 12 {
				to := fmt.Sprintf("To: <sip:%d@pbx>", 100+i)
				d := s.dial(fmt.Sprintf("203.0.113.1:%d", 5060+i), pbxAt)
				d.request("REGISTER", to)
				d.again(to)
			}
		}, []string{"capture.no-answer/ critical 198.51.100.2:5060"}},
		{"an office whose passwords are all wrong", names(10, prove), []string{"capture.credentials-refused/unsaid critical 100"}},
	})
}
