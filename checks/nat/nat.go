// Package nat finds out how the network translates addresses: the mapping and
// filtering behaviour of RFC 4787 by the tests of RFC 5780, what becomes of
// port numbers, how many translations there are, and what that means for
// phones.
package nat

import (
	"context"
	_ "embed"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID:    "nat",
		Words: ownWords,
		Group: "office",
		// 8 s at most; the rest is for waiting until a busy responder has time.
		Timeout: 30 * time.Second,
		Assumes: []string{"uplink", "dns"},
	}, observe, judge)
}

// Budgets. Gathering waits for names and for the responder's session. Probing
// is one Patient question, 4.25 s when it stays silent, and the tests that
// follow from an answer: the filter's, its control's and the mapping's, one
// after the other, 3.5 s. Control is one TCP connect, and comes only after
// silence. Together they stay below 11 s.
const (
	gatherBudget  = 2500 * time.Millisecond
	probeBudget   = 7500 * time.Millisecond
	controlBudget = 1000 * time.Millisecond
)

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	o := Observed{Targets: []Target{}, Families: []Family{}}
	o.gather(ctx, env)
	if len(o.addrs(false)) > 0 || len(o.addrs(true)) > 0 {
		env.Progress(checks.Event{Text: words.Say("nat.progress.asking", nil)})
		o.probeAll(ctx, env)
	}
	answered := slices.ContainsFunc(o.samples(), func(s Sample) bool { return s.Answered })
	if !answered && len(o.Families) > 0 {
		env.Progress(checks.Event{Text: words.Say("nat.progress.tcp", nil)})
		o.control(ctx, env)
	}
	return o, ctx.Err()
}

// probeAll asks over both families at once.
func (o *Observed) probeAll(ctx context.Context, env *checks.Env) {
	ctx, cancel := context.WithTimeout(ctx, probeBudget)
	defer cancel()
	for _, f := range probe.Map([]bool{false, true}, func(v6 bool) *Family { return probeFamily(ctx, env, o.addrs(v6), v6) }) {
		if f != nil {
			o.Families = append(o.Families, *f)
		}
	}
}
