// Package signalling asks the provider's SIP servers over every transport that
// phones use, explains what they answer, and looks at their certificates.
package signalling

import (
	"context"
	_ "embed"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID: "signalling", Group: "office", Title: "The SIP servers answer", Words: ownWords,
		Timeout: 30 * time.Second,
		Assumes: []string{"uplink", "dns", "nat"},
		Doc: `Asks every SIP server (--sip-server, --profile) over UDP, TCP and TLS.

All targets of the domain's SRV records are asked, in their order (four at most
for each transport). Each gets one OPTIONS, repeated when lost. One transport
of each server gets a REGISTER without credentials as well, and so does every
transport on which OPTIONS stays silent; with --deep all of them. It is not sent
more often by default because servers count refused registrations and ban who
makes many. Any answer shows that the way is open: 401 and 407 ask for the password
that was not sent. WebSocket (RFC 7118) is tried where the profile or the port
says so, and with --deep.

The certificate of TLS servers is checked for name, chain and dates, as SIP does
it (RFC 5922): the SIP domain in full, no wildcard, whatever host SRV records
lead to. WebSockets follow the rules of browsers. Its dates are compared with the time of an NTP server (pool.ntp.org, or --ntp; none with
--no-public), because a wrong clock makes good certificates look bad.

With --account user@domain one real registration is made, answered with the
password exactly once, and removed again on the same connection.

fail: a server refuses on every transport, a certificate that phones rely on
has expired, or the account is refused.
warn: UDP is silent while TCP or TLS of the same server answers, and other
faults of one transport; a server of the SRV record is dead while another answers.
inconclusive: no answer at all. Silence may be a firewall here, a ban there, a
wrong name, or a server that is down.

Every question comes from a fresh port. A phone that stays silent while this
check passes may hold an old entry of the router, as after a change of the public
address: restart the phone, or clear the router's UDP connections.`,
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
	o.Servers = make([]Server, len(names))
	env.Say(words.Say("signalling.progress.asking", nil))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { o.Servers[i] = askServer(ctx, env, name) })
	}
	wg.Go(func() { o.Clock = askTime(ctx, env) })
	wg.Wait()
	if env.Account != nil && ctx.Err() == nil {
		env.Say(words.Say("signalling.progress.registering", words.Args{"account": env.Account.User + "@" + env.Account.Domain}))
		ctx, cancel := context.WithTimeout(ctx, accountBudget)
		defer cancel()
		o.Account = register(ctx, env, o.Servers)
	}
	return o, ctx.Err()
}
