package sipalg_test

import (
	"crypto/tls"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/sipalg"
	"github.com/sipdoctor/sipdoctor/platform"
)

const (
	sipAddr     = "198.51.100.20"
	stunAddr    = "198.51.100.30"
	privateAddr = "10.1.2.3"
)

// serve starts an ordinary SIP server, and a STUN server, and names them to
// the check: all that there is without a responder.
func (n *internet) serve(at *checktest.Segment, addr string, o checktest.SIPOptions) {
	n.Helper()
	o.TLS = &tls.Config{Certificates: []tls.Certificate{n.certificate("sip.example")}}
	s, err := checktest.ServeSIP(n.Context(), at.Host(addr), o)
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(s.Close)
	n.inputs.SIPServers = append(n.inputs.SIPServers, addr)
}

func (n *internet) serveSTUN() {
	n.Helper()
	s, err := checktest.ServeSTUN(n.Context(), n.outside.Host(stunAddr), netip.MustParseAddr(stunAddr))
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(s.Close)
	n.inputs.STUN = append(n.inputs.STUN, stunAddr+":3478")
}

// answer is what the check must say of a network when it has only an ordinary
// server to ask.
type answer struct {
	verdict  string
	findings []string
	sure     checks.Confidence // of the first finding
	status   checks.Status
	because  string // in the reason
}

func (a answer) compare(t *testing.T, s seen) {
	t.Helper()
	if s.Verdict != a.verdict || s.result.Status != a.status || s.Method != "sip-server" {
		t.Errorf("%s (%s) by %q, want %s (%s)", s.Verdict, s.result.Status, s.Method, a.verdict, a.status)
	}
	if diff := cmp.Diff(a.findings, s.findings()); diff != "" {
		t.Errorf("findings: %s", diff)
	}
	if len(s.result.Findings) > 0 && s.result.Findings[0].Confidence != a.sure {
		t.Errorf("confidence %s, want %s", s.result.Findings[0].Confidence, a.sure)
	}
	if !strings.Contains(s.result.Reason, a.because) || (s.result.Status == checks.Inconclusive) != (s.result.Reason != "") {
		t.Errorf("because of %q, want something about %q", s.result.Reason, a.because)
	}
	if t.Failed() {
		s.explain(t)
	}
}

func noSign() answer {
	return answer{sipalg.NoSign, []string{}, "", checks.Inconclusive, "Contact and SDP"}
}

func found() answer {
	return answer{sipalg.Rewriting, []string{"sip-alg.rewriting"}, checks.Certain, checks.Fail, ""}
}

func udpIsSilent() answer {
	return answer{sipalg.Inconclusive, []string{"sip-alg.udp-silent"}, checks.Possible, checks.Inconclusive, "UDP"}
}

func TestWhatAnyServersAnswerTellsOfAnALG(t *testing.T) {
	silent := map[string]answer{
		"dropping on UDP 5060": udpIsSilent(),
		"dropping on TCP 5060": noSign(), // UDP, the ordinary way, is proved
		"dropping on any port": udpIsSilent(),
	}
	for _, alg := range checktest.ALGs() {
		for place, a := range map[string]checktest.ALG{
			"on UDP 5060": alg.On("udp", 5060), "on TCP 5060": alg.On("tcp", 5060), "on any port": alg,
		} {
			want, ok := silent[alg.Name+" "+place]
			switch {
			case ok:
			case alg.Name == "pinhole":
				want = noSign() // it changes nothing, and who asks for no media sees no more
			default:
				want = found()
			}
			t.Run(alg.Name+" "+place, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := newInternet(t, 1, natRouter(a))
					n.serve(n.outside, sipAddr, checktest.SIPOptions{})
					n.serveSTUN()
					want.compare(t, n.check())
				})
			})
		}
	}
}

