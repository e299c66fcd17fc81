package nat

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	pion "github.com/pion/stun/v2"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

func nat(m, f checktest.Behaviour) *checktest.NAT {
	return &checktest.NAT{Mapping: m, Filtering: f, Ports: checktest.RandomPorts}
}

const (
	free  = checktest.EndpointIndependent
	byIP  = checktest.AddressDependent
	byEnd = checktest.AddressAndPortDependent
)

func TestStories(t *testing.T) {
	both := func(n *internet) { n.stunServer(nil, "198.51.100.2", "198.51.100.3") }
	for _, tc := range []struct {
		name         string
		router       checktest.RouterOptions
		servers      func(*internet)
		mapping      string
		filtering    string
		findings     []string
		inconclusive string // words of the reason
		summary      string // words of the summary
		also         func(*testing.T, Facts)
	}{
		{name: "an ordinary Linux router", router: checktest.RouterOptions{NAT: checktest.Linux()}, servers: both,
			mapping: independent, filtering: addressPort, summary: "phones can register and call (mapping endpoint-independent, filtering address- and port-dependent)",
			also: func(t *testing.T, f Facts) {
				if !f.PortPreserved || f.RTPParityKept == nil || !*f.RTPParityKept || !*f.RTPContiguous || f.NATLayers != 1 || f.CGNAT {
					t.Errorf("%+v", f)
				}
			}},
		{name: "a NAT that takes a new port for every destination", router: checktest.RouterOptions{NAT: checktest.Symmetric()}, servers: both,
			mapping: addressPort, filtering: addressPort, findings: []string{"nat.mapping-varies"}, summary: "phones can register, but every call needs the provider's media relay",
			also: func(t *testing.T, f Facts) {
				if f.PortPreserved || *f.RTPContiguous {
					t.Errorf("%+v", f)
				}
			}},
		{name: "public addresses in the office", router: checktest.RouterOptions{}, servers: both,
			mapping: independent, filtering: independent, summary: "no NAT: this machine is seen under its own address 192.168.88.10; filtering endpoint-independent",
			also: func(t *testing.T, f Facts) {
				if f.BehindNAT || f.NATLayers != 0 {
					t.Errorf("%+v", f)
				}
			}},
		{name: "a firewall that translates nothing", router: checktest.RouterOptions{Stateful: true}, servers: both,
			mapping: independent, filtering: addressPort, summary: "no NAT"},
		{name: "everybody may ring", router: checktest.RouterOptions{NAT: &checktest.NAT{}}, servers: both,
			mapping: independent, filtering: independent, findings: []string{"nat.filtering"}},
		{name: "two servers with one address each, friendly NAT", router: checktest.RouterOptions{NAT: checktest.Linux()},
			servers: func(n *internet) { n.stunServer(nil, "198.51.100.2"); n.stunServer(nil, "198.51.100.30") },
			mapping: independent, filtering: unknown, summary: "phones can register and call (mapping endpoint-independent)"},
		{name: "two servers with one address each, symmetric NAT", router: checktest.RouterOptions{NAT: nat(byEnd, byEnd)},
			servers: func(n *internet) { n.stunServer(nil, "198.51.100.2"); n.stunServer(nil, "198.51.100.30") },
			mapping: address, filtering: unknown, findings: []string{"nat.mapping-varies"}, summary: "media relay (mapping at least address-dependent)",
			also: func(t *testing.T, f Facts) {
				if !f.MappingLowerBound || !slices.Equal(f.MappingPossible, []string{address, addressPort}) {
					t.Errorf("%+v", f)
				}
			}},
		{name: "one server with one address", router: checktest.RouterOptions{NAT: checktest.Linux()},
			servers: func(n *internet) { n.stunServer(nil, "198.51.100.2") },
			mapping: unknown, filtering: unknown, inconclusive: "needs a second server", summary: "could not be determined"},
		{name: "a server that repeats its own address as the other one", router: checktest.RouterOptions{NAT: checktest.Linux()},
			servers: func(n *internet) {
				n.stunServer(repeatsItself, "198.51.100.2", "198.51.100.3")
				n.stunServer(nil, "198.51.100.30")
			},
			mapping: independent, filtering: unknown},
		{name: "a server that ignores the wish for another address", router: checktest.RouterOptions{NAT: checktest.Linux()},
			servers: func(n *internet) {
				n.stunServer(ignoresChange, "198.51.100.2", "198.51.100.3")
			},
			mapping: independent, filtering: unknown},
		{name: "a server that never sends from its other address when asked to", router: checktest.RouterOptions{NAT: &checktest.NAT{}},
			servers: func(n *internet) { n.stunServer(cannotChange, "198.51.100.2", "198.51.100.3") },
			mapping: independent, filtering: unknown},
		{name: "a liar beside an honest server", router: checktest.RouterOptions{NAT: nat(free, byIP)},
			servers: func(n *internet) {
				n.stunServer(ignoresChange, "198.51.100.2", "198.51.100.3")
				n.stunServer(nil, "198.51.100.12", "198.51.100.13")
			},
			mapping: independent, filtering: address, findings: []string{"nat.parity"}},
		{name: "answers from the wrong address", router: checktest.RouterOptions{NAT: &checktest.NAT{}},
			servers: func(n *internet) { n.stunServer(wrongAddress, "198.51.100.2", "198.51.100.3") },
			mapping: unknown, filtering: unknown, inconclusive: "the STUN server did not answer"},
		{name: "a pool of public addresses", router: checktest.RouterOptions{NAT: &checktest.NAT{Mapping: byIP, Filtering: byEnd, Arbitrary: true}, OutsideAddrs: []string{"203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"}}, servers: both,
			mapping: address, filtering: addressPort, findings: []string{"nat.public-address-varies"},
			also: func(t *testing.T, f Facts) {
				if !f.PublicAddressVaries {
					t.Errorf("%+v", f)
				}
			}},
		{name: "something rewrites addresses inside packets", router: checktest.RouterOptions{NAT: checktest.Linux()},
			servers: func(n *internet) { n.stunServer(readableRewritten, "198.51.100.2", "198.51.100.3") },
			mapping: independent, filtering: addressPort, findings: []string{"nat.payload-rewritten"}},
		{name: "UDP blocked, TCP open", router: checktest.RouterOptions{NAT: checktest.Linux(), Rules: []checktest.Rule{{Proto: checktest.UDP}}},
			servers: func(n *internet) { n.listening(3478, "198.51.100.30", "198.51.100.31") },
			mapping: unknown, filtering: unknown, findings: []string{"nat.udp-blocked"}, summary: "UDP does not pass"},
		{name: "a firewall that lets people browse and nothing else", router: checktest.RouterOptions{NAT: checktest.Linux(), Rules: allButHTTPS()},
			servers: func(n *internet) {
				n.listening(443, "198.51.100.30", "198.51.100.31")
				n.listening(3478, "198.51.100.30", "198.51.100.31")
			},
			mapping: unknown, filtering: unknown, findings: []string{"nat.only-https"}, summary: "Only TCP port 443 passes"},
		{name: "UDP blocked, and servers that refuse TCP on the STUN port", router: checktest.RouterOptions{NAT: checktest.Linux(), Rules: []checktest.Rule{{Proto: checktest.UDP}}},
			servers: func(n *internet) { n.listening(443, "198.51.100.30", "198.51.100.31") },
			mapping: unknown, filtering: unknown, findings: []string{"nat.udp-blocked"}},
		{name: "one silent server is nobody's firewall", router: checktest.RouterOptions{NAT: checktest.Linux(), Rules: allButHTTPS()},
			servers: func(n *internet) { n.listening(443, "198.51.100.30") },
			mapping: unknown, filtering: unknown, inconclusive: "the STUN server did not answer"},
		{name: "the line is down", router: checktest.RouterOptions{NAT: checktest.Linux(), Rules: []checktest.Rule{{}}}, servers: both,
			mapping: unknown, filtering: unknown, inconclusive: "the STUN server did not answer, and nothing else shows"},
		{name: "a firewall says by ICMP that UDP is prohibited", router: checktest.RouterOptions{NAT: checktest.Linux(), Rules: []checktest.Rule{{Proto: checktest.UDP, Action: checktest.Reject}}}, servers: both,
			mapping: unknown, filtering: unknown, findings: []string{"nat.udp-blocked"}},
		{name: "this machine's own firewall", router: checktest.RouterOptions{NAT: checktest.Linux()},
			servers: func(n *internet) { both(n); n.phone.BlockOutput(checktest.Rule{Proto: checktest.UDP}) },
			mapping: unknown, filtering: unknown, findings: []string{"nat.udp-blocked"}, summary: "own firewall"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newInternet(t, 7, tc.router)
				tc.servers(n)
				j, o := n.check()
				f := facts(j)
				if f.Mapping != tc.mapping || f.Filtering != tc.filtering {
					t.Errorf("told %s, %s; want %s, %s\n%+v", f.Mapping, f.Filtering, tc.mapping, tc.filtering, o)
				}
				if d := cmp.Diff(tc.findings, found(j)); d != "" {
					t.Errorf("findings (-want +got):\n%s", d)
				}
				if (j.Inconclusive.IsZero()) != (tc.inconclusive == "") || !strings.Contains(english(t, j.Inconclusive), tc.inconclusive) {
					t.Errorf("inconclusive because %q, want %q", english(t, j.Inconclusive), tc.inconclusive)
				}
				if !strings.Contains(english(t, j.Summary), tc.summary) {
					t.Errorf("summary %q, want %q", english(t, j.Summary), tc.summary)
				}
				if tc.also != nil {
					tc.also(t, f)
				}
			})
		})
	}
}

