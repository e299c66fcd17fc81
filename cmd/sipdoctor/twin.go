package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/checks/routeros"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/netinfo/twin"
	"github.com/sipdoctor/sipdoctor/platform/lab"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// twinOptions are the flags of router about the office that is rebuilt from an export.
type twinOptions struct {
	twin, try bool
	pbx       string     // as typed
	at        netip.Addr // the same
}

func (t *twinOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&t.twin, "twin", false, "")
	cmd.Flags().BoolVar(&t.try, "try", false, "")
	cmd.Flags().StringVar(&t.pbx, "pbx", "", "")
}

func (t *twinOptions) validate() error {
	if t.try && !t.twin {
		return usage("say.try-without-twin", nil)
	}
	if t.pbx != "" {
		var err error
		if t.at, err = netip.ParseAddr(t.pbx); err != nil || !t.at.Is4() {
			return usage("say.pbx-address", words.Args{"pbx": words.Raw(t.pbx)})
		}
	}
	return nil
}

// run rebuilds the office of the export that env holds and runs the checks in it; with
// --try, once more after the fixes were typed into the router. It runs in the lab.
func (t *twinOptions) run(ctx context.Context, s streams, o *reporting, env *checks.Env) error {
	data, err := routeros.Load(env.Files[0])
	if err != nil {
		return err
	}
	before, err := t.once(ctx, s, o, env, data)
	if err != nil {
		return err
	}
	if !t.try || before.Interrupted {
		return o.finish(ctx, s, before)
	}
	cfg, err := ros.Read(data)
	if err != nil {
		return err
	}
	typed, refused := typeFixes(cfg, before)
	text := o.format == "text" && o.output == ""
	if text {
		if err := o.show(ctx, s, before); err != nil {
			return err
		}
	}
	after := *before
	if len(typed) > 0 {
		again, err := t.once(ctx, s, o, env, []byte(cfg.Export()))
		if err != nil {
			return err
		}
		after = *again
	}
	if after.Interrupted { // of the router with the fixes too little is known
		before.Interrupted = true
		if text {
			return exitWith(o.status(before))
		}
		return o.finish(ctx, s, before)
	}
	office := *after.Twin
	office.Typed, office.Refused, office.Before = typed, refused, outcomes(before)
	if after.Twin = &office; !text {
		return o.finish(ctx, s, &after)
	}
	return o.showTried(s, before, &after)
}

// firstOf is the first error that is one.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// once audits a configuration, builds its office and runs the checks in it: one report. One
// that was interrupted says what was learnt until then.
func (t *twinOptions) once(ctx context.Context, s streams, o *reporting, env *checks.Env, data []byte) (*checks.Report, error) {
	file := env.Files[0]
	file.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	again := &checks.Env{Files: []checks.File{file}, Inputs: env.Inputs}
	if again.Inputs.On == "" {
		again.Inputs.Files = []string{file.Name}
	}
	audit := checks.Run(ctx, []*checks.Check{routeros.Check()}, again, checks.Meta{Tool: thisTool(), Command: "router"})
	cfg, err := ros.Read(data)
	if err != nil {
		return nil, err
	}
	office, err := t.officeOf(cfg, audit)
	if err != nil {
		return nil, err
	}
	inside, err := t.checksIn(ctx, s, o, office, env.Inputs.Profile)
	switch {
	case err != nil && !interrupted(ctx):
		return nil, err
	case err != nil:
		only := *audit
		inside, only.Results, only.Interrupted = &only, nil, true
	}
	inside.Twin = builtOf(office)
	inside.Twin.PBX = t.at.IsValid()
	return joined(audit, inside)
}

func interrupted(ctx context.Context) bool { return errors.Is(context.Cause(ctx), context.Canceled) }

// builtOf is what a report says of an office.
func builtOf(t *twin.Twin) *checks.Twin {
	built := &checks.Twin{Phone: t.Site.Phone, LAN: t.Phone, Assumed: t.Assumed}
	list := t.Left
	if !lab.Shapes() {
		list = slices.Concat(list, t.Queues)
	}
	for _, l := range list {
		built.LeftOut = append(built.LeftOut, checks.LeftOut{Menu: l.Menu, Line: l.Line, What: l.What, Rows: l.Rows})
	}
	return built
}

