package stun

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/platform"
)

// office is a phone behind a router, and a host on the Internet.
type office struct {
	world  *checktest.World
	phone  *checktest.Host
	router *checktest.Router
	server *checktest.Host
}

func newOffice(seed uint64, o checktest.RouterOptions) office {
	w := checktest.New(seed)
	o.Inside, o.Outside = w.Segment("192.168.88.0/24"), w.Segment("203.0.113.0/24", "198.51.100.0/24")
	o.InsideAddrs, o.OutsideAddrs = []string{"192.168.88.1"}, []string{"203.0.113.1"}
	return office{w, o.Inside.Host("192.168.88.10"), w.Router(o), o.Outside.Host("198.51.100.2", "198.51.100.3")}
}

// answering runs f for every datagram to the server's port.
func (o office) answering(t *testing.T, at string, f func(c platform.UDPConn, b []byte, from netip.AddrPort)) platform.UDPConn {
	t.Helper()
	c, err := o.server.OpenUDP(t.Context(), netip.MustParseAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		buf := make([]byte, 2048)
		for {
			d, err := c.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue // an ICMP error about an earlier answer
			}
			f(c, buf[:d.N], d.From)
		}
	}()
	return c
}

func asked(t *testing.T, o office, q Question) (Outcome, *Socket) {
	t.Helper()
	s, err := Open(t.Context(), o.phone, netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	out := s.Ask(t.Context(), q)
	synctest.Wait()
	return out, s
}

var stunServer = at("198.51.100.2:3478")

func reply(t *testing.T, b []byte, from netip.AddrPort) []byte {
	r, _, ok := Answer(b, from, server(true))
	if !ok {
		t.Errorf("the question of our own client deserves an answer: %x", b)
	}
	return r
}

func TestAskIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, checktest.RouterOptions{NAT: checktest.Linux(), Delay: 10 * time.Millisecond})
		defer o.world.Close()
		o.answering(t, "198.51.100.2:3478", func(c platform.UDPConn, b []byte, from netip.AddrPort) {
			_ = c.WriteTo(reply(t, b, from), from, platform.SendOptions{})
		})
		got, s := asked(t, o, Question{To: stunServer, Plan: Patient()})
		defer s.Close()
		if !got.Answered || got.Sent != 1 || got.Response.Mapped.Addr().String() != "203.0.113.1" || got.Elapsed != 20*time.Millisecond {
			t.Errorf("%+v", got)
		}
	})
}

// Every second packet lost each way, and still an answer in all but hopeless
// cases: nine questions, three in four of which fail, all fail in 7 of 100.
func TestAskOnABadLine(t *testing.T) {
	answers, repeated := 0, 0
	for seed := range uint64(100) {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(seed, checktest.RouterOptions{NAT: checktest.Linux(), Loss: 0.5})
			defer o.world.Close()
			o.answering(t, "198.51.100.2:3478", func(c platform.UDPConn, b []byte, from netip.AddrPort) {
				_ = c.WriteTo(reply(t, b, from), from, platform.SendOptions{})
			})
			got, s := asked(t, o, Question{To: stunServer, Plan: Patient()})
			defer s.Close()
			if got.Answered {
				answers++
			}
			if got.Sent > 1 {
				repeated++
			}
		})
	}
	if answers < 85 || repeated < 50 {
		t.Errorf("%d of 100 answered, %d asked more than once", answers, repeated)
	}
}

func TestAskSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, checktest.RouterOptions{NAT: checktest.Linux(), Rules: []checktest.Rule{{Proto: checktest.UDP}}})
		defer o.world.Close()
		begin := time.Now()
		got, s := asked(t, o, Question{To: stunServer, Plan: Patient()})
		defer s.Close()
		if took := time.Since(begin); got.Answered || got.Sent != 9 || took != 4250*time.Millisecond {
			t.Errorf("answered %v, %d sends in %v; want silence, 9 in 4.25s", got.Answered, got.Sent, took)
		}
	})
}

