package checktest

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// natProbe measures a NAT from outside, with nothing but sockets: what the
// servers see, and what gets back in.
type natProbe struct {
	t      *testing.T
	s      *small
	from   platform.UDPConn
	server map[string]platform.UDPConn
}

func newNATProbe(t *testing.T, s *small) *natProbe {
	p := &natProbe{t: t, s: s, from: udpAt(t, s.phone, "0.0.0.0:40000"), server: map[string]platform.UDPConn{}}
	for _, at := range []string{serverAddr + ":3478", serverAddr + ":3479", serverAddr2 + ":3478", serverAddr2 + ":3479"} {
		p.server[at] = udpAt(t, s.server, at)
	}
	return p
}

// seen sends a datagram and returns where it seems to come from.
func (p *natProbe) seen(from platform.UDPConn, at string) netip.AddrPort {
	p.t.Helper()
	send(p.t, from, addrPort(at), "probe")
	d, _ := arrival(p.t, p.server[at])
	return d.From
}

func (p *natProbe) mapping() Behaviour {
	p.t.Helper()
	first := p.seen(p.from, serverAddr+":3478")
	port := p.seen(p.from, serverAddr+":3479")
	addr := p.seen(p.from, serverAddr2+":3478")
	switch {
	case first == port && first == addr:
		return EndpointIndependent
	case first == port:
		return AddressDependent
	default:
		return AddressAndPortDependent
	}
}

// filtering asks one server, and lets others answer, from a fresh socket.
func (p *natProbe) filtering() Behaviour {
	p.t.Helper()
	c := udpAt(p.t, p.s.phone, "0.0.0.0:41000")
	public := p.seen(c, serverAddr+":3478")
	getsIn := func(at string) bool {
		send(p.t, p.server[at], public, "unasked")
		_, _, ok := next(p.t, c)
		return ok
	}
	switch {
	case getsIn(serverAddr2 + ":3479"):
		return EndpointIndependent
	case getsIn(serverAddr + ":3479"):
		return AddressDependent
	default:
		return AddressAndPortDependent
	}
}

func TestEveryNATLooksFromOutsideLikeWhatItIs(t *testing.T) {
	behaviours := []Behaviour{EndpointIndependent, AddressDependent, AddressAndPortDependent}
	for _, m := range behaviours {
		for _, f := range behaviours {
			for _, ports := range []Ports{PreservePorts, RandomPorts, ParityPorts, SequentialPorts} {
				t.Run(fmt.Sprintf("%s mapping, %s filtering, ports %d", m, f, ports), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						p := newNATProbe(t, newSmall(t, RouterOptions{NAT: &NAT{Mapping: m, Filtering: f, Ports: ports}}))
						if got := p.mapping(); got != m {
							t.Errorf("mapping looks %s", got)
						}
						if got := p.filtering(); got != f {
							t.Errorf("filtering looks %s", got)
						}
					})
				})
			}
		}
	}
}

func TestLinuxMasqueradeLooksEndpointIndependentAndFiltersByPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newNATProbe(t, newSmall(t, RouterOptions{NAT: Linux()}))
		if got := p.mapping(); got != EndpointIndependent {
			t.Errorf("mapping looks %s", got)
		}
		if got := p.filtering(); got != AddressAndPortDependent {
			t.Errorf("filtering looks %s", got)
		}
	})
}

func TestPortsComeOutAsTheNATChooses(t *testing.T) {
	tests := map[string]struct {
		ports Ports
		want  func(inside, outside, before uint16) bool
	}{
		"a preserving NAT keeps the port": {PreservePorts, func(in, out, _ uint16) bool { return in == out }},
		"Linux keeps the port":            {OverloadPorts, func(in, out, _ uint16) bool { return in == out }},
		"a random NAT does not":           {RandomPorts, func(in, out, _ uint16) bool { return in != out && out >= 1024 }},
		"RTP stays even, RTCP odd":        {ParityPorts, func(in, out, _ uint16) bool { return in%2 == out%2 && in != out }},
		"one counts":                      {SequentialPorts, func(_, out, before uint16) bool { return before == 0 || out == before+1 }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newNATProbe(t, newSmall(t, RouterOptions{NAT: &NAT{Mapping: AddressAndPortDependent, Ports: tt.ports}}))
				before := uint16(0)
				for port := uint16(20000); port < 20020; port++ {
					c := udpAt(t, p.s.phone, fmt.Sprintf("0.0.0.0:%d", port))
					out := p.seen(c, serverAddr+":3478").Port()
					if !tt.want(port, out, before) {
						t.Errorf("port %d came out as %d, after %d", port, out, before)
					}
					before = out
				}
			})
		})
	}
}

func TestTwoPhonesWithTheSamePortDoNotShareAMapping(t *testing.T) {
	for name, nat := range map[string]*NAT{"preserving": {}, "Linux": Linux()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newNATProbe(t, newSmall(t, RouterOptions{NAT: nat}))
				second := udpAt(t, p.s.lan.Host("192.168.1.11"), "0.0.0.0:40000")
				a, b := p.seen(p.from, serverAddr+":3478"), p.seen(second, serverAddr+":3478")
				if a == b {
					t.Fatalf("both come from %s", a)
				}
				send(t, p.server[serverAddr+":3478"], b, "for the second phone")
				if _, text := arrival(t, second); text != "for the second phone" {
					t.Errorf("the second phone got %q", text)
				}
			})
		})
	}
}

