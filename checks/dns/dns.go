// Package dns asks whether the names that phones need are found, and whether
// the DNS in this network tells the truth about them.
package dns

import (
	"context"
	_ "embed"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID: "dns", Words: ownWords, Group: "office",
		Timeout: 14 * time.Second,
		Assumes: []string{"uplink"},
	}, observe, judge)
}

// nameBudget bounds the system's own look-ups, which know the hosts file and
// may wait for 5 s on a DNS server that is gone.
const nameBudget = 6 * time.Second

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	o := Observed{Names: namesOf(env), Resolvers: []Resolver{}}
	if len(o.Names) == 0 {
		return o, nil
	}
	env.Progress(checks.Event{Text: words.Say("dns.progress.asking", nil)})
	done := make(chan []Name, 1)
	go func() { done <- askSystem(ctx, env, o.Names) }()
	a := &asker{env: env, names: o.Names, nonsense: nonsenseNames()}
	a.observe(ctx, &o)
	o.Names = <-done
	return o, ctx.Err()
}
