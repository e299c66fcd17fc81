package fragments_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/checktest/farend"
	"github.com/sipdoctor/sipdoctor/checks/fragments"
)

func yes() *bool               { v := true; return &v }
func no() *bool                { v := false; return &v }
func bytes(n int) *int         { return &n }
func ordinary() *checktest.NAT { return checktest.Linux() }

func TestWhatPassesOnEachPath(t *testing.T) {
	longSIP := func(b []byte) bool { return checktest.LooksLikeSIP(b) && len(b) > 1472 }
	clean := open(true)
	with := func(change func(*fragments.Facts)) fragments.Facts {
		f := clean
		change(&f)
		return f
	}
	for _, c := range []struct {
		name   string
		router checktest.RouterOptions
		want   fragments.Facts
		finds  []string
		within time.Duration
	}{
		{"an ordinary router", checktest.RouterOptions{NAT: ordinary()}, clean, []string{}, 2 * time.Second},
		{"a firewall that drops fragments", checktest.RouterOptions{NAT: ordinary(), DropFragments: true},
			with(func(f *fragments.Facts) {
				f.LargestUp, f.LargestDown, f.FragmentsPass, f.FragmentsUp, f.FragmentsDown, f.LongInvite = 1472, 1472, false, no(), no(), no()
			}), []string{"fragments.dropped"}, 10 * time.Second},
		{"a PPPoE line that says so", checktest.RouterOptions{NAT: ordinary(), MTU: 1492},
			with(func(f *fragments.Facts) { f.LargestWhole = bytes(1464) }), []string{"fragments.narrow-path"}, 10 * time.Second},
		{"a tunnel of an odd length", checktest.RouterOptions{NAT: ordinary(), MTU: 1423},
			with(func(f *fragments.Facts) { f.LargestWhole = bytes(1395) }), []string{"fragments.narrow-path"}, 15 * time.Second},
		{"a very narrow tunnel", checktest.RouterOptions{NAT: ordinary(), MTU: 1100},
			with(func(f *fragments.Facts) { f.LargestWhole = bytes(1072) }), []string{"fragments.narrow-path"}, 15 * time.Second},
		{"a path that swallows what is too long", checktest.RouterOptions{NAT: ordinary(), MTU: 1400, BlackHole: true},
			with(func(f *fragments.Facts) { f.LargestWhole = bytes(1372) }), []string{"fragments.black-hole"}, 15 * time.Second},
		{"a filter that loses long SIP alone", checktest.RouterOptions{NAT: ordinary(), Rules: []checktest.Rule{{Proto: "udp", Content: longSIP}}},
			with(func(f *fragments.Facts) { f.LongInvite = no() }), []string{"fragments.long-invite"}, 12 * time.Second},
		{"fragments kept out, but let go", checktest.RouterOptions{NAT: ordinary(), Rules: []checktest.Rule{{Inward: true, Proto: "udp", Content: func(b []byte) bool { return len(b) > 1472 }}}},
			with(func(f *fragments.Facts) {
				f.LargestDown, f.FragmentsPass, f.FragmentsDown = 1472, false, no()
			}), []string{"fragments.dropped"}, 10 * time.Second},
		{"fragments not let go", checktest.RouterOptions{NAT: ordinary(), Rules: []checktest.Rule{{Proto: "udp", Content: func(b []byte) bool { return len(b) > 1472 }}}},
			with(func(f *fragments.Facts) {
				f.LargestUp, f.FragmentsPass, f.FragmentsUp, f.LongInvite = 1472, false, no(), no()
			}), []string{"fragments.dropped"}, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.router.Delay = 20 * time.Millisecond
				n := farend.New(t, 1, c.router)
				got := run(t.Context(), n)
				if diff := cmp.Diff(c.want, got.Facts); diff != "" || got.Reason != "" {
					t.Errorf("facts: %s%s", diff, got.Reason)
				}
				if diff := cmp.Diff(c.finds, got.IDs()); diff != "" {
					t.Errorf("findings: %s", diff)
				}
				if got.Took > c.within {
					t.Errorf("took %v, want at most %v", got.Took, c.within)
				}
				if t.Failed() {
					got.Explain(t)
				}
			})
		})
	}
}

// Loss must not look like a limit, and must not hide one.
func TestLossIsNoLimit(t *testing.T) {
	runs := uint64(60)
	if testing.Short() {
		runs = 5
	}
	for _, c := range []struct {
		name string
		drop bool
		loss float64
	}{
		{"5 % lost each way", false, 0.05},
		{"10 % lost each way", false, 0.10},
		{"20 % lost each way", false, 0.20},
		{"5 % lost each way, and fragments dropped", true, 0.05},
		{"10 % lost each way, and fragments dropped", true, 0.10},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for seed := range runs {
				synctest.Test(t, func(t *testing.T) {
					n := farend.New(t, seed, checktest.RouterOptions{NAT: ordinary(), Loss: c.loss, DropFragments: c.drop, Delay: 15 * time.Millisecond, Jitter: 20 * time.Millisecond, Duplicate: 0.02})
					got := run(t.Context(), n)
					want := open(!c.drop)
					if got.LongInvite == nil && c.loss >= 0.2 {
						want.LongInvite = nil // more tries than anybody waits for, which is no limit
					}
					if diff := cmp.Diff(want, got.Facts); diff != "" || got.Reason != "" {
						t.Errorf("seed %d: %s%s", seed, diff, got.Reason)
						got.Explain(t)
					}
				})
			}
		})
	}
}

func open(pass bool) fragments.Facts {
	f := fragments.Facts{LargestUp: 8000, LargestDown: 8000, FragmentsPass: true, FragmentsUp: yes(), FragmentsDown: yes(), LargestWhole: bytes(1472), LongInvite: yes()}
	if !pass {
		f.LargestUp, f.LargestDown, f.FragmentsPass, f.FragmentsUp, f.FragmentsDown, f.LongInvite = 1472, 1472, false, no(), no(), no()
	}
	return f
}

func TestSilenceIsNoLimit(t *testing.T) {
	for name, change := range map[string]func(n *farend.Office){
		"no UDP at all":         func(n *farend.Office) { n.Router.Update(func(o *checktest.RouterOptions) { o.Loss = 1 }) },
		"a responder that dies": func(n *farend.Office) { time.AfterFunc(30*time.Millisecond, n.End) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := farend.New(t, 1, checktest.RouterOptions{NAT: ordinary(), Delay: 20 * time.Millisecond})
				change(n)
				got := run(t.Context(), n)
				if got.Status != checks.Inconclusive || len(got.IDs()) > 0 {
					t.Error("want inconclusive and no finding")
					got.Explain(t)
				}
				// Three of them are the responder's own word, and one more try over UDP.
				if name == "no UDP at all" && got.Took > 8*time.Second {
					t.Errorf("took %v to learn that nothing passes", got.Took)
					got.Explain(t)
				}
			})
		})
	}
}

func TestWithoutAResponder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := farend.New(t, 1, checktest.RouterOptions{})
		n.Inputs.Responder, n.Inputs.Fingerprint = "", ""
		if got := run(t.Context(), n); got.Status != checks.Skip {
			got.Explain(t)
			t.Error("want a skip that names what is missing")
		}
	})
}
