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
		ID: "dns", Words: ownWords, Group: "office", Title: "DNS finds the provider's servers",
		Timeout: 14 * time.Second,
		Assumes: []string{"uplink"},
		Doc: `Looks up the names that this run needs, and compares who says what.

The SIP servers (--sip-server, --profile), the responder and the STUN servers
are looked up as a phone does it (RFC 3263): NAPTR, then SRV, then A and AAAA,
from each DNS server that this machine was given and from one public resolver
(Quad9, Cloudflare or Google, whoever answers first; none with --no-public).
Questions go over UDP with EDNS0, again when lost, and over TCP when the answer
is cut or UDP stays silent. Two names that cannot exist are asked for as well,
and one question goes to 192.0.2.53, where nothing lives: an answer means that
somebody on the way answers in other servers' names.

fail: no DNS server answers, a SIP server's name is unknown or points nowhere.
warn: DNS servers that lie about missing names, answers that are redirected on
the way, differ from the rest of the Internet, or take very long.
skip: every server was named by its address.`,
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
	env.Say(words.Say("dns.progress.asking", nil))
	done := make(chan []Name, 1)
	go func() { done <- askSystem(ctx, env, o.Names) }()
	a := &asker{env: env, names: o.Names, nonsense: nonsenseNames()}
	a.observe(ctx, &o)
	o.Names = <-done
	return o, ctx.Err()
}