// rebuild answers like reply, with some addresses replaced.
func rebuild(reply []byte, replace map[pion.AttrType]string) []byte {
	m := &pion.Message{Raw: slices.Clone(reply)}
	if err := m.Decode(); err != nil {
		panic(err)
	}
	out := pion.MustBuild(pion.NewTransactionIDSetter(m.TransactionID), m.Type)
	for _, a := range m.Attributes {
		if to, ok := replace[a.Type]; ok {
			ap := netip.MustParseAddrPort(to)
			v := pion.MappedAddress{IP: ap.Addr().AsSlice(), Port: int(ap.Port())}
			if err := v.AddToAs(out, a.Type); err != nil {
				panic(err)
			}
			continue
		}
		out.Add(a.Type, a.Value)
	}
	return out.Raw
}

// changes reports whether a request has CHANGE-REQUEST flags.
func changes(req []byte) bool {
	m := &pion.Message{Raw: slices.Clone(req)}
	return m.Decode() == nil && m.Contains(pion.AttrChangeRequest)
}

// The servers that are met in the wild.

func repeatsItself(req, reply []byte, _ netip.AddrPort) ([]byte, netip.AddrPort) {
	reply = rebuild(reply, map[pion.AttrType]string{pion.AttrOtherAddress: "198.51.100.2:3479"})
	return reply, netip.MustParseAddrPort("198.51.100.2:3478")
}

