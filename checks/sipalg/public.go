package sipalg

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

const (
	// maxPublic is how many built-in servers one run asks at most.
	maxPublic = 3
	// maxNameless is how many names that cannot be resolved end the search:
	// there is no DNS then.
	maxNameless = 3
)

// publicSchedule waits no longer than a server that answers at all takes: the
// next one may do as well.
func publicSchedule() probe.Schedule { return probe.At(800, 0, 500, 1200) }

// observePublic asks SIP servers that the user did not name, over UDP, one
// after the other, until one says which address it saw. It begins anywhere in
// the list, so that the load is spread. The servers that were asked are
// returned.
func observePublic(ctx context.Context, env *checks.Env, names []string) (asked []Server, seen []View) {
	v := newViews(ctx, env)
	nameless := 0
	start := rand.IntN(len(names))
	for _, name := range slices.Concat(names[start:], names[:start]) {
		if ctx.Err() != nil || len(asked) == maxPublic || nameless == maxNameless {
			break
		}
		s := Server{Name: name, Unasked: true}
		targets, err := resolve(ctx, env, name)
		if err != nil {
			nameless++
			continue
		}
		t := targets[0] // UDP goes first
		if s.Source, err = probe.Source(env.Net, env.Inputs.Bind, t.addr.Addr()); err != nil {
			break
		}
		s.Answers = []ServerAnswer{askTarget(ctx, env, v, s.Source, t, publicSchedule())}
		if len(s.Answers[0].Reply) > 0 {
			s.Hops = askQuotes(ctx, env, s.Source, t)
		}
		asked = append(asked, s)
		if a := &s.Answers[0]; sip.Source(a.Sent, a.Reply).IsValid() {
			break
		}
	}
	return asked, v.all()
}
