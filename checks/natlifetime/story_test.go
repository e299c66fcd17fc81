package natlifetime_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/checktest/farend"
	"github.com/sipdoctor/sipdoctor/checks/natlifetime"
)

// remembers is a Linux-like router with the given timers, seconds.
func remembers(single, stream int) *checktest.NAT {
	n := checktest.Linux()
	n.Timeout, n.AssuredTimeout = time.Duration(single)*time.Second, time.Duration(stream)*time.Second
	return n
}

func TestEveryTimerIsFound(t *testing.T) {
	for _, c := range []struct {
		single, stream             int
		atLeast, below             int
		singleAtLeast, singleBelow int
	}{
		{10, 10, 0, 15, 0, 15},
		{20, 20, 15, 25, 15, 25},
		{30, 30, 25, 30, 25, 30},
		{30, 60, 45, 60, 25, 30},
		{30, 120, 90, 120, 25, 30},
		{30, 180, 120, 180, 25, 30},
		{60, 290, 180, 300, 45, 60},
		{400, 400, 300, 0, 300, 0},
	} {
		t.Run(fmt.Sprintf("forgets after %d s, a stream after %d s", c.single, c.stream), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := farend.New(t, 1, checktest.RouterOptions{NAT: remembers(c.single, c.stream), Delay: 20 * time.Millisecond})
				got := run(t.Context(), n)
				want := natlifetime.Facts{
					UDPAtLeast: c.atLeast, UDPBelow: c.below, SIPPortAtLeast: c.atLeast, SIPPortBelow: c.below,
					SingleAtLeast: c.singleAtLeast, SingleBelow: c.singleBelow,
				}
				if diff := cmp.Diff(want, got.Facts); diff != "" || got.Reason != "" {
					t.Errorf("facts: %s%s", diff, got.Reason)
				}
				if got.Took > 315*time.Second {
					t.Errorf("took %v, want little more than the longest rung", got.Took)
				}
				if t.Failed() {
					got.Explain(t)
				}
			})
		})
	}
}

// A line that loses every fifth packet each way says the same as a clean one.
func TestLossIsNotForgetting(t *testing.T) {
	runs := uint64(20)
	if testing.Short() {
		runs = 3
	}
	for _, stream := range []int{30, 120, 400} {
		t.Run(fmt.Sprintf("a timer of %d s", stream), func(t *testing.T) {
			for seed := range runs {
				synctest.Test(t, func(t *testing.T) {
					n := farend.New(t, seed, checktest.RouterOptions{NAT: remembers(30, stream), Loss: 0.1, Delay: 20 * time.Millisecond, Jitter: 30 * time.Millisecond, Duplicate: 0.02})
					got := run(t.Context(), n)
					want := map[int][2]int{30: {25, 30}, 120: {90, 120}, 400: {300, 0}}[stream]
					if got.UDPAtLeast != want[0] || got.UDPBelow != want[1] || got.SingleAtLeast != 25 || got.SingleBelow != 30 {
						t.Errorf("seed %d: %+v", seed, got.Facts)
						got.Explain(t)
					}
				})
			}
		})
	}
}

// On a worse line it may say less, never what is untrue.
func TestNoLossMakesABoundUntrue(t *testing.T) {
	runs := uint64(12)
	if testing.Short() {
		runs = 2
	}
	for _, loss := range []float64{0.05, 0.2, 0.35} {
		for _, stream := range []int{120, 400} {
			t.Run(fmt.Sprintf("%v lost each way, a timer of %d s", loss, stream), func(t *testing.T) {
				for seed := range runs {
					synctest.Test(t, func(t *testing.T) {
						n := farend.New(t, seed, checktest.RouterOptions{NAT: remembers(30, stream), Loss: loss, Delay: 20 * time.Millisecond, Jitter: 30 * time.Millisecond, Duplicate: 0.02})
						got := run(t.Context(), n)
						untrue := func(atLeast, below, timer int) bool { return atLeast >= timer || below != 0 && below < timer }
						if untrue(got.UDPAtLeast, got.UDPBelow, stream) || untrue(got.SIPPortAtLeast, got.SIPPortBelow, stream) || untrue(got.SingleAtLeast, got.SingleBelow, 30) {
							t.Errorf("seed %d: %+v", seed, got.Facts)
							got.Explain(t)
						}
					})
				}
			})
		}
	}
}

