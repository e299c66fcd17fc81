package blocked

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/bans"
	"github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	machine := env.PBX()
	o := Observed{Root: env.System.Root(), When: env.System.Now().UTC()}
	o.Machine = Machine{Admin: env.Inputs.Admin, Bundle: env.Inputs.Root}
	// The filter takes the longest to list; Asterisk's answers come meanwhile.
	filtered := make(chan pbx.Filter, 1)
	go func() { filtered <- machine.Filter(ctx) }()
	ast, routes := machine.Asterisk(ctx), machine.Routes(ctx)
	o.Notes = append(o.Notes, ast.Notes...)
	if routes.Err != nil {
		o.Notes = append(o.Notes, platform.Words(routes.Err))
	}
	if ast.State != nil {
		o.Machine.FreePBX = ast.State.FreePBX
	}
	ports, err := wanted(env.Inputs, ast)
	if err != nil {
		return o, err
	}
	for _, a := range env.Inputs.Addresses {
		o.Subjects = append(o.Subjects, Subject{Address: a.Masked()})
	}
	if len(env.Inputs.Addresses) == 0 {
		g := thoseThatMatter(ctx, env, ast, routes)
		o.Subjects, o.Notes = g.list, append(o.Notes, g.notes...)
	}
	if len(o.Subjects) == 0 {
		<-filtered
		return o, ctx.Err()
	}
	jails := fail2ban.Read(ctx, env.System, o.jailOptions(ports))
	o.Machine.Fail2ban = jails.Installed
	for _, n := range jails.Notes {
		o.Notes = append(o.Notes, n.What+": "+n.Why)
	}
	if jails.Hung {
		o.Unread = append(o.Unread, "fail2ban")
	}
	filter := <-filtered
	o.filterNotes(filter)
	o.fill(ctx, env, filter, &evaluator{
		rules: filter.Rules, wording: packetfilter.NewWording(ctx, env.System), routes: routes, all: ports, bound: ast.Bound(), strangers: map[string]bool{},
	}, ast, jails)
	return o, ctx.Err()
}

func (o *Observed) jailOptions(ports []pbx.Ports) fail2ban.Options {
	options := fail2ban.Options{SIP: sipPorts(ports)}
	for _, s := range o.Subjects {
		options.Addresses = append(options.Addresses, s.Address)
	}
	return options
}

// fill asks every layer about every subject.
func (o *Observed) fill(ctx context.Context, env *checks.Env, filter pbx.Filter, e *evaluator, ast pbx.Asterisk, jails *fail2ban.State) {
	o.Machine.Docker = hasChain(filter.Rules, dockerUser)
	for i := range o.Subjects {
		s := &o.Subjects[i]
		s.Phones = phonesAt(ast, s.Address)
		e.ports = portsFor(s.Use, e.all)
		s.Unread = packetfilter.FirstUnread(filter.Unread, s.Address.Addr().Is6())
		if !o.unread(layerFilter) {
			e.paths(s)
			s.Blocks = e.filterBlocks(*s, o.When)
			s.Near = e.recentNear(*s)
			e.everyRole(s, o.When)
		}
		o.layers(ctx, env.System, s, jails)
		e.ranges(s)
		e.unasked(s)
		o.acl(ast, s)
		o.flows(ctx, env.System, s, e.all)
		if ctx.Err() != nil {
			o.Subjects = o.Subjects[:i+1]
			return
		}
	}
}

// layers adds what fail2ban and the other layers hold of the subject.
func (o *Observed) layers(ctx context.Context, sys platform.System, s *Subject, jails *fail2ban.State) {
	filter := s.Blocks
	answer := bans.Find(ctx, sys, s.Address)
	for _, n := range answer.Notes {
		if !slices.Contains(o.Notes, n) {
			o.Notes = append(o.Notes, n)
		}
	}
	for _, l := range answer.Silent {
		if !o.unread(l) {
			o.Unread = append(o.Unread, l)
		}
	}
	o.Machine.FirewallD = o.Machine.FirewallD || slices.Contains(answer.Layers, bans.LayerFirewalld)
	o.Machine.UFW = o.Machine.UFW || slices.Contains(answer.Layers, bans.LayerUFW)
	o.Machine.CSF = o.Machine.CSF || slices.Contains(answer.Layers, bans.LayerCSF)
	o.Machine.CrowdSec = o.Machine.CrowdSec || slices.Contains(answer.Layers, bans.LayerCrowdSec)
	list, others := fail2banBlocks(jails, s.Address), otherBlocks(answer, filter)
	attribute(jails, list, others, filter)
	s.Blocks = slices.Concat(list, others, filter)
	for _, a := range jails.Addresses {
		if a.Asked != bans.Normal(s.Address) {
			continue
		}
		s.Ignored = a.IgnoredBy
		s.logs(a.Failures, jails.Running)
	}
}