// An answer from another address than asked is kept as evidence; it neither
// answers nor ends the question.
func TestAskAnswerFromElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, checktest.RouterOptions{Inside: nil})
		defer o.world.Close()
		stranger, err := o.server.OpenUDP(t.Context(), at("198.51.100.3:9999"))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		o.answering(t, "198.51.100.2:3478", func(c platform.UDPConn, b []byte, from netip.AddrPort) {
			if n++; n < 3 {
				_ = stranger.WriteTo(reply(t, b, from), from, platform.SendOptions{})
				return
			}
			_ = c.WriteTo(reply(t, b, from), from, platform.SendOptions{})
		})
		got, s := asked(t, o, Question{To: stunServer, Plan: Patient()})
		defer s.Close()
		var from []string
		for _, e := range got.Elsewhere {
			from = append(from, e.String())
		}
		if d := cmp.Diff([]string{"198.51.100.3:9999", "198.51.100.3:9999"}, from); d != "" || !got.Answered || got.From != stunServer {
			t.Errorf("answered %v by %v; elsewhere (-want +got):\n%s", got.Answered, got.From, d)
		}
	})
}

// A server that ignores CHANGE-REQUEST answers from where it was asked: that
// ends the question, and is no answer.
func TestAskServerIgnoresChangeRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, checktest.RouterOptions{NAT: checktest.Linux()})
		defer o.world.Close()
		o.answering(t, "198.51.100.2:3478", func(c platform.UDPConn, b []byte, from netip.AddrPort) {
			_ = c.WriteTo(reply(t, b, from), from, platform.SendOptions{})
		})
		got, s := asked(t, o, Question{To: stunServer, Expect: at("198.51.100.3:3479"), Request: Request{ChangeIP: true, ChangePort: true}, Plan: Steady(0)})
		defer s.Close()
		if got.Answered || got.Sent != 1 || len(got.Elsewhere) != 1 || got.Elsewhere[0] != stunServer {
			t.Errorf("%+v", got)
		}
	})
}

// Noise, answers to nobody's question and late copies: the first two are
// counted, the third is normal on a network that duplicates.
func TestAskStrays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, checktest.RouterOptions{})
		defer o.world.Close()
		o.answering(t, "198.51.100.2:3478", func(c platform.UDPConn, b []byte, from netip.AddrPort) {
			foreign := Request{ID: NewID(), Software: ClientSoftware}.Bytes()
			for _, out := range [][]byte{{}, []byte("SIP/2.0 200 OK\r\n\r\n"), reply(t, foreign, from), reply(t, b, from), reply(t, b, from)} {
				_ = c.WriteTo(out, from, platform.SendOptions{})
			}
		})
		got, s := asked(t, o, Question{To: stunServer, Plan: Patient()})
		defer s.Close()
		if !got.Answered || s.Strays() != 3 {
			t.Errorf("answered %v with %d strays, want 3", got.Answered, s.Strays())
		}
	})
}

func TestAskICMP(t *testing.T) {
	for _, tc := range []struct {
		name  string
		rules []checktest.Rule
		ttl   int
		sent  int
		want  string
	}{
		{"nobody listens", nil, 0, 3, "port unreachable from 198.51.100.2 about a datagram to 198.51.100.2:3478"},
		{"a firewall says no", []checktest.Rule{{Proto: checktest.UDP, Action: checktest.Reject}}, 0, 3, "communication administratively prohibited from 192.168.88.1 about a datagram to 198.51.100.2:3478"},
		{"the TTL ends at the router", nil, 1, 1, "time exceeded from 192.168.88.1 about a datagram to 198.51.100.2:3478"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(1, checktest.RouterOptions{NAT: checktest.Linux(), Rules: tc.rules})
				defer o.world.Close()
				got, s := asked(t, o, Question{To: stunServer, TTL: tc.ttl, Plan: Patient()})
				defer s.Close()
				if len(got.ICMP) == 0 || got.Sent != tc.sent {
					t.Fatalf("%d sends, %d ICMP errors", got.Sent, len(got.ICMP))
				}
				if d := cmp.Diff(tc.want, got.ICMP[0].Error()); d != "" {
					t.Error(d)
				}
			})
		})
	}
}

func TestAskOwnFirewall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, checktest.RouterOptions{})
		defer o.world.Close()
		o.phone.BlockOutput(checktest.Rule{Proto: checktest.UDP})
		got, s := asked(t, o, Question{To: stunServer, Plan: Patient()})
		defer s.Close()
		if platform.Classify(got.SendErr) != platform.ClassLocalFilter || got.Sent != enoughErrors {
			t.Errorf("%d sends, error %v", got.Sent, got.SendErr)
		}
	})
}

func TestAskEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, checktest.RouterOptions{Rules: []checktest.Rule{{}}})
		defer o.world.Close()
		s, err := Open(t.Context(), o.phone, netip.AddrPort{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		s.Ask(ctx, Question{To: stunServer, Plan: Patient()})
		if took := time.Since(begin); took != time.Second {
			t.Errorf("asking went on for %v", took)
		}
	})
}