func ignoresChange(req, reply []byte, from netip.AddrPort) ([]byte, netip.AddrPort) {
	if changes(req) {
		return reply, netip.MustParseAddrPort("198.51.100.2:3478")
	}
	return reply, from
}

func cannotChange(req, reply []byte, from netip.AddrPort) ([]byte, netip.AddrPort) {
	if changes(req) {
		return nil, from
	}
	return reply, from
}

func wrongAddress(_, reply []byte, _ netip.AddrPort) ([]byte, netip.AddrPort) {
	return reply, netip.MustParseAddrPort("198.51.100.3:3479")
}

func readableRewritten(_, reply []byte, from netip.AddrPort) ([]byte, netip.AddrPort) {
	return rebuild(reply, map[pion.AttrType]string{pion.AttrMappedAddress: phoneAddr + ":40000"}), from
}

// allButHTTPS drops everything that is not TCP to port 443.
func allButHTTPS() []checktest.Rule {
	return []checktest.Rule{{Proto: checktest.UDP}, {Proto: checktest.TCP, Port: 1, Last: 442}, {Proto: checktest.TCP, Port: 444, Last: 65535}}
}

// listening makes hosts that accept TCP on a port and no UDP; they are asked
// for STUN.
func (n *internet) listening(port uint16, addrs ...string) {
	n.Helper()
	for _, a := range addrs {
		host := n.hosts[a]
		if host == nil {
			host = n.outside.Host(a)
			n.hosts[a] = host
			n.inputs.STUN = append(n.inputs.STUN, a+":3478")
		}
		l, err := host.ListenTCP(n.Context(), netip.AddrPortFrom(netip.MustParseAddr(a), port))
		if err != nil {
			n.Fatal(err)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_ = c.Close()
			}
		}()
	}
}

