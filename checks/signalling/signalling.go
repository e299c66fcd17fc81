// Package signalling asks the provider's SIP servers over every transport that
// phones use, explains what they answer, and looks at their certificates.
package signalling

import (
	"context"
	_ "embed"
	"sync"
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
		ID: "signalling", Group: "office", Words: ownWords,
		Timeout: 30 * time.Second,
		Assumes: []string{"uplink", "dns", "nat"},
	}, observe, judge)
}

// accountBudget bounds the real registration: three questions, of which the
// first two may have to be repeated.
const accountBudget = 12 * time.Second

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	o := Observed{Servers: []Server{}, LocalTime: time.Now().UTC()}
	if len(env.Inputs.SIPServers) == 0 {
		return o, nil
	}
	names := env.Inputs.SIPServers[:min(maxServers, len(env.Inputs.SIPServers))]
	o.LeftOut = len(env.Inputs.SIPServers) - len(names)
	env.Progress(checks.Event{Text: words.Say("signalling.progress.asking", nil)})
	var wg sync.WaitGroup
	wg.Go(func() { o.Clock = askTime(ctx, env) })
	o.Servers = probe.Map(names, func(name string) Server { return askServer(ctx, env, name) })
	wg.Wait()
	if env.Account != nil && ctx.Err() == nil {
		env.Progress(checks.Event{Text: words.Say("signalling.progress.registering", words.Args{"account": env.Account.User + "@" + env.Account.Domain})})
		ctx, cancel := context.WithTimeout(ctx, accountBudget)
		defer cancel()
		o.Account = register(ctx, env, o.Servers)
	}
	return o, ctx.Err()
}