func TestPublicAddressDependsOnThePooling(t *testing.T) {
	for name, arbitrary := range map[string]bool{"a paired pool keeps a phone on one address": false, "an arbitrary pool does not": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newNATProbe(t, newSmall(t, RouterOptions{
					NAT:          &NAT{Mapping: AddressAndPortDependent, Arbitrary: arbitrary},
					OutsideAddrs: []string{publicAddr, "203.0.113.2", "203.0.113.3"},
				}))
				addrs := map[netip.Addr]bool{}
				for range 5 {
					c, err := p.s.phone.OpenUDP(t.Context(), netip.AddrPort{})
					if err != nil {
						t.Fatal(err)
					}
					addrs[p.seen(c, serverAddr+":3478").Addr()] = true
					addrs[p.seen(c, serverAddr2+":3478").Addr()] = true
					_ = c.Close()
				}
				if (len(addrs) > 1) != arbitrary {
					t.Errorf("seen from %v", addrs)
				}
			})
		})
	}
}

// This waits for minutes that do not pass.
func TestRouterForgetsAPortWhenItsTimeIsUp(t *testing.T) {
	tests := map[string]struct {
		o        RouterOptions
		answered bool // a conversation longer than two seconds came before
		alive    time.Duration
		dead     time.Duration
	}{
		"a question without conversation lives 30 s": {RouterOptions{NAT: Linux()}, false, 29 * time.Second, 31 * time.Second},
		"a conversation lives two minutes":           {RouterOptions{NAT: Linux()}, true, 119 * time.Second, 121 * time.Second},
		"a router with its own ideas":                {RouterOptions{NAT: &NAT{Timeout: 5 * time.Second, Filtering: AddressDependent}}, false, 4 * time.Second, 6 * time.Second},
		"a firewall without NAT forgets as well":     {RouterOptions{Stateful: true}, false, 29 * time.Second, 31 * time.Second},
		"a SIP helper keeps its port for an hour":    {RouterOptions{NAT: Linux(), ALGs: []ALG{LinuxALG().On(UDP, 3478)}}, false, 59 * time.Minute, 61 * time.Minute},
		"a pinhole helper for half an hour":          {RouterOptions{NAT: Linux(), ALGs: []ALG{PinholeALG().On(UDP, 3478)}}, false, 29 * time.Minute, 31 * time.Minute},
	}
	for name, tt := range tests {
		for _, wait := range []time.Duration{tt.alive, tt.dead} {
			t.Run(fmt.Sprintf("%s, after %s", name, wait), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newNATProbe(t, newSmall(t, tt.o))
					server := p.server[serverAddr+":3478"]
					public := p.seen(p.from, serverAddr+":3478")
					if tt.answered {
						send(t, server, public, "answer")
						arrival(t, p.from)
						time.Sleep(3 * time.Second)
						p.seen(p.from, serverAddr+":3478")
					}
					time.Sleep(wait)
					send(t, server, public, "late")
					if _, _, ok := next(t, p.from); ok != (wait == tt.alive) {
						t.Errorf("let in: %v", ok)
					}
				})
			})
		}
	}
}

func TestInboundPacketsKeepAPortOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newNATProbe(t, newSmall(t, RouterOptions{NAT: &NAT{Filtering: AddressAndPortDependent, AssuredTimeout: 30 * time.Second}}))
		public := p.seen(p.from, serverAddr+":3478")
		for range 2 {
			time.Sleep(20 * time.Second)
			send(t, p.server[serverAddr+":3478"], public, "knock")
		}
		arrival(t, p.from)
		if _, _, ok := next(t, p.from); !ok {
			t.Error("the second knock did not come in")
		}
	})
}

func TestSmallRouterDropsFlowsItHasNoRoomFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newNATProbe(t, newSmall(t, RouterOptions{NAT: Linux(), StateLimit: 2}))
		p.seen(p.from, serverAddr+":3478")
		p.seen(p.from, serverAddr+":3479")
		send(t, p.from, addrPort(serverAddr2+":3478"), "one too many")
		if _, _, ok := next(t, p.server[serverAddr2+":3478"]); ok {
			t.Error("the third flow passed")
		}
		if n := p.s.router.Flows(); n != 2 {
			t.Errorf("%d flows in the table", n)
		}
		time.Sleep(time.Minute)
		p.seen(p.from, serverAddr2+":3478")
	})
}

func TestIPv6IsFilteredButNotTranslated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSmall(t, RouterOptions{NAT: Linux()})
		phone, server := udpAt(t, s.phone, "[::]:5060"), udpAt(t, s.server, "[::]:5060")
		send(t, server, addrPort("[2001:db8:1::10]:5060"), "unasked")
		if _, _, ok := next(t, phone); ok {
			t.Error("an unasked packet came in")
		}
		send(t, phone, addrPort("[2001:db8:2::2]:5060"), "question")
		d, _ := arrival(t, server)
		if want := addrPort("[2001:db8:1::10]:5060"); d.From != want {
			t.Errorf("the server sees %s, want %s", d.From, want)
		}
		send(t, server, d.From, "answer")
		arrival(t, phone)
	})
}