// logs takes over what the logs show of the subject's failures. They lead to a
// ban while fail2ban counts them, and only who knows its bans can tell that
// they have not led to one.
func (s *Subject) logs(list []fail2ban.Failures, counting bool) {
	for _, f := range list {
		held := slices.ContainsFunc(s.Blocks, func(b Block) bool { return b.Layer == "fail2ban" && b.Jail == f.Jail })
		if f.InWindow > 0 && !held && counting && !slices.Contains(s.Ignored, f.Jail) {
			s.Near = append(s.Near, Near{Layer: "fail2ban", Name: f.Jail, Count: f.InWindow, Limit: f.MaxRetry, SpanS: f.FindTime})
		}
		bans := len(f.Accounts) > 0 && f.Accounts[0].Reason == fail2ban.Banned // what recidive counts; the phone did not fail there
		if bans || f.Total == 0 || f.Last == nil || s.Failing != nil && s.Failing.Count >= f.Total {
			continue
		}
		x := &Failing{Count: f.Total, SpanS: int64(f.Last.Sub(*f.First).Seconds()), Last: f.Last.UTC(), Lines: f.Lines, SinceBan: f.SinceBan, Rearms: f.Rearms}
		if len(f.Accounts) > 0 {
			x.Account, x.Reason = f.Accounts[0].Account, f.Accounts[0].Reason
		}
		s.Failing = x
	}
}

// acl asks Asterisk's own access lists: a packet that the filter lets in may
// still be refused there.
func (o *Observed) acl(ast pbx.Asterisk, s *Subject) {
	if ast.State == nil {
		return
	}
	for _, r := range ast.State.Refuses(s.Address) {
		b := Block{
			Layer: "asterisk-acl", Where: r.At, Object: r.Rule, Jail: r.List, Prefix: s.Address,
			Effective: r.Scope == "pjsip" || r.Scope == "chan_sip", Lift: packetfilter.Change{Step: command.Step{Do: r.Free, Undo: r.Undo}},
		}
		if !b.Effective {
			b.Why = whyNot(whyACL, strings.Join(r.Names, ", "))
		}
		if r.Note != "" {
			b.Reasons = []string{r.Note}
		}
		s.Blocks = append(s.Blocks, b)
	}
}

func sipPorts(list []pbx.Ports) (ports []fail2ban.Port) {
	for _, p := range list {
		if p.Purpose == purposeRTP {
			continue
		}
		for _, x := range p.Set {
			if x.Hi-x.Lo < 10 { // single ports; a range is media
				for n := x.Lo; n <= x.Hi; n++ {
					ports = append(ports, fail2ban.Port{Protocol: p.Protocol, Port: uint16(n)})
				}
			}
		}
	}
	return ports
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
	denied, missing := 0, 0
	var partial, notes []string
	for _, u := range f.Unread {
		if u.Aside {
			o.Partial = o.Partial || errors.Is(u.Err, packetfilter.ErrNotInBundle)
			partial = append(partial, u.Text())
			continue
		}
		notes = append(notes, u.Text())
		o.FilterNote = cmp.Or(o.FilterNote, u.Text())
		missing++
		if u.Privilege || errors.Is(u.Err, platform.ErrNoAnswer) {
			denied++
		}
	}
	if denied > 0 || missing > 0 && len(f.Rules.Tables) == 0 {
		o.Unread = append(o.Unread, layerFilter)
	}
	o.Notes = slices.Concat(f.Notes, partial, notes, o.Notes) // of many, the first are shown
	for _, x := range f.Rules.Faults {
		o.Notes = append(o.Notes, fmt.Sprintf("%s:%d: %s", x.Tool, x.Line, x.What))
	}
}

func (o *Observed) unread(layer string) bool {
	for _, u := range o.Unread {
		if u == layer {
			return true
		}
	}
	return false
}

// phonesAt are the extensions registered from an address.
func phonesAt(ast pbx.Asterisk, p netip.Prefix) (names []string) {
	if ast.State == nil {
		return nil
	}
	for _, c := range ast.State.Sharing(p) {
		if !c.Static {
			names = append(names, c.AOR)
		}
	}
	return names
}
