package checks_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/lab"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// knock sends three datagrams to each address and tries a connection, and
// listens for three seconds.
func knock(to ...netip.AddrPort) func(context.Context, *checks.Env) (saw, error) {
	return func(ctx context.Context, env *checks.Env) (saw, error) {
		conn, err := env.Net.OpenUDP(ctx, netip.AddrPort{})
		if err != nil {
			return saw{}, err
		}
		defer conn.Close()
		for _, a := range to {
			for range 3 {
				_ = conn.WriteTo([]byte("knock"), a, platform.SendOptions{})
			}
		}
		_ = conn.SetReadDeadline(time.Now().Add(3 * time.Second))
		for buf := make([]byte, 1500); ; {
			_, err := conn.ReadFrom(buf)
			if icmp, ok := errors.AsType[*platform.ICMPError](err); err != nil && (!ok || icmp == nil) {
				break
			}
		}
		_, _ = env.Net.LookupAddrs(ctx, "nowhere.example")
		return saw{"knocked"}, nil
	}
}

// The report says who was asked and who answered, whatever check asked.
func TestTheReportKnowsItsContacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := lab.Find("clean")
		o := checktest.FromScenario(s)
		defer o.World.Close()
		echo, err := o.SIPServer.OpenUDP(t.Context(), netip.MustParseAddrPort(lab.SIPServerAddr+":5060"))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for buf := make([]byte, 1500); ; {
				d, err := echo.ReadFrom(buf)
				if err != nil {
					return
				}
				_ = echo.WriteTo(buf[:d.N], d.From, platform.SendOptions{})
			}
		}()
		there, nobody := netip.MustParseAddrPort(lab.SIPServerAddr+":5060"), netip.MustParseAddrPort("198.51.100.99:5060")
		rep := checks.Run(t.Context(), []*checks.Check{say("a", knock(there), judgeWell), say("b", knock(there, nobody), judgeWell)},
			&checks.Env{Net: o.Phone}, checks.Meta{Command: "check"})
		echo.Close()
		by := map[string]netinfo.Contact{}
		for _, c := range rep.Host.Contacts {
			by[c.Addr.String()] = c
		}
		if c := by[there.Addr().String()]; c.Sent != 6 || c.Answers != 6 || c.SilentFor() {
			t.Errorf("the server that answers: %+v", c)
		}
		if c := by[nobody.Addr().String()]; c.Sent != 3 || c.Answers != 0 || c.WaitedMS < 3000 {
			t.Errorf("the address where nobody is: %+v", c)
		}
		if diff := cmp.Diff([]string{"nowhere.example"}, rep.Result("a").NotFound); diff != "" {
			t.Errorf("names not found: %s", diff)
		}
	})
}

// How far a failure explains what others came to.
func TestHowFarACauseReaches(t *testing.T) {
	cause := func(r checks.Reach) func(saw, *netinfo.Host) checks.Judgement {
		return func(saw, *netinfo.Host) checks.Judgement {
			return checks.Judgement{Summary: words.Literal("the cause"), Explains: r, Findings: []checks.Finding{{ID: "x.cause", Severity: checks.Critical, Title: "The cause"}}}
		}
	}
	comes := func(sev checks.Severity, heard bool, inconclusive string) func(saw, *netinfo.Host) checks.Judgement {
		return func(saw, *netinfo.Host) checks.Judgement {
			j := checks.Judgement{Summary: words.Literal("s"), Inconclusive: words.Literal(inconclusive)}
			if sev != "" {
				j.Findings = []checks.Finding{{ID: "y.effect", Severity: sev, Title: "The effect", Heard: heard}}
			}
			return j
		}
	}
	lost := func(ctx context.Context, env *checks.Env) (saw, error) {
		_, _ = env.Net.LookupAddrs(ctx, "nowhere.example")
		return saw{"x"}, nil
	}
	for name, c := range map[string]struct {
		reach     checks.Reach
		effect    func(saw, *netinfo.Host) checks.Judgement
		noName    bool
		explained bool
		status    checks.Status
		findings  int
	}{
		"faults: a failure":              {checks.ReachFaults, comes(checks.Critical, false, ""), false, true, checks.Fail, 1},
		"faults: a pass":                 {checks.ReachFaults, comes("", false, ""), false, false, checks.Pass, 0},
		"all: a failure":                 {checks.ReachAll, comes(checks.Critical, false, ""), false, true, checks.Inconclusive, 0},
		"all: a warning":                 {checks.ReachAll, comes(checks.Warning, false, ""), false, true, checks.Inconclusive, 0},
		"all: a fault that was heard":    {checks.ReachAll, comes(checks.Critical, true, ""), false, true, checks.Fail, 1},
		"all: what is only worth a word": {checks.ReachAll, comes(checks.Info, false, "unclear"), false, true, checks.Inconclusive, 1},
		"all: a pass":                    {checks.ReachAll, comes("", false, ""), false, false, checks.Pass, 0},
		"untold: a failure":              {checks.ReachUntold, comes(checks.Critical, false, ""), false, false, checks.Fail, 1},
		"untold: unclear":                {checks.ReachUntold, comes("", false, "unclear"), false, true, checks.Inconclusive, 0},
		"untold: unclear and a warning":  {checks.ReachUntold, comes(checks.Warning, false, "unclear"), false, false, checks.Inconclusive, 1},
		"names: unclear for want of one": {checks.ReachNames, comes("", false, "unclear"), true, true, checks.Inconclusive, 0},
		"names: unclear otherwise":       {checks.ReachNames, comes("", false, "unclear"), false, false, checks.Inconclusive, 0},
		"names: a failure":               {checks.ReachNames, comes(checks.Critical, false, ""), true, false, checks.Fail, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := lab.Find("clean")
				o := checktest.FromScenario(s)
				defer o.World.Close()
				observe := sees("x", 0)
				if c.noName {
					observe = lost
				}
				rep := checks.Run(t.Context(), []*checks.Check{say("cause", sees("x", 0), cause(c.reach)), say("effect", observe, c.effect, "cause")},
					&checks.Env{Net: o.Phone}, checks.Meta{Command: "check"})
				r := rep.Result("effect")
				if (r.ExplainedBy == "cause") != c.explained || r.Status != c.status || len(r.Findings) != c.findings {
					t.Errorf("explained by %q, %s, %d findings; want %+v", r.ExplainedBy, r.Status, len(r.Findings), c)
				}
				if rep.Verdict != checks.Fail || rep.Headline != "The cause." {
					t.Errorf("verdict %s: %q", rep.Verdict, rep.Headline)
				}
			})
		})
	}
}