// officeOf is the twin of a configuration, with the phone in a network from which it may
// call at all.
func (t *twinOptions) officeOf(cfg *ros.Config, audit *checks.Report) (*twin.Twin, error) {
	var seen routeros.Observed
	if err := json.Unmarshal(audit.Results[0].Observed, &seen); err != nil {
		return nil, err
	}
	opt := twin.Options{Phone: t.at}
	if i := slices.IndexFunc(seen.LANs, func(l routeros.LAN) bool { return !l.Closed }); i >= 0 {
		opt.LAN = seen.LANs[i].Interface
	}
	office, err := twin.Of(cfg, opt)
	if errors.Is(err, twin.ErrNoPhone) {
		return nil, usage("say.pbx-nowhere", words.Args{"pbx": t.pbx})
	}
	return fitting(office, err)
}

// fitting refuses an office in which nobody can call.
func fitting(t *twin.Twin, err error) (*twin.Twin, error) {
	switch {
	case err != nil:
		return nil, err
	case t.Phone == "":
		return nil, usage("say.twin-no-lan", nil)
	case !t.Uplink:
		return nil, usage("say.twin-no-uplink", nil)
	}
	return t, nil
}

// networksOf are the networks that a provider names for a use.
func networksOf(p *netinfo.Profile, use string) (list []netip.Prefix) {
	for _, n := range p.Subnets {
		if prefix := n.Prefix(); n.Use == use || n.Use == netinfo.UseAny {
			list = append(list, prefix)
		}
	}
	return list
}

// twinChecks are those whose answer depends on the router alone, by what they send: a
// provider may take SIP in one network and media in another.
func twinChecks() map[string][]string {
	return map[string][]string{netinfo.UseSignalling: {"uplink", "nat", "sip-alg", "fragments"}, netinfo.UseMedia: {"rtp-ports", "media"}}
}

// checksIn runs the checks on the phone of an office, with a responder where the provider
// is: in two offices where it takes SIP and media in different networks.
func (t *twinOptions) checksIn(ctx context.Context, s streams, o *reporting, of *twin.Twin, profile string) (*checks.Report, error) {
	sip, rtp := of.Site.Servers, of.Site.Servers
	if p, err := loadProfile(profile); profile != "" && err == nil {
		sip, rtp = of.Servers(networksOf(p, netinfo.UseSignalling)), of.Servers(networksOf(p, netinfo.UseMedia))
	}
	list, media := twinChecks()[netinfo.UseSignalling], twinChecks()[netinfo.UseMedia]
	if rtp == sip || rtp == of.Site.Servers { // or nobody says where media goes
		return t.checkIn(ctx, s, o, of, sip, profile, append(list, media...))
	}
	r, err := t.checkIn(ctx, s, o, of, sip, profile, list)
	if err != nil {
		return nil, err
	}
	other, err := t.checkIn(ctx, s, o, of, rtp, profile, media)
	switch {
	case err != nil && interrupted(ctx):
		r.Interrupted = true
		return r, nil
	case err != nil:
		return nil, err
	}
	r.Results, r.DurationMS, r.Interrupted = append(r.Results, other.Results...), r.DurationMS+other.DurationMS, r.Interrupted || other.Interrupted
	return r, nil
}

// checkIn builds an office and runs checks on the phone.
func (t *twinOptions) checkIn(ctx context.Context, s streams, o *reporting, of *twin.Twin, servers lab.Servers, profile string, list []string) (*checks.Report, error) {
	p := newProgress(s, o.quiet, "say.progress-twin")
	site := of.Site
	site.Servers = servers
	office, err := lab.BuildSite(ctx, site)
	p.end()
	if err != nil {
		return nil, err
	}
	defer office.Close()
	args := append(slices.Clone(list), "--format", "json")
	if o.quiet {
		args = append(args, "--quiet")
	}
	media := mediaOf(profile)
	if t.at.IsValid() {
		args, media = append(args, "--inbound"), cmp.Or(media, usualMedia)
	}
	if media != "" {
		args = append(args, "--rtp-range", media)
	}
	var out bytes.Buffer
	exit, err := office.Run(ctx, lab.RunOptions{Check: args, OnlyResponder: true, Stdout: &out, Stderr: s.Err})
	if err != nil {
		return nil, err
	}
	r, err := checks.ReadReport(&out)
	if err != nil {
		return nil, errors.Join(exitWith(exit), err)
	}
	return r, nil
}

// usualMedia are the RTP ports of an Asterisk as its packages configure it (rtp.conf).
const usualMedia = "10000-20000"