func TestSecondNATOnTheWay(t *testing.T) {
	external := func(a string) *netinfo.Router {
		return &netinfo.Router{External: []netinfo.External{{Method: "upnp", Addr: netip.MustParseAddr(a)}}}
	}
	for _, tc := range []struct {
		name   string
		middle string // network between the office router and the next one; empty: no second router
		router *netinfo.Router
		layers int
		cgnat  bool
		want   []string // findings with confidence
	}{
		{"one router, seen by hops alone", "", nil, 1, false, nil},
		{"one router that says its outer address", "", external(publicAddr), 1, false, nil},
		{"a carrier's NAT, seen by hops alone", "100.64.0", nil, 2, true, []string{"nat.double warning likely", "nat.cgnat warning likely"}},
		{"a carrier's NAT that the router knows of", "100.64.0", external("100.64.0.10"), 2, true, []string{"nat.double warning certain", "nat.cgnat warning certain"}},
		{"a modem that routes", "192.168.1", external("192.168.1.10"), 2, false, []string{"nat.double warning certain"}},
		{"perhaps a modem that routes", "192.168.1", nil, 0, false, []string{"nat.double warning possible"}},
		{"a router in bridge mode that says its loopback address", "", external("127.0.0.1"), 1, false, nil},
		{"the same, in front of a second router", "192.168.1", external("127.0.0.1"), 0, false, []string{"nat.double warning possible"}},
		{"a router that says its inner address", "", external("192.168.88.1"), 1, false, nil},
		{"a router that says this machine's address", "", external(phoneAddr), 1, false, nil},
		{"a router whose line is down", "", external("0.0.0.0"), 1, false, nil},
		{"a router that was given no address", "", external("169.254.7.7"), 1, false, nil},
		{"a multicast address", "", external("224.0.0.1"), 1, false, nil},
		{"the broadcast address", "", external("255.255.255.255"), 1, false, nil},
		{"an address for benchmarks", "", external("198.18.0.1"), 1, false, nil},
		{"a carrier's NAT over IPv6", "", external("192.0.0.2"), 1, true, []string{"nat.cgnat warning certain"}},
		{"another public address", "", external("192.0.2.99"), 0, false, []string{"nat.double warning possible"}},
		{"private numbers in the provider's network", "10.20.30", nil, 0, false, []string{"nat.double info possible"}},
		{"private numbers, but the router has the public address", "10.20.30", external(publicAddr), 1, false, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newInternet(t, 3, checktest.RouterOptions{NAT: checktest.Linux()})
				if tc.middle != "" {
					n = n.behind(tc.middle)
				}
				n.host.Router = tc.router
				n.stunServer(nil, "198.51.100.2", "198.51.100.3")
				j, o := n.check()
				f := facts(j)
				if f.NATLayers != tc.layers || f.CGNAT != tc.cgnat {
					t.Errorf("%d layers, cgnat %v; want %d, %v; hops %v", f.NATLayers, f.CGNAT, tc.layers, tc.cgnat, o.Families[0].Hops)
				}
				var got []string
				for _, x := range j.Findings {
					got = append(got, fmt.Sprint(x.ID, " ", x.Severity, " ", x.Confidence))
				}
				if d := cmp.Diff(tc.want, got); d != "" {
					t.Errorf("findings (-want +got):\n%s", d)
				}
			})
		})
	}
}