// A router knows a flow from the first packet that reaches it, however long the
// phone has been trying: only then does the clock of a stream begin.
func TestLostFirstPacketsDoNotShortenAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := checktest.Rule{Proto: "udp", Port: 8765}
		n := farend.New(t, 1, checktest.RouterOptions{NAT: remembers(30, 400), Rules: []checktest.Rule{lost}})
		time.AfterFunc(1300*time.Millisecond, func() { n.Router.Update(func(o *checktest.RouterOptions) { o.Rules = nil }) })
		got := run(t.Context(), n)
		if got.UDPAtLeast != 300 || got.UDPBelow != 0 {
			got.Explain(t)
			t.Error("want at least 300 s: the router keeps a stream for 400 s")
		}
	})
}

// A phone that changes its access point, or a line that is dialled again, is
// away for seconds. What the responder sends in these is lost, not refused.
func TestAShortOutageIsNotForgetting(t *testing.T) {
	for _, begin := range []time.Duration{300 * time.Second, 302 * time.Second, 303500 * time.Millisecond} {
		for _, length := range []time.Duration{2 * time.Second, 4 * time.Second, 5500 * time.Millisecond} {
			t.Run(fmt.Sprintf("%v long, after %v", length, begin), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := farend.New(t, 1, checktest.RouterOptions{NAT: remembers(400, 400)})
					cut := func(rules ...checktest.Rule) func() {
						return func() { n.Router.Update(func(o *checktest.RouterOptions) { o.Rules = rules }) }
					}
					time.AfterFunc(begin, cut(checktest.Rule{Proto: "udp"}, checktest.Rule{Proto: "udp", Inward: true}))
					time.AfterFunc(begin+length, cut())
					got := run(t.Context(), n)
					if got.UDPBelow != 0 || got.SIPPortBelow != 0 || got.SingleBelow != 0 || len(got.Findings) > 0 {
						got.Explain(t)
						t.Error("no timer was seen: the router keeps a flow for 400 s")
					}
				})
			})
		}
	}
}

func TestWhatItMeansForPhones(t *testing.T) {
	profile := func(lines string) string {
		return writeProfile(t, lines)
	}
	for _, c := range []struct {
		name    string
		router  checktest.RouterOptions
		profile string
		status  checks.Status
		want    []string
	}{
		{"a router that forgets after 30 s", checktest.RouterOptions{NAT: remembers(30, 30)}, "", checks.Warn, []string{"nat-lifetime.too-short"}},
		{"Linux as it comes", checktest.RouterOptions{NAT: remembers(30, 120)}, "", checks.Pass, []string{"nat-lifetime.below-standard", "nat-lifetime.single-exchange"}},
		{"a router that remembers for five minutes and more", checktest.RouterOptions{NAT: remembers(400, 400)}, "", checks.Pass, []string{}},
		{"no NAT at all", checktest.RouterOptions{}, "", checks.Pass, []string{}},
		{"a provider whose phones register every two minutes", checktest.RouterOptions{NAT: remembers(90, 90)}, profile("registration_s: 120"), checks.Warn, []string{"nat-lifetime.too-short"}},
		{"a provider whose phones send keep-alives", checktest.RouterOptions{NAT: remembers(30, 180)}, profile("registration_s: 600, keepalive_s: 20"), checks.Pass, []string{}},
		{"phones that only register, on Linux", checktest.RouterOptions{NAT: remembers(30, 180)}, profile("registration_s: 60"), checks.Warn, []string{"nat-lifetime.single-exchange"}},
		{"a provider that demands three minutes", checktest.RouterOptions{NAT: remembers(90, 90)}, profile("registration_s: 60, udp_timeout_min_s: 180"), checks.Warn, []string{"nat-lifetime.below-demand"}},
		{"a SIP helper with a timer of its own", checktest.RouterOptions{NAT: remembers(30, 30), ALGs: []checktest.ALG{checktest.LinuxALG().On("udp", 5060)}}, "", checks.Warn, []string{"nat-lifetime.too-short", "nat-lifetime.sip-timer"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := farend.New(t, 1, c.router)
				n.Inputs.Profile = c.profile
				got := run(t.Context(), n)
				if diff := cmp.Diff(c.want, got.IDs()); diff != "" || got.Status != c.status {
					t.Errorf("status %s, want %s; findings: %s", got.Status, c.status, diff)
					got.Explain(t)
				}
			})
		})
	}
}