// mediaOf is the widest range of ports of a profile's media; empty: it names none.
func mediaOf(profile string) string {
	p, err := loadProfile(profile)
	if profile == "" || err != nil || len(p.RTP) == 0 {
		return ""
	}
	widest := slices.MaxFunc(p.RTP, func(a, b netinfo.MediaRule) int {
		return (a.Range.Last - a.Range.First) - (b.Range.Last - b.Range.First)
	})
	return widest.Range.String()
}

// joined is the report of an audit with those of the checks in the office. The servers
// there exist nowhere else, so that no command names them.
func joined(audit, inside *checks.Report) (*checks.Report, error) {
	r := *inside
	r.Command, r.Started = audit.Command, audit.Started
	r.Inputs = audit.Inputs
	r.Results = append(slices.Clone(audit.Results), inside.Results...)
	r.DurationMS += audit.DurationMS
	again, err := checks.Rejudge(&r, all.Checks())
	if err != nil {
		return nil, err
	}
	for _, f := range again.Results[0].Findings {
		if len(f.Fixes) > 0 {
			leaveToAudit(again, routeros.Effects(f.ID))
		}
	}
	return again, nil
}

// leaveToAudit takes back what checks propose for the router: the audit knows its rules
// and the cause, they see its effects.
func leaveToAudit(r *checks.Report, list []string) {
	for _, check := range list {
		if res := r.Result(check); res != nil {
			for k := range res.Findings {
				f := &res.Findings[k]
				f.Fixes = slices.DeleteFunc(f.Fixes, func(x fixes.Fix) bool { return x.Where == "router" })
			}
		}
	}
}

// typeFixes types the first fix of each finding into the router, until it refuses one.
func typeFixes(cfg *ros.Config, r *checks.Report) (typed []string, refused string) {
	console := cfg.Console()
	for _, res := range r.Results {
		for _, f := range res.Findings {
			for _, line := range proposed(f) {
				if slices.Contains(typed, line) {
					continue
				}
				if _, err := console.Type(line); err != nil {
					return typed, line + ": " + err.Error()
				}
				typed = append(typed, line)
			}
		}
	}
	return typed, ""
}

// proposed are the commands of a finding's first fix for the router, if nothing is left to
// fill in.
func proposed(f checks.Finding) []string {
	i := slices.IndexFunc(f.Fixes, func(x fixes.Fix) bool { return x.Platform == "mikrotik" && x.Where == "router" })
	if i < 0 || f.Fixes[i].Form != fixes.FormConsole || slices.ContainsFunc(f.Fixes[i].Commands, func(c string) bool { return strings.Contains(c, "<") }) {
		return nil
	}
	return f.Fixes[i].Commands
}

// outcomes are what the checks of a report came to.
func outcomes(r *checks.Report) (list []checks.Outcome) {
	for _, res := range r.Results {
		out := checks.Outcome{Check: res.Check, Status: res.Status}
		for _, f := range res.Findings {
			out.Findings = append(out.Findings, f.ID)
		}
		list = append(list, out)
	}
	return list
}

// showTried shows, below the report before, what was typed and what it changed.
func (o *reporting) showTried(s streams, before, after *checks.Report) error {
	fillIn(s.lang(), after)
	list := [2]*checks.Report{before, after}
	for i := range list {
		var err error
		if list[i], err = o.redacted(list[i]); err != nil {
			return err
		}
	}
	var lines []words.Text
	lines = append(lines, words.Say("say.twin-typed", words.Args{"n": len(after.Twin.Typed)}))
	text := "\n" + s.fill(lines[0]) + "\n"
	for _, c := range list[1].Twin.Typed {
		text += "  " + render.Quote(c) + "\n"
	}
	if after.Twin.Refused != "" {
		text += s.say("say.twin-refused", words.Args{"command": words.Raw(after.Twin.Refused)}) + "\n"
	}
	if err := writeProse(s.Out, text+"\n"); err != nil {
		return err
	}
	for i := range list[1].Results { // what is as it was is no news
		if res, old := &list[1].Results[i], list[0].Result(list[1].Results[i].Check); old != nil && old.Status == res.Status {
			res.Summary = old.Summary
		}
	}
	if err := render.Changes(s.Out, list[0], list[1], o.text(s.lang(), s.Out)); err != nil {
		return err
	}
	return exitWith(o.status(after))
}