// behind makes an office whose router has the address .10 in a network of
// another router, which has the public address.
func (n *internet) behind(network string) *internet {
	w := checktest.New(5)
	n.Cleanup(w.Close)
	m := &internet{T: n.T, world: w, host: n.host, inputs: n.inputs}
	m.lan, m.outside = w.Segment("192.168.88.0/24"), w.Segment("203.0.113.0/24", "198.51.100.0/24")
	middle := w.Segment(network + ".0/24")
	m.phone = m.lan.Host(phoneAddr)
	m.router = w.Router(checktest.RouterOptions{Inside: m.lan, Outside: middle, InsideAddrs: []string{"192.168.88.1"}, OutsideAddrs: []string{network + ".10"}, NAT: checktest.Linux()})
	w.Router(checktest.RouterOptions{Inside: middle, Outside: m.outside, InsideAddrs: []string{network + ".1"}, OutsideAddrs: []string{publicAddr}, NAT: checktest.Linux()})
	return m
}

// Of eight public servers a few do not exist, one is dead: what answers is
// enough, and nobody waits for the rest.
func TestPublicServersStopEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newInternet(t, 1, checktest.RouterOptions{NAT: checktest.Linux(), Delay: 20 * time.Millisecond})
		n.stunServer(nil, "198.51.100.2", "198.51.100.3")
		n.stunServer(nil, "198.51.100.30")
		n.stunServer(nil, "198.51.100.40")
		n.inputs = checks.Inputs{}
		for i, name := range stun.PublicServers()[:4] {
			host, _, _ := strings.Cut(name, ":")
			n.world.AddName(host, []string{"198.51.100.99", "198.51.100.2", "198.51.100.30", "198.51.100.40"}[i])
		}
		begin := time.Now()
		j, o := n.check()
		if f := facts(j); f.Mapping != independent || f.Filtering != addressPort {
			t.Errorf("told %s, %s", f.Mapping, f.Filtering)
		}
		if took := time.Since(begin); took > 2500*time.Millisecond {
			t.Errorf("took %v", took)
		}
		if len(o.Targets) != len(stun.PublicServers()) {
			t.Errorf("%d targets", len(o.Targets))
		}
	})
}

func TestNobodyToAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newInternet(t, 1, checktest.RouterOptions{})
		if j, _ := n.check(); j.Skip.ID != "nat.skip.no-server" {
			t.Errorf("%+v", j)
		}
		n.inputs.STUN = []string{"no.such.host:3478", "198.51.100.2:http"}
		j, o := n.check()
		if !strings.Contains(english(t, j.Inconclusive), "no.such.host") || o.Targets[1].Error == "" {
			t.Errorf("%+v %+v", j, o)
		}
		n.inputs.STUN = []string{"[2001:db8:9::1]:3478"}
		if j, _ := n.check(); j.Inconclusive.ID != "nat.reason.no-route" {
			t.Errorf("%+v", j)
		}
	})
}

// A responder with one address can tell by its two ports that a NAT is
// symmetric; that one is not, needs another server.
func TestResponderWithOneAddress(t *testing.T) {
	for _, tc := range []struct {
		name            string
		kind            *checktest.NAT
		mapping, filter string
		possible        []string
	}{
		{"symmetric", nat(byEnd, byEnd), addressPort, addressPort, nil},
		{"friendly", nat(free, byEnd), unknown, addressPort, []string{independent, address}},
		{"open to the whole server", nat(free, byIP), unknown, unknown, []string{independent, address}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newInternet(t, 1, checktest.RouterOptions{NAT: tc.kind})
				n.stunServer(nil, "198.51.100.2")
				info := session.Info{STUN: []int{3478, 3479}}
				o := Observed{Responder: "https", Targets: []Target{responderTarget("pbx", netip.MustParseAddr("198.51.100.2"), info)}}
				o.probeAll(t.Context(), &checks.Env{Net: n.phone})
				f := facts(judge(o, n.host))
				if f.Mapping != tc.mapping || f.Filtering != tc.filter || !slices.Equal(f.MappingPossible, tc.possible) {
					t.Errorf("%s (%v), %s", f.Mapping, f.MappingPossible, f.Filtering)
				}
			})
		})
	}
}