func TestSilenceIsNoProof(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, n *farend.Office)
	}{
		{"the responder dies half-way", func(t *testing.T, n *farend.Office) {
			time.AfterFunc(20*time.Second, n.End)
		}},
		{"everything on UDP is lost", func(_ *testing.T, n *farend.Office) {
			n.Router.Update(func(o *checktest.RouterOptions) { o.Loss = 1 })
		}},
		{"the line breaks half-way", func(_ *testing.T, n *farend.Office) {
			time.AfterFunc(20*time.Second, func() {
				n.Router.Update(func(o *checktest.RouterOptions) { o.Rules = []checktest.Rule{{}, {Inward: true}} })
			})
		}},
		{"UDP breaks half-way", func(_ *testing.T, n *farend.Office) {
			time.AfterFunc(20*time.Second, func() {
				n.Router.Update(func(o *checktest.RouterOptions) {
					o.Rules = []checktest.Rule{{Proto: "udp"}, {Proto: "udp", Inward: true}}
				})
			})
		}},
		{"UDP breaks late", func(_ *testing.T, n *farend.Office) {
			time.AfterFunc(295*time.Second, func() {
				n.Router.Update(func(o *checktest.RouterOptions) {
					o.Rules = []checktest.Rule{{Proto: "udp"}, {Proto: "udp", Inward: true}}
				})
			})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := farend.New(t, 1, checktest.RouterOptions{NAT: remembers(400, 400)})
				c.change(t, n)
				got := run(t.Context(), n)
				if got.Status != checks.Inconclusive || got.UDPBelow != 0 || len(got.Findings) > 0 {
					t.Errorf("want inconclusive and no finding")
					got.Explain(t)
				}
			})
		})
	}
}

func TestCtrlCKeepsWhatWasLearnt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := farend.New(t, 1, checktest.RouterOptions{NAT: remembers(400, 400)})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(70*time.Second, cancel)
		got := run(ctx, n)
		if got.Status != checks.Inconclusive || got.UDPAtLeast != 60 || got.UDPBelow != 0 || got.Took > 80*time.Second {
			t.Error("want what was learnt in 70 s, inconclusive")
			got.Explain(t)
		}
	})
}

func TestALadderOfOnesOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := farend.New(t, 1, checktest.RouterOptions{NAT: remembers(10, 10)})
		n.Inputs.Ladder = []int{20, 5, 10, 10, 0, 99999}
		got := run(t.Context(), n)
		if got.UDPAtLeast != 5 || got.UDPBelow != 10 || got.Took > 35*time.Second {
			got.Explain(t)
			t.Error("want 5 to 10 s, in little more than half a minute")
		}
	})
}

func TestWithoutAResponder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := farend.New(t, 1, checktest.RouterOptions{NAT: remembers(10, 10)})
		n.Inputs.Responder, n.Inputs.Fingerprint = "", ""
		if got := run(t.Context(), n); got.Status != checks.Skip {
			got.Explain(t)
			t.Error("want a skip that names what is missing")
		}
	})
}
