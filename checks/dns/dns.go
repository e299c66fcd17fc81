// Package dns asks whether the names that phones need are found, and whether
// the DNS in this network tells the truth about them.
package dns

import (
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
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

// maxNames bounds how many names one run asks for; a profile has a handful.
const maxNames = 16

func namesOf(env *checks.Env) []Name {
	var out []Name
	add := func(value, what string, sip, builtin bool) {
		at, err := netinfo.ParseHostPort(value)
		if _, isAddr := at.Addr(); err != nil || isAddr || len(out) == maxNames {
			return
		}
		host := strings.ToLower(at.Host)
		if i := slices.IndexFunc(out, func(n Name) bool { return n.Host == host }); i >= 0 {
			out[i].SIP, out[i].Builtin = out[i].SIP || sip, out[i].Builtin && builtin
			return
		}
		out = append(out, Name{Host: host, For: what, SIP: sip, Port: at.Port, Builtin: builtin})
	}
	for _, s := range env.Inputs.SIPServers {
		add(s, forSIP, true, false)
	}
	add(env.Inputs.Responder, forResponder, false, false)
	for _, s := range env.STUNServers() {
		add(s, forSTUN, false, len(env.Inputs.STUN) == 0)
	}
	return out
}

// askSystem looks the names up as every program of this machine does.
func askSystem(ctx context.Context, env *checks.Env, names []Name) []Name {
	ctx, cancel := context.WithTimeout(ctx, nameBudget)
	defer cancel()
	out := slices.Clone(names)
	probe.Each(out, func(n *Name) {
		var err error
		if n.System, err = env.Net.LookupAddrs(ctx, n.Host); err != nil {
			n.System, n.SystemError = nil, platform.Words(err)
		}
	})
	return out
}

// nonsenseNames are two names that do not exist, each for one kind of liar:
// .invalid never exists (RFC 6761, section 6.4), so an honest server need not
// ask anybody; example.com exists, is nobody's, and has no such host.
func nonsenseNames() []string {
	word := strings.ToLower(rand.Text()[:16])
	return []string{fmt.Sprintf("sipdoctor-%s.invalid", word), fmt.Sprintf("sipdoctor-%s.example.com", word)}
}
