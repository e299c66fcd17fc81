// Package fail2ban is the check of fail2ban's own health on a PBX: whether its
// jails see what Asterisk writes, whether a ban closes the SIP ports, and
// whether those who must never be banned are on its lists.
package fail2ban

import (
	"context"
	_ "embed"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	jails "github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID: "fail2ban", Words: ownWords, Group: "pbx",
		Timeout: 20 * time.Second, // fail2ban-client starts a Python, where the socket may not be asked
	}, observe, judge)
}

// Observed is fail2ban's state, and whom it must spare.
type Observed struct {
	State *jails.State `json:"state"`
	Must  []Must       `json:"must,omitempty"`
	// Tried are the bans of now, taken through the loaded rules; without those
	// jails that ban nobody, and empty where the rules were not read.
	Tried []Tried `json:"tried,omitempty"`
	Tool  string  `json:"tool,omitempty"`  // with which more can be banned: iptables or nft
	Chain string  `json:"chain,omitempty"` // of iptables, in which a ban on what is sent on acts
	// Writes are the logs to which Asterisk writes failures; LogsListed reports
	// that the running one said so. JSON are more of them, in a format that
	// fail2ban's filters do not read. LogDir is where it keeps its logs.
	JSON       []string `json:"json_logs,omitempty"`
	Writes     []string `json:"writes,omitempty"`
	LogsListed bool     `json:"logs_listed,omitempty"`
	LogDir     string   `json:"log_dir,omitempty"`
	// NotCollected reports a bundle in which nothing says whether fail2ban runs.
	NotCollected bool `json:"not_collected,omitempty"`
}

// Must is a network that no jail may ban, and why.
type Must struct {
	Prefix netip.Prefix `json:"prefix"`
	Why    string       `json:"why"` // whyAdmin, whyFreePBX, or the profile's title
}

const (
	whyAdmin   = "admin"   // who is logged in over SSH
	whyFreePBX = "freepbx" // its firewall trusts them
)

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	ast := env.PBX().Asterisk(ctx)
	var o Observed
	if a := env.Inputs.Admin; a.IsValid() {
		o.Must = append(o.Must, Must{netip.PrefixFrom(a, a.BitLen()), whyAdmin})
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
	trusted, untold := env.PBX().Trusted(ctx)
	for _, p := range trusted {
		o.Must = append(o.Must, Must{p, whyFreePBX})
	}
	routes := env.PBX().Routes(ctx)
	options := jails.Options{SIP: pbx.SIPPorts(ast.Wanted()), Own: routes.Local}
	for _, m := range o.Must {
		options.Ignored = append(options.Ignored, m.Prefix)
	}
	o.State = jails.Read(ctx, env.System, options)
	if untold != nil {
		o.State.Notes = append(o.State.Notes, jails.Note{What: words.Because("fail2ban.note.trusted"), Why: platform.Words(untold).Reason()})
	}
	o.asterisk(ast)
	o.try(env.PBX().Filter(ctx), routes, options.SIP)
	o.NotCollected = !env.System.Live() && !slices.ContainsFunc([]string{"fail2ban-socket", "fail2ban-client"}, func(program string) bool {
		_, err := env.System.Run(ctx, program, "status")
		return !errors.Is(err, platform.ErrNotCollected)
	})
	return o, ctx.Err()
}

// asterisk takes over to which logs Asterisk writes failures.
func (o *Observed) asterisk(ast pbx.Asterisk) {
	if ast.State == nil {
		return
	}
	o.LogDir = ast.State.LogDir
	o.LogsListed = ast.State.Running && slices.ContainsFunc(ast.State.Logs, func(l asterisk.LogChannel) bool { return l.Running })
	for _, level := range []string{"notice", "security"} {
		for _, file := range ast.State.WritesTo(level) {
			i := slices.IndexFunc(ast.State.Logs, func(l asterisk.LogChannel) bool { return l.File == file })
			to := &o.Writes
			if i >= 0 && ast.State.Logs[i].Format == "json" {
				to = &o.JSON
			}
			if !slices.Contains(*to, file) {
				*to = append(*to, file)
			}
		}
	}
}

// try takes the bans of every jail through the loaded rules.
func (o *Observed) try(filter pbx.Filter, routes *pbx.Routes, ports []jails.Port) {
	if filter.Rules == nil || slices.ContainsFunc(filter.Unread, func(u packetfilter.Unread) bool { return u.Privilege }) {
		return
	}
	o.Tool, o.Chain = "nft", pbx.ForwardChain(filter.Rules)
	ofIPTables := func(t *packetfilter.Table) bool { return strings.Contains(t.Tool, "tables") }
	if len(filter.Rules.Tables) == 0 || slices.ContainsFunc(filter.Rules.Tables, ofIPTables) {
		o.Tool = "iptables"
	}
	t := &trial{filter: filter, routes: routes, state: o.State, ports: ports}
	for i := range o.State.Jails {
		if x := t.jail(&o.State.Jails[i]); x != nil {
			o.Tried = append(o.Tried, *x)
		}
	}
}