// A responder that says HTTPS works and whose STUN ports stay silent: UDP is
// blocked. One that was reached by UDP proves the opposite.
func TestSilentResponder(t *testing.T) {
	silence := Family{Samples: []Sample{{Role: rolePlain, Source: fromResponder, Server: netip.MustParseAddrPort("198.51.100.2:3478"), Sent: 9}}}
	o := Observed{Responder: "https", Targets: []Target{{Name: "pbx", Addrs: []netip.AddrPort{netip.MustParseAddrPort("198.51.100.2:3478")}}}, Families: []Family{silence}}
	if got := found(judge(o, nil)); !slices.Equal(got, []string{"nat.udp-blocked"}) {
		t.Errorf("found %v", got)
	}
	o.Responder = "udp"
	if j := judge(o, nil); len(j.Findings) > 0 || j.Inconclusive.ID != "nat.reason.stun-port" {
		t.Errorf("%+v", j)
	}
}

func TestIPv6BesideIPv4(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newInternet(t, 1, checktest.RouterOptions{NAT: checktest.Linux()})
		v6 := checktest.New(2)
		defer v6.Close()
		in, out := v6.Segment("2001:db8:88::/64"), v6.Segment("2001:db8:1::/64")
		v6.Router(checktest.RouterOptions{Inside: in, Outside: out, InsideAddrs: []string{"2001:db8:88::1"}, OutsideAddrs: []string{"2001:db8:1::1"}, Stateful: true})
		n.world, n.outside, n.phone = v6, out, in.Host("2001:db8:88::10")
		n.inputs.STUN = nil
		n.stunServer(nil, "2001:db8:1::2", "2001:db8:1::3")
		n.inputs.STUN = []string{"[2001:db8:1::2]:3478"}
		j, _ := n.check()
		f := facts(j)
		if f.BehindNAT || f.Filtering != addressPort || f.IPv6BehindNAT == nil || *f.IPv6BehindNAT || len(f.IPv6Public) != 1 || !strings.HasPrefix(f.Local, "[2001:db8:88::10]:") {
			t.Errorf("%+v", f)
		}
	})
}

// Some NATs look at all flows of a host when they decide what to let in. Their
// filter shows only to who has sent nothing to the address that the answer comes
// from, from any socket: not the mapping tests, not the control.
func TestAFilterForTheWholeHost(t *testing.T) {
	const first, second = "198.51.100.2", "198.51.100.3"
	for name, c := range map[string]struct {
		filter checktest.Behaviour
		also   []string // servers that the user names beside the first
		want   string
	}{
		"by address":                      {checktest.AddressDependent, nil, address},
		"by address and port":             {checktest.AddressAndPortDependent, nil, addressPort},
		"no filter":                       {checktest.EndpointIndependent, nil, independent},
		"the second address is named too": {checktest.AddressDependent, []string{second + ":3478"}, address},
		"the second port is named too":    {checktest.AddressAndPortDependent, []string{first + ":3479", second + ":3479"}, addressPort},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newInternet(t, 1, checktest.RouterOptions{NAT: &checktest.NAT{Filtering: c.filter, PerHost: true}, Delay: 10 * time.Millisecond})
				n.stunServer(nil, first, second)
				n.inputs.STUN = append(n.inputs.STUN, c.also...)
				j, o := n.check()
				if f := facts(j); f.Filtering != c.want || f.Mapping != independent {
					t.Errorf("filtering %s, mapping %s, want %s: %+v", f.Filtering, f.Mapping, c.want, o.Families[0].Filter)
				}
			})
		})
	}
}

// An answer that may have come through a filter which this run opened proves
// nothing; a silence still does.
func TestATouchedAddressProvesNoOpenFilter(t *testing.T) {
	server, expect := netip.MustParseAddrPort("198.51.100.2:3478"), netip.MustParseAddrPort("198.51.100.3:3479")
	for name, c := range map[string]struct {
		f    Filter
		want string
	}{
		"an answer":                        {Filter{Server: server, Expect: expect, Answered: true}, independent},
		"an answer from a touched address": {Filter{Server: server, Expect: expect, Answered: true, Touched: true}, unknown},
		"silence":                          {Filter{Server: server, Expect: expect, Alternate: true, Control: true}, address},
		"silence from a touched address":   {Filter{Server: server, Expect: expect, Alternate: true, Control: true, Touched: true}, address},
	} {
		t.Run(name, func(t *testing.T) {
			b := filtering([]Filter{c.f}, independent)
			if got, _ := b.name(); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
