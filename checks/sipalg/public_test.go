package sipalg_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/sipalg"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

// providers puts every built-in SIP server on the Internet; each has an address
// of its own. Those that answers refuses are silent. It returns how many
// requests each of them got.
func (n *internet) providers(answers func(i int) bool) (requests func() map[string]int) {
	n.Helper()
	n.inputs.NoPublic = false
	servers := map[string]*checktest.Server{}
	for i, at := range netinfo.PublicSIPServers() {
		host, _, _ := net.SplitHostPort(at)
		addr := fmt.Sprintf("198.51.100.%d", 100+i)
		n.world.AddName(host, addr)
		h := n.outside.Host(addr)
		if !answers(i) {
			continue
		}
		s, err := checktest.ServeSIP(n.Context(), h, checktest.SIPOptions{})
		if err != nil {
			n.Fatal(err)
		}
		n.Cleanup(s.Close)
		servers[at] = s
	}
	return func() map[string]int {
		count := map[string]int{}
		for at, s := range servers {
			if k := len(s.Requests()); k > 0 {
				count[at] = k
			}
		}
		return count
	}
}

// The most natural first command names nobody: a provider of the profiles is
// asked, and an ALG is found.
func TestWithNobodyNamedAProviderIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		router  checktest.RouterOptions
		verdict string
		status  checks.Status
		unasked bool
	}{
		"a router with an ALG": {natRouter(checktest.LinuxALG()), sipalg.Rewriting, checks.Fail, true},
		"an ordinary router":   {natRouter(), sipalg.NoSign, checks.Inconclusive, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newInternet(t, 1, c.router)
				n.serveSTUN()
				asked := n.providers(func(int) bool { return true })
				s := n.check()
				if s.Verdict != c.verdict || s.result.Status != c.status || s.result.Unasked != c.unasked {
					t.Errorf("%s (%s), unasked %v", s.Verdict, s.result.Status, s.result.Unasked)
					s.explain(t)
				}
				got := asked()
				if len(got) != 1 || len(s.Servers) != 1 || !s.Servers[0].Unasked || got[s.Servers[0].Server] > 3 {
					// The third is the one that would have died on a longer way.
					t.Errorf("asked %v, the report says %+v; want one server, with the question and its control", got, s.Servers)
				}
			})
		})
	}
}

// Silence of a server that nobody named is nothing at all.
func TestSilentProvidersSayNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newInternet(t, 1, natRouter(checktest.LinuxALG()))
		n.serveSTUN()
		n.providers(func(int) bool { return false })
		s := n.check()
		if s.result.Status != checks.Skip || len(s.result.Findings) > 0 || len(s.Servers) != 3 {
			t.Errorf("%s, %v, asked %d", s.result.Status, s.findings(), len(s.Servers))
		}
		for _, asked := range s.Servers {
			if !strings.Contains(s.result.Summary, asked.Server) {
				t.Errorf("the summary does not say that %s was asked: %s", asked.Server, s.result.Summary)
			}
		}
	})
}

func TestTheNextProviderIsAskedWhereOneIsSilent(t *testing.T) {
	for seed := range uint64(8) { // the first is anybody
		synctest.Test(t, func(t *testing.T) {
			n := newInternet(t, seed, natRouter(checktest.LinuxALG()))
			n.serveSTUN()
			n.providers(func(i int) bool { return i%3 == 0 })
			if s := n.check(); s.Verdict != sipalg.Rewriting || len(s.Servers) > 3 {
				t.Errorf("%s after %d servers", s.Verdict, len(s.Servers))
				s.explain(t)
			}
		})
	}
}

// --no-public, a named server and a responder each mean that nobody else is
// asked.
func TestWhenNoProviderIsAsked(t *testing.T) {
	for name, set := range map[string]func(*internet){
		"--no-public":    func(n *internet) { n.inputs.NoPublic = true },
		"a named server": func(n *internet) { n.serve(n.outside, sipAddr, checktest.SIPOptions{}) },
		"a responder":    (*internet).respond,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newInternet(t, 1, natRouter())
				n.serveSTUN()
				asked := n.providers(func(int) bool { return true })
				set(n)
				s := n.check()
				if got := asked(); len(got) > 0 {
					t.Errorf("asked %v", got)
				}
				if name == "--no-public" && s.result.Status != checks.Skip {
					t.Errorf("status %s", s.result.Status)
				}
			})
		})
	}
}

// A dead first server of an SRV record hides no ALG: the next one is asked, as
// phones ask it.
func TestTheNextServerOfAnSRVRecordIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		router  checktest.RouterOptions
		verdict string
	}{
		"a router with an ALG": {natRouter(checktest.LinuxALG()), sipalg.Rewriting},
		"an ordinary router":   {natRouter(), sipalg.NoSign},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newInternet(t, 1, c.router)
				n.serveSTUN()
				n.world.AddName("dead.example.net", "198.51.100.66")
				n.world.AddName("alive.example.net", "198.51.100.67")
				n.outside.Host("198.51.100.66")
				s, err := checktest.ServeSIP(t.Context(), n.outside.Host("198.51.100.67"), checktest.SIPOptions{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(s.Close)
				for _, proto := range []string{"udp", "tcp"} {
					n.world.AddSRV("sip", proto, "example.net",
						platform.SRV{Target: "dead.example.net", Port: 5060, Priority: 10},
						platform.SRV{Target: "alive.example.net", Port: 5060, Priority: 20})
				}
				n.inputs.SIPServers = []string{"example.net"}
				if seen := n.check(); seen.Verdict != c.verdict {
					t.Errorf("%s, want %s", seen.Verdict, c.verdict)
					seen.explain(t)
				}
			})
		})
	}
}