func TestWhatAnyServersAnswerTellsOfANetwork(t *testing.T) {
	unclear := func(because string) answer {
		return answer{sipalg.Inconclusive, []string{}, "", checks.Inconclusive, because}
	}
	symmetricFirewall := checktest.RouterOptions{Stateful: true, ALGs: []checktest.ALG{checktest.LinuxALG()}}
	for name, c := range map[string]struct {
		router checktest.RouterOptions
		server checktest.SIPOptions
		before func(*internet)
		noSTUN bool
		want   answer
	}{
		"an ordinary router":            {router: natRouter(), want: noSign()},
		"a symmetric NAT":               {router: through(checktest.Symmetric()), want: noSign()},
		"a full-cone NAT":               {router: through(&checktest.NAT{}), want: noSign()},
		"no NAT":                        {router: through(nil), want: noSign()},
		"no NAT, but a helper":          {router: symmetricFirewall, want: noSign()},
		"a server of before RFC 3581":   {router: natRouter(), server: checktest.SIPOptions{NoRport: true}, want: noSign()},
		"a server that strips received": {router: natRouter(), server: checktest.SIPOptions{NoReceived: true}, want: unclear("does not say")},
		"the same behind a helper": {router: natRouter(checktest.LinuxALG()), server: checktest.SIPOptions{NoReceived: true},
			want: found()},
		"the same behind a helper of one way": {router: natRouter(checktest.OneWayALG()), server: checktest.SIPOptions{NoReceived: true},
			want: found()},
		"no STUN server answers": {router: natRouter(checktest.LinuxALG()), noSTUN: true, want: found()},
		"no STUN server answers, no TLS": {router: checktest.RouterOptions{NAT: checktest.Linux(), ALGs: []checktest.ALG{checktest.LinuxALG()},
			Rules: []checktest.Rule{{Proto: "tcp"}}}, noSTUN: true, want: unclear("public address")},
		"the server is silent over UDP":     {router: through(checktest.Linux(), checktest.Rule{Proto: "udp", Port: 5060}), want: udpIsSilent()},
		"the server is silent over TCP":     {router: through(checktest.Linux(), checktest.Rule{Proto: "tcp"}), want: noSign()},
		"the server is silent":              {router: through(checktest.Linux(), checktest.Rule{Port: 5060}, checktest.Rule{Port: 5061}), want: unclear("no answer")},
		"the server loses every 2nd packet": {router: natRouter(), server: checktest.SIPOptions{DropEvery: 2}, want: noSign()},
		"a helper, and TLS is closed": {router: checktest.RouterOptions{NAT: checktest.Linux(), ALGs: []checktest.ALG{checktest.LinuxALG()},
			Rules: []checktest.Rule{{Proto: "tcp", Port: 5061}}},
			want: found()},
		"a bad line":                 {router: checktest.RouterOptions{NAT: checktest.Linux(), Loss: 0.1, Delay: 80 * time.Millisecond}, want: noSign()},
		"a bad line with a helper":   {router: checktest.RouterOptions{NAT: checktest.Linux(), Loss: 0.1, ALGs: []checktest.ALG{checktest.LinuxALG()}}, want: found()},
		"a tunnel to a private PBX":  {router: natRouter(), before: (*internet).tunnel, want: unclear("private address")},
		"a tunnel behind the helper": {router: natRouter(checktest.LinuxALG()), before: (*internet).tunnel, want: unclear("private address")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newInternet(t, 1, c.router)
				if c.before != nil {
					c.before(n)
				} else {
					n.serve(n.outside, sipAddr, c.server)
				}
				if !c.noSTUN {
					n.serveSTUN()
				}
				c.want.compare(t, n.check())
			})
		})
	}
}

// tunnel leads from the office to a PBX with a private address, past the NAT.
func (n *internet) tunnel() {
	n.Helper()
	far := n.world.Segment("10.1.0.0/16")
	n.world.Router(checktest.RouterOptions{
		Inside: far, InsideAddrs: []string{"10.1.0.1"}, Outside: n.lan, OutsideAddrs: []string{"192.168.88.2"},
	})
	n.serve(far, privateAddr, checktest.SIPOptions{})
}

// Two lines to the Internet in turns: STUN and SIP may leave by different ones,
// which is no contradiction.
func TestTwoLinesAreNoALG(t *testing.T) {
	differ := 0
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			nat := checktest.Linux()
			nat.Arbitrary = true
			n := newInternet(t, seed, checktest.RouterOptions{NAT: nat, OutsideAddrs: []string{publicAddr, "203.0.113.77"}})
			n.serve(n.outside, sipAddr, checktest.SIPOptions{})
			n.serveSTUN()
			s := n.check()
			if slices.Contains(s.Servers[0].Notes, "another-way-out") {
				differ++
			}
			if s.Verdict != sipalg.NoSign || s.result.Status != checks.Inconclusive {
				t.Errorf("seed %d: %s %v", seed, s.Verdict, s.findings())
				s.explain(t)
			}
		})
	}
	if differ == 0 {
		t.Error("the two lines did not take turns")
	}
}

// What a server of an old kind makes of our requests, and what the control
// says of it where TLS is not there to tell.
func TestServersThatRepeatTheViaAreNoALG(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newInternet(t, 1, natRouter())
		n.serveSTUN()
		far := n.outside.Host(sipAddr)
		c, err := far.OpenUDP(t.Context(), netip.MustParseAddrPort(sipAddr+":5060"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		go func() { // received= is what the Via says, and never where the request came from
			buf := make([]byte, 4096)
			for {
				d, err := c.ReadFrom(buf)
				if err != nil {
					return
				}
				_, via, _ := strings.Cut(string(buf[:d.N]), "UDP ")
				host, _, _ := strings.Cut(via, ":")
				answer := strings.Replace(string(buf[:d.N]), ";rport", ";rport="+strconv.Itoa(int(d.From.Port()))+";received="+host, 1)
				_, rest, _ := strings.Cut(answer, "\r\n")
				_ = c.WriteTo([]byte("SIP/2.0 200 OK\r\n"+rest), d.From, platform.SendOptions{})
			}
		}()
		n.inputs.SIPServers = []string{sipAddr}
		s := n.check()
		if s.Verdict != sipalg.Inconclusive || s.result.Status != checks.Inconclusive || !strings.Contains(s.result.Reason, "repeats in received=") {
			t.Errorf("%s (%s): %s", s.Verdict, s.result.Status, s.result.Reason)
			s.explain(t)
		}
	})
}
