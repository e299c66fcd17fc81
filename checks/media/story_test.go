package media_test

import (
	"context"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/media"
)

// both are the two directions of a call that has them.
func both(t *testing.T, got seen) map[string]*media.Direction {
	t.Helper()
	if got.Up == nil || got.Down == nil {
		got.explain(t)
		t.Fatal("a direction is missing")
	}
	return map[string]*media.Direction{"up": got.Up, "down": got.Down}
}

func TestACallOverAnOrdinaryLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newOffice(t, 1, checktest.RouterOptions{NAT: checktest.Linux(), Delay: 20 * time.Millisecond})
		got := n.check(t.Context())
		ef := 46
		want := &media.Direction{RTTMS: 40, MOS: 4.4, MOSG729: 4.09, DSCPSent: &ef, DSCPReceived: &ef}
		for name, d := range both(t, got) {
			want.Sent, want.Received, want.MOS, want.MOSG729, want.Rating = d.Sent, d.Sent, d.MOS, d.MOSG729, d.Rating
			if diff := cmp.Diff(want, d); diff != "" || d.MOS < 4.35 || d.MOSG729 > 4.11 || d.Sent < 300 || d.Sent > 320 {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		if got.Status != checks.Pass || len(got.Findings) > 0 || got.took > 7*time.Second {
			got.explain(t)
		}
	})
}

func TestHowLongTheCallIs(t *testing.T) {
	for _, tt := range []struct {
		name   string
		inputs checks.Inputs
		want   float64
	}{
		{"beside all other checks", checks.Inputs{}, 6},
		{"in a hurry", checks.Inputs{Fast: true}, 2},
		{"asked for by name", checks.Inputs{Checks: []string{"media"}, Fast: true}, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newOffice(t, 1, checktest.RouterOptions{NAT: checktest.Linux(), Delay: 20 * time.Millisecond})
				n.inputs.Checks, n.inputs.Fast = tt.inputs.Checks, tt.inputs.Fast
				if got := n.check(t.Context()); got.LengthS != tt.want || got.took.Seconds() > tt.want+1 || got.Status != checks.Pass {
					got.explain(t)
				}
			})
		})
	}
}

func TestWhatTheLineDoesIsMeasuredAndNamed(t *testing.T) {
	down := func(first, last uint16) checktest.Rule {
		return checktest.Rule{Proto: "udp", Port: first, Last: last, Inward: true}
	}
	out := func(first, last uint16) checktest.Rule {
		return checktest.Rule{Proto: "udp", Port: first, Last: last}
	}
	nat := checktest.Linux
	for _, tt := range []struct {
		name   string
		router checktest.RouterOptions
		status checks.Status
		want   []string
		facts  func(f media.Facts) bool
	}{
		{"a line that loses 8 % each way", checktest.RouterOptions{NAT: nat(), Loss: 0.08}, checks.Warn, []string{"media.loss"},
			func(f media.Facts) bool { return math.Abs(f.Up.LossPct-8) < 5 && f.Up.MOS < 4.1 && f.Up.BurstMax < 4 }},
		{"a line that loses every second packet", checktest.RouterOptions{NAT: nat(), Loss: 0.5}, checks.Fail, []string{"media.loss", "media.gaps"},
			func(f media.Facts) bool { return f.Up.MOS < 2.6 && f.Down.LossPct > 40 }},
		{"a line that is uneven by up to 200 ms", checktest.RouterOptions{NAT: nat(), Jitter: 200 * time.Millisecond}, checks.Warn, []string{"media.jitter", "media.disorder"},
			func(f media.Facts) bool { return f.Down.JitterMS > 40 && f.Down.Reordered > 30 && f.Down.LossPct == 0 }},
		{"a line that is uneven by up to 15 ms", checktest.RouterOptions{NAT: nat(), Jitter: 15 * time.Millisecond}, checks.Pass, []string{},
			func(f media.Facts) bool { return f.Up.JitterMS > 2 && f.Up.JitterMS < 10 && f.Up.Reordered == 0 }},
		{"a satellite", checktest.RouterOptions{NAT: nat(), Delay: 270 * time.Millisecond}, checks.Warn, []string{"media.delay"},
			func(f media.Facts) bool { return f.Up.RTTMS == 540 && f.Up.MOS < 3.8 && f.Up.LossPct == 0 }},
		{"a line that doubles packets", checktest.RouterOptions{NAT: nat(), Duplicate: 0.2}, checks.Pass, []string{"media.disorder"},
			func(f media.Facts) bool { return f.Up.Duplicates > 20 && f.Down.Duplicates > 20 && f.Down.LossPct == 0 }},
		{"a router that clears the mark", checktest.RouterOptions{NAT: nat(), BleachTOS: true}, checks.Pass, []string{"media.dscp"},
			func(f media.Facts) bool {
				return *f.Up.DSCPSent == 46 && *f.Up.DSCPReceived == 0 && *f.Down.DSCPReceived == 0
			}},
		{"a router that clears the mark on a bad line", checktest.RouterOptions{NAT: nat(), BleachTOS: true, Loss: 0.1}, checks.Warn, []string{"media.loss", "media.dscp"}, nil},
		{"nothing comes back", checktest.RouterOptions{NAT: nat(), Rules: []checktest.Rule{down(10000, 65535)}}, checks.Fail, []string{"media.one-way"},
			func(f media.Facts) bool {
				return f.Up.LossPct == 0 && f.Up.MOS > 4 && f.Down.LossPct == 100 && f.Down.MOS == 1 && f.Down.DSCPReceived == nil
			}},
		{"nothing gets out", checktest.RouterOptions{NAT: nat(), Rules: []checktest.Rule{out(10000, 65535)}}, checks.Fail, []string{"media.no-audio"},
			func(f media.Facts) bool { return f.Up == nil && f.Down == nil }},
		{"a quarter of the ports is stopped", checktest.RouterOptions{NAT: nat(), Rules: []checktest.Rule{out(10000, 24000)}}, checks.Pass, []string{},
			func(f media.Facts) bool { return f.Port > 24000 }},
		{"no NAT", checktest.RouterOptions{}, checks.Pass, []string{}, nil},
		{"a NAT with a port for every destination", checktest.RouterOptions{NAT: checktest.Symmetric()}, checks.Pass, []string{}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := newOffice(t, 3, tt.router).check(t.Context())
				if diff := cmp.Diff(tt.want, got.findings()); diff != "" || got.Status != tt.status {
					t.Errorf("status %s, want %s; findings: %s", got.Status, tt.status, diff)
				}
				if tt.facts != nil && !tt.facts(got.Facts) {
					t.Errorf("up %+v, down %+v", got.Up, got.Down)
				}
				if t.Failed() {
					got.explain(t)
				}
			})
		})
	}
}

