// Package blocked is the check behind "why": what this machine does with the
// packets of an address, which rule or ban decides, since when, because of
// what, and how to free it everywhere.
package blocked

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/bans"
	"github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/netinfo/secrets"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID: "blocked", Words: ownWords, Group: "pbx",
		Timeout: 30 * time.Second, // a listing of 100,000 nftables rules takes some seconds on a small machine
	}, observe, judge)
}

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	machine := env.PBX()
	o := Observed{Root: env.System.Root(), When: env.System.Now().UTC()}
	o.Machine = Machine{Admin: env.Inputs.Admin, Bundle: env.Inputs.Root}
	// The filter takes the longest to list; Asterisk's answers come meanwhile.
	filtered := make(chan pbx.Filter, 1)
	go func() { filtered <- machine.Filter(ctx) }()
	ast := machine.Asterisk(ctx)
	r := Read{Bound: ast.Bound(), Routes: machine.Routes(ctx)}
	o.Notes = append(o.Notes, ast.Notes...)
	if r.Routes.Err != nil {
		o.Notes = append(o.Notes, platform.Words(r.Routes.Err).Reason())
	}
	if ast.State != nil {
		o.Machine.FreePBX = ast.State.FreePBX
	}
	var err error
	if r.Ports, err = wanted(env.Inputs, ast); err != nil {
		return o, err
	}
	for _, a := range env.Inputs.Addresses {
		r.Asked = append(r.Asked, Asked{Address: a.Masked()})
	}
	if len(env.Inputs.Addresses) == 0 {
		g := thoseThatMatter(ctx, env, ast, r.Routes)
		r.Asked, o.Notes = g.list, append(o.Notes, g.notes...)
	}
	if len(r.Asked) == 0 {
		<-filtered
		return o, ctx.Err()
	}
	o.readJails(ctx, env.System, &r)
	filter := <-filtered
	o.filterNotes(filter)
	r.Missing4, r.Missing6 = packetfilter.FirstUnread(filter.Unread, false), packetfilter.FirstUnread(filter.Unread, true)
	o.readBans(ctx, env.System, &r, ast)
	r.readFlows(ctx, env.System, filter.Rules)
	o.keep(ctx, env.System, r, filter.Rules)
	return o, ctx.Err()
}

// keep packs what was read for the judge. Rules whose listings are too long for
// that, or hold what looks like a password, are evaluated here: a listing without
// it would make commands that name no rule.
func (o *Observed) keep(ctx context.Context, sys platform.System, r Read, rules *packetfilter.Ruleset) {
	wording, kept := packetfilter.NewWording(ctx, sys), keptLong
	switch {
	case rules.TooLong:
	case slices.ContainsFunc(rules.Listings, holdsSecret):
		kept = keptSecret
	default:
		r.Texts, r.Listings = wording.Texts(rules), rules.Listings
		var ok bool
		if o.Read, ok = checks.Pack(r, maxRead); ok {
			o.Kept = keptRead
			return
		}
	}
	*o = o.evaluated(r, rules, wording, steps(), func() bool { return ctx.Err() != nil })
	o.Kept = kept
}

func holdsSecret(l packetfilter.Listing) bool {
	return !bytes.Equal(secrets.Text([]byte(l.Text)), []byte(l.Text))
}

// readJails asks fail2ban about every address. Of its jails only what the steps
// ask is kept.
func (o *Observed) readJails(ctx context.Context, sys platform.System, r *Read) {
	options := fail2ban.Options{SIP: pbx.SIPPorts(r.Ports)}
	for _, a := range r.Asked {
		options.Addresses = append(options.Addresses, a.Address)
	}
	st := fail2ban.Read(ctx, sys, options)
	o.Machine.Fail2ban = st.Installed
	for _, n := range st.Notes {
		o.Notes = append(o.Notes, n.Reason())
	}
	if st.Hung {
		o.Unread = append(o.Unread, "fail2ban")
	}
	r.Jails = &fail2ban.State{Running: st.Running, Dead: st.Dead, Addresses: st.Addresses}
	for _, j := range st.Jails {
		r.Jails.Jails = append(r.Jails.Jails, fail2ban.Jail{Name: j.Name, Actions: j.Actions})
	}
}

func (o *Observed) readBans(ctx context.Context, sys platform.System, r *Read, ast pbx.Asterisk) {
	for i := range r.Asked {
		a := &r.Asked[i]
		answer := bans.Find(ctx, sys, a.Address)
		a.Bans = answer.Bans
		o.Notes, o.Unread = addOnce(o.Notes, answer.Notes...), addOnce(o.Unread, answer.Silent...)
		for layer, there := range map[string]*bool{
			bans.LayerFirewalld: &o.Machine.FirewallD, bans.LayerUFW: &o.Machine.UFW, bans.LayerCSF: &o.Machine.CSF, bans.LayerCrowdSec: &o.Machine.CrowdSec,
		} {
			*there = *there || slices.Contains(answer.Layers, layer)
		}
		if ast.State != nil {
			a.Refused = ast.State.Refuses(a.Address)
			for _, c := range ast.State.Sharing(a.Address) {
				if !c.Static {
					a.Phones = append(a.Phones, c.AOR)
				}
			}
		}
		if ctx.Err() != nil {
			r.Asked = r.Asked[:i+1]
			return
		}
	}
}

// wanted are the ports to ask about: those the user named, or what phones use.
func wanted(in checks.Inputs, ast pbx.Asterisk) ([]pbx.Ports, error) {
	if in.UDPPorts == "" && in.TCPPorts == "" {
		return ast.Wanted(), nil
	}
	var list []pbx.Ports
	for _, x := range []struct{ protocol, ports string }{{"udp", in.UDPPorts}, {"tcp", in.TCPPorts}} {
		if x.ports == "" {
			continue
		}
		set, err := pbx.ParsePorts(x.ports)
		if err != nil {
			return nil, err
		}
		list = append(list, pbx.Ports{Protocol: x.protocol, Set: set})
	}
	return list, nil
}

// filterNotes says what of the packet filter is missing. Without the right to
// read it nothing can be said about packets at all; a single line that was not
// understood leaves the rest standing.
func (o *Observed) filterNotes(f pbx.Filter) {
	denied := false
	var partial, notes []words.Reason
	for _, u := range f.Unread {
		if u.Aside {
			o.Partial = o.Partial || errors.Is(u.Err, packetfilter.ErrNotInBundle)
			partial = append(partial, u.Reason())
			continue
		}
		notes = append(notes, u.Reason())
		o.FilterNote = cmp.Or(o.FilterNote, u.Reason())
		denied = denied || u.Privilege || errors.Is(u.Err, platform.ErrNoAnswer)
	}
	if denied || len(notes) > 0 && len(f.Rules.Tables) == 0 {
		o.Unread = append(o.Unread, layerFilter)
	}
	o.Notes = slices.Concat(words.Quotes(f.Notes), partial, notes, o.Notes) // of many, the first are shown
	for _, x := range f.Rules.Faults {
		o.Notes = append(o.Notes, x.Reason())
	}
}
