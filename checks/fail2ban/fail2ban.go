// Package fail2ban is the check of fail2ban's own health on a PBX: whether its
// jails see what Asterisk writes, whether a ban closes the SIP ports, and
// whether those who must never be banned are on its lists.
package fail2ban

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/server"
	"github.com/sipdoctor/sipdoctor/netinfo"
	jails "github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/platform"
)

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID: "fail2ban", Group: "pbx", Title: "fail2ban watches what Asterisk writes, and spares whom it must",
		Doc: `Looks at the jails that guard SIP: their logs, actions, ports and ignoreip.

It asks fail2ban's server, its database and its configuration, and changes
nothing. Whom a jail must spare are you (the address of your SSH session), the
networks of the profile and those that the FreePBX firewall trusts.

fail: the SIP jail is set and does not run, or watches a log that Asterisk does
not write: the PBX is not protected.
warn: a ban leaves a SIP port open, or an address that must be spared is not on
a jail's ignoreip.
Skipped where fail2ban is not installed.`,
		Timeout: 20 * time.Second, // fail2ban-client starts a Python for each question where the socket may not be asked
	}, observe, judge)
}

// Observed is fail2ban's state, and whom it must spare.
type Observed struct {
	State *jails.State `json:"state"`
	Must  []Must       `json:"must,omitempty"`
	// NotCollected reports a bundle in which nothing says whether fail2ban runs.
	NotCollected bool `json:"not_collected,omitempty"`
}

// Must is a network that no jail may ban, and why.
type Must struct {
	Prefix netip.Prefix `json:"prefix"`
	Why    string       `json:"why"`
}

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	ast := env.Server().Asterisk(ctx)
	var o Observed
	if a := env.Inputs.Admin; a.IsValid() {
		o.Must = append(o.Must, Must{netip.PrefixFrom(a, a.BitLen()), "you, over SSH"})
	}
	if env.Inputs.Profile != "" {
		p, err := netinfo.LoadProfile(env.Inputs.Profile)
		if err != nil {
			return o, err
		}
		for _, s := range p.Subnets {
			o.Must = append(o.Must, Must{s.Prefix(), p.Title})
		}
	}
	trusted, untold := env.Server().Trusted(ctx)
	for _, p := range trusted {
		o.Must = append(o.Must, Must{p, "trusted by the FreePBX firewall"})
	}
	options := jails.Options{SIP: sipPorts(ast)}
	for _, m := range o.Must {
		options.Ignored = append(options.Ignored, m.Prefix)
	}
	o.State = jails.Read(ctx, env.System, options)
	if untold != nil {
		o.State.Notes = append(o.State.Notes, jails.Note{What: "trusted networks", Why: untold.Error()})
	}
	if !env.System.Live() {
		o.NotCollected = notCollected(ctx, env.System, "fail2ban-socket") && notCollected(ctx, env.System, "fail2ban-client")
	}
	return o, ctx.Err()
}

func notCollected(ctx context.Context, bundle platform.System, program string) bool {
	_, err := bundle.Run(ctx, program, "status")
	return errors.Is(err, platform.ErrNotCollected)
}

// sipPorts are the ports that a ban must close.
func sipPorts(ast server.Asterisk) (ports []jails.Port) {
	for _, p := range ast.Wanted() {
		if p.Purpose != "sip" {
			continue
		}
		for _, x := range p.Set {
			for n := x.Lo; n <= x.Hi; n++ {
				ports = append(ports, jails.Port{Protocol: p.Protocol, Port: uint16(n)})
			}
		}
	}
	return ports
}
