package nat

import (
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// internet is an office behind one router, in memory.
type internet struct {
	*testing.T
	world   *checktest.World
	lan     *checktest.Segment
	outside *checktest.Segment
	phone   *checktest.Host
	router  *checktest.Router
	inputs  checks.Inputs
	host    *netinfo.Host
	hosts   map[string]*checktest.Host // those of listening
}

const (
	publicAddr = "203.0.113.1"
	phoneAddr  = "192.168.88.10"
)

func newInternet(t *testing.T, seed uint64, o checktest.RouterOptions) *internet {
	w := checktest.New(seed)
	t.Cleanup(w.Close)
	n := &internet{T: t, world: w, hosts: map[string]*checktest.Host{}}
	n.lan = w.Segment("192.168.88.0/24", "2001:db8:88::/64")
	n.outside = w.Segment("203.0.113.0/24", "198.51.100.0/24", "2001:db8:1::/64")
	o.Inside, o.Outside = n.lan, n.outside
	o.InsideAddrs = []string{"192.168.88.1"}
	if o.OutsideAddrs == nil {
		o.OutsideAddrs = []string{publicAddr}
	}
	n.phone, n.router = n.lan.Host(phoneAddr), w.Router(o)
	n.host = &netinfo.Host{Uplink: netinfo.Uplink{Gateway: netip.MustParseAddr("192.168.88.1"), Local: []netip.Addr{netip.MustParseAddr(phoneAddr)}}}
	n.inputs.NoPublic = true
	return n
}

// twist changes what a server answers; nil answers are not sent.
type twist func(req []byte, reply []byte, from netip.AddrPort) ([]byte, netip.AddrPort)

// stunServer runs a server with the given addresses on ports 3478 and 3479 and
// makes the check ask the first of them.
func (n *internet) stunServer(f twist, addrs ...string) {
	n.Helper()
	h := n.outside.Host(addrs...)
	s := stun.Server{Proven: true, Primary: netip.MustParseAddr(addrs[0]), Port: 3478, AltPort: 3479}
	if len(addrs) > 1 {
		s.Alternate = netip.MustParseAddr(addrs[1])
	}
	socks := map[netip.AddrPort]platform.UDPConn{}
	for _, a := range addrs {
		for _, p := range []uint16{3478, 3479} {
			at := netip.AddrPortFrom(netip.MustParseAddr(a), p)
			c, err := h.OpenUDP(n.Context(), at)
			if err != nil {
				n.Fatal(err)
			}
			socks[at] = c
		}
	}
	for at, c := range socks {
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
				s := s
				s.Local = at
				reply, from, ok := stun.Answer(buf[:d.N], d.From, s)
				if ok && f != nil {
					reply, from = f(buf[:d.N], reply, from)
				}
				if ok && reply != nil {
					_ = socks[from].WriteTo(reply, d.From, platform.SendOptions{})
				}
			}
		}()
	}
	n.inputs.STUN = append(n.inputs.STUN, addrs[0]+":3478")
}

// check observes and judges, the observation having been through JSON as in a
// saved report.
func (n *internet) check() (checks.Judgement, Observed) {
	n.Helper()
	o, err := observe(n.Context(), &checks.Env{Net: n.phone, Inputs: n.inputs})
	if err != nil {
		n.Fatal(err)
	}
	raw, err := json.Marshal(o)
	if err != nil {
		n.Fatal(err)
	}
	var saved Observed
	if err := json.Unmarshal(raw, &saved); err != nil {
		n.Fatal(err)
	}
	return judge(saved, n.host), saved
}

// english is a message of the judge as the report shows it.
func english(t *testing.T, text words.Text) string {
	t.Helper()
	s, err := checks.BookOf([]*checks.Check{Check()}).Fill(words.English, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func facts(j checks.Judgement) Facts { return j.Facts.(Facts) }

func found(j checks.Judgement) (ids []string) {
	for _, f := range j.Findings {
		ids = append(ids, f.ID)
	}
	return ids
}

// natKinds are all nine of RFC 4787.
func natKinds() map[string]*checktest.NAT {
	kinds := map[string]*checktest.NAT{}
	all := []checktest.Behaviour{checktest.EndpointIndependent, checktest.AddressDependent, checktest.AddressAndPortDependent}
	for _, m := range all {
		for _, f := range all {
			kinds[m.String()+" "+f.String()] = &checktest.NAT{Mapping: m, Filtering: f, Ports: checktest.RandomPorts}
		}
	}
	return kinds
}

func TestEveryKindOfNATIsTold(t *testing.T) {
	for name, kind := range natKinds() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newInternet(t, 1, checktest.RouterOptions{NAT: kind, Delay: 10 * time.Millisecond})
				n.stunServer(nil, "198.51.100.2", "198.51.100.3")
				begin := time.Now()
				j, _ := n.check()
				f := facts(j)
				if got := f.Mapping + " " + f.Filtering; got != name || !f.BehindNAT || f.MappingLowerBound {
					t.Errorf("told %q, behind a NAT: %v", got, f.BehindNAT)
				}
				if took := time.Since(begin); took > 4*time.Second {
					t.Errorf("took %v although everything answers", took)
				}
			})
		})
	}
}

// On a line that loses every tenth packet each way no verdict is wrong. What
// could not be told is honest, but rarer than once in 100,000 offices: the
// tries of a question (stun.Patient, stun.Steady) all fail once in 600,000
// runs at most, so that even one in 200 shows a fault of the check.
func TestLossChangesNoVerdict(t *testing.T) {
	if testing.Short() {
		t.Skip("1800 offices")
	}
	const offices, open = 200, 1
	for name, kind := range natKinds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unclear := 0
			for seed := range uint64(offices) {
				synctest.Test(t, func(t *testing.T) {
					n := newInternet(t, seed, checktest.RouterOptions{NAT: kind, Loss: 0.1, Delay: 15 * time.Millisecond, Jitter: 20 * time.Millisecond, Duplicate: 0.02})
					n.stunServer(nil, "198.51.100.2", "198.51.100.3")
					n.stunServer(nil, "198.51.100.30")
					j, o := n.check()
					f := facts(j)
					switch got := f.Mapping + " " + f.Filtering; {
					case got == name && j.Inconclusive.IsZero():
					case f.honest(kind):
						unclear++
						t.Logf("seed %d: told %q (%s)", seed, got, j.Inconclusive.ID)
					default:
						t.Errorf("seed %d: told %q\n%+v", seed, got, o)
					}
				})
			}
			if unclear > open {
				t.Errorf("could not tell in %d of %d offices", unclear, offices)
			}
		})
	}
}

// honest reports whether what is claimed holds for a NAT of the kind, and what
// is not known is called so: unknown, or one of those that are said to be
// possible.
func (f Facts) honest(kind *checktest.NAT) bool {
	fits := func(claim string, possible []string, truth string) bool {
		return claim == truth || claim == unknown && len(possible) == 0 || slices.Contains(possible, truth)
	}
	return fits(f.Mapping, f.MappingPossible, kind.Mapping.String()) && fits(f.Filtering, f.FilteringPossible, kind.Filtering.String())
}
