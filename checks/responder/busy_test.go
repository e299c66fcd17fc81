package responder_test

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/checktest/farend"
	"github.com/sipdoctor/sipdoctor/checks/fragments"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/media"
	"github.com/sipdoctor/sipdoctor/checks/nat"
	"github.com/sipdoctor/sipdoctor/checks/natlifetime"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/checks/rtpports"
	"github.com/sipdoctor/sipdoctor/checks/sipalg"
	"github.com/sipdoctor/sipdoctor/platform"
)

// users are all checks that ask the responder.
func users() []*checks.Check {
	return []*checks.Check{sipalg.Check(), nat.Check(), rtpports.Check(), media.Check(), fragments.Check(), natlifetime.Check()}
}

// blamesNobody fails the test when a check blames the network for what a busy
// responder left undone.
func blamesNobody(t *testing.T, got farend.Seen) {
	t.Helper()
	for _, f := range got.Findings {
		if f.Severity != checks.Info {
			t.Errorf("%s: %s, %s", f.ID, f.Severity, f.Confidence)
		}
	}
	if got.Status == checks.Fail || got.Status == checks.Warn {
		t.Errorf("status %s", got.Status)
	}
	if t.Failed() {
		got.Explain(t)
	}
}

func office(t *testing.T, change ...func(*responder.Config)) *farend.Office {
	t.Helper()
	n := farend.New(t, 1, checktest.RouterOptions{NAT: checktest.Linux(), Delay: 10 * time.Millisecond}, change...)
	n.Inputs.Fast, n.Inputs.Ladder = true, []int{5, 10}
	return n
}

// Both sides of the budget of one session: what it may send is enough for every
// check, and one that gets less says that the responder is busy.
func TestAnExhaustedBudgetIsNeverTheNetworksFault(t *testing.T) {
	for _, c := range users() {
		t.Run(c.ID, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := office(t).Run(t.Context(), c); got.Status != checks.Pass && c.ID != "nat" {
					got.Explain(t)
					t.Errorf("with a whole budget it does not pass")
				}
			})
			synctest.Test(t, func(t *testing.T) {
				got := office(t, func(c *responder.Config) { c.Limits.PerSession, c.Limits.SessionBurst = 0.01, 3 }).Run(t.Context(), c)
				blamesNobody(t, got)
				switch c.ID {
				case "rtp-ports", "media": // have budgets of their own
				default:
					if got.Status != checks.Inconclusive || !strings.Contains(got.Reason, "the responder is busy") {
						got.Explain(t)
						t.Error("it does not say that the responder is busy")
					}
				}
			})
		})
	}
}

// A cloggedNet is a machine whose sockets overflow until a moment: whatever
// arrives before is dropped, and counted as Linux does.
type cloggedNet struct {
	platform.Network
	until time.Time
}

func (n *cloggedNet) OpenUDP(ctx context.Context, at netip.AddrPort) (platform.UDPConn, error) {
	c, err := n.Network.OpenUDP(ctx, at)
	if err != nil {
		return nil, err
	}
	return &cloggedConn{UDPConn: c, until: n.until}, nil
}

type cloggedConn struct {
	platform.UDPConn
	until time.Time

	mu      sync.Mutex
	dropped uint64
}

func (c *cloggedConn) ReadFrom(b []byte) (platform.Datagram, error) {
	for {
		d, err := c.UDPConn.ReadFrom(b)
		if err != nil || !time.Now().Before(c.until) {
			return d, err
		}
		c.mu.Lock()
		c.dropped++
		c.mu.Unlock()
	}
}

func (c *cloggedConn) Backlog() (platform.Backlog, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return platform.Backlog{Dropped: c.dropped}, nil
}

func clogged(d time.Duration) func(*responder.Config) {
	return func(c *responder.Config) { c.Net = &cloggedNet{c.Net, time.Now().Add(d)} }
}