// A line that is good stays good whatever a moment of it does; a bad one stays
// bad; and neither is ever silent.
func TestChanceDoesNotDecide(t *testing.T) {
	flagged := map[float64]int{}
	const seeds = 100
	for seed := range uint64(seeds) {
		for _, loss := range []float64{0.002, 0.1} {
			synctest.Test(t, func(t *testing.T) {
				got := newOffice(t, seed, checktest.RouterOptions{NAT: checktest.Linux(), Loss: loss, Delay: 10 * time.Millisecond}).check(t.Context())
				ids := got.findings()
				if slices.Contains(ids, "media.loss") {
					flagged[loss]++
				}
				if slices.Contains(ids, "media.one-way") || slices.Contains(ids, "media.no-audio") || got.Status == checks.Inconclusive || got.Status == checks.Fail {
					t.Errorf("seed %d, loss %v", seed, loss)
					got.explain(t)
				}
				for name, d := range both(t, got) {
					if math.Abs(d.LossPct-100*loss) > 8 {
						t.Errorf("seed %d: %s lost %.1f %% of %v", seed, name, d.LossPct, loss)
					}
				}
			})
		}
	}
	if flagged[0.002] > 0 || flagged[0.1] < seeds {
		t.Errorf("a good line was called lossy %d times, a bad one %d times of %d", flagged[0.002], flagged[0.1], seeds)
	}
}

func TestSilenceIsNoProof(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(n *office)
	}{
		{"the responder dies half-way", func(n *office) { time.AfterFunc(3*time.Second, n.end) }},
		{"the line breaks half-way", func(n *office) {
			time.AfterFunc(3*time.Second, func() {
				n.router.Update(func(o *checktest.RouterOptions) { o.Rules = []checktest.Rule{{}, {Inward: true}} })
			})
		}},
		{"the responder dies before the call", func(n *office) { time.AfterFunc(30*time.Millisecond, n.end) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newOffice(t, 1, checktest.RouterOptions{NAT: checktest.Linux(), Delay: 10 * time.Millisecond})
				tt.change(n)
				got := n.check(t.Context())
				if got.Status != checks.Inconclusive || got.Reason == "" || got.Up != nil {
					t.Errorf("want inconclusive, with a reason, and nothing about the way out")
					got.explain(t)
				}
			})
		})
	}
}

func TestCtrlCKeepsWhatWasHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newOffice(t, 1, checktest.RouterOptions{NAT: checktest.Linux(), Delay: 10 * time.Millisecond})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		got := n.check(ctx)
		if got.Status != checks.Inconclusive || got.Up == nil || got.Up.Received < 100 || got.took > 4*time.Second {
			got.explain(t)
			t.Error("want what was heard in three seconds, inconclusive")
		}
	})
}

func TestTheOwnFirewallIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newOffice(t, 1, checktest.RouterOptions{NAT: checktest.Linux()})
		n.phone.BlockOutput(checktest.Rule{Proto: "udp", Port: 10000, Last: 65535})
		got := n.check(t.Context())
		if diff := cmp.Diff([]string{"media.local-filter"}, got.findings()); diff != "" || got.Status != checks.Fail {
			got.explain(t)
			t.Error(diff)
		}
	})
}

// The first socket's port may lie in a range that is closed on the way back.
func TestAnotherSourcePortIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newOffice(t, 1, checktest.RouterOptions{NAT: checktest.Linux(), Rules: []checktest.Rule{{Proto: "udp", Inward: true, Near: 30000, NearLast: 65535}}})
		n.inputs.Bind = n.phone.Addr()
		got := n.check(t.Context())
		if got.Status != checks.Pass {
			got.explain(t)
			t.Error("want a call from below the blocked ports")
		}
	})
}

func TestWithoutAResponder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newOffice(t, 1, checktest.RouterOptions{NAT: checktest.Linux()})
		n.inputs.Responder, n.inputs.Fingerprint = "", ""
		if got := n.check(t.Context()); got.Status != checks.Skip {
			got.explain(t)
			t.Error("want a skip that names what is missing")
		}
	})
}