// A flood fills the responder's sockets. The kernel counts what it drops, and
// no check takes that for the network's silence.
func TestSocketsThatOverflowAreNeverTheNetworksFault(t *testing.T) {
	for _, c := range users() {
		t.Run(c.ID, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := office(t, clogged(time.Hour)).Run(t.Context(), c)
				blamesNobody(t, got)
				if got.Status != checks.Inconclusive || !strings.Contains(got.Reason, "the responder is busy") {
					got.Explain(t)
					t.Error("it does not say that the responder is busy")
				}
			})
		})
	}
}

// When the flood ends in time, the check is made again and tells.
func TestACheckWaitsForABusyResponder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := office(t, clogged(8*time.Second)).Run(t.Context(), sipalg.Check())
		if got.Status != checks.Pass || got.Took < 8*time.Second {
			got.Explain(t)
			t.Error("it does not wait until the responder has time")
		}
	})
}

// A firewall that drops what the sockets have room for is counted nowhere: that
// is a network, and is blamed as before.
func TestARouterThatDropsIsStillBlamedBesideAResponderWithTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := office(t)
		n.Router.Update(func(o *checktest.RouterOptions) { o.Rules = []checktest.Rule{{Proto: "udp", Port: 5060}} })
		got := n.Run(t.Context(), sipalg.Check())
		if ids := got.IDs(); got.Status != checks.Fail || len(ids) != 1 || ids[0] != "sip-alg.port-blocked" {
			got.Explain(t)
			t.Error("the router's block is not found")
		}
	})
}

// A deafNet hears no UDP: this machine's own firewall drops it.
type deafNet struct{ platform.Network }

func (n deafNet) OpenUDP(ctx context.Context, at netip.AddrPort) (platform.UDPConn, error) {
	c, err := n.Network.OpenUDP(ctx, at)
	if err != nil {
		return nil, err
	}
	return deafConn{c}, nil
}

type deafConn struct{ platform.UDPConn }

func (c deafConn) ReadFrom(b []byte) (platform.Datagram, error) {
	for {
		if d, err := c.UDPConn.ReadFrom(b); err != nil {
			return d, err
		}
	}
}

func TestAResponderBehindAFirewallOfItsOwnIsNotTheOfficesFault(t *testing.T) {
	for _, c := range users() {
		t.Run(c.ID, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := office(t, func(c *responder.Config) { c.Net = deafNet{c.Net} }).Run(t.Context(), c)
				blamesNobody(t, got)
				if got.Status != checks.Inconclusive || !strings.Contains(got.Reason, "no UDP arrives at the responder") ||
					!strings.Contains(got.Reason, "open UDP 3478-3479, 5060, 5080, 8765, 10000-65535 there") {
					got.Explain(t)
					t.Error("it does not say which ports to open, and where")
				}
			})
		})
	}
}

func TestOpenWaitsForAPlace(t *testing.T) {
	dial := func(t *testing.T, n *farend.Office) (*session.Client, time.Duration, error) {
		start := time.Now()
		c, err := session.Open(t.Context(), n.Phone, session.Target{Host: n.Inputs.Responder, Fingerprint: n.Inputs.Fingerprint})
		return c, time.Since(start), err
	}
	full := func(c *responder.Config) { c.Limits.Sessions = 1 }
	t.Run("until another session ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := office(t, full)
			first, _, err := dial(t, n)
			if err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(9*time.Second, func() { _ = first.Close(t.Context()) })
			c, took, err := dial(t, n)
			if err != nil || took < 9*time.Second {
				t.Fatalf("after %v: %v", took, err)
			}
			_ = c.Close(t.Context())
		})
	})
	t.Run("and says that the responder is busy when none ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := office(t, full)
			if _, _, err := dial(t, n); err != nil {
				t.Fatal(err)
			}
			_, took, err := dial(t, n)
			if err == nil || !strings.Contains(err.Error(), "the responder is busy: the responder is full (1 sessions)") || took < 5*time.Second || took > 20*time.Second {
				t.Errorf("after %v: %v", took, err)
			}
			got := n.Run(t.Context(), sipalg.Check())
			blamesNobody(t, got)
			if got.Status != checks.Inconclusive || !strings.Contains(got.Reason, "the responder is busy") {
				t.Errorf("%s: %s", got.Status, got.Reason)
			}
		})
	})
}
