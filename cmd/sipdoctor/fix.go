package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// fixOptions are the flags of fix.
type fixOptions struct {
	apply, undo, yes bool
	only             []string
}

func newFixCommand(s streams) *cobra.Command {
	var (
		o  fixOptions
		on remoteOptions
	)
	cmd := &cobra.Command{
		Use: "fix",
		Example: `  sipdoctor why 198.51.100.7 --format json --output report.json
  sipdoctor fix report.json
  sudo sipdoctor fix report.json --apply
  sudo sipdoctor fix report.json --apply --only 2 --yes
  sudo sipdoctor fix report.json --undo
  sipdoctor fix report.json --apply --on root@pbx.example.net`,
		Args: exactlyOne(func(n int) error { return usage("say.fix-one-report", words.Args{"n": n}) }),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), s, &on, args[0]) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.apply, "apply", false, "")
	f.BoolVar(&o.undo, "undo", false, "")
	f.BoolVarP(&o.yes, "yes", "y", false, "")
	f.StringSliceVar(&o.only, "only", nil, "")
	on.addFlags(cmd)
	return cmd
}

// cure is one fix of a report with the finding it belongs to.
type cure struct {
	number  int
	result  *checks.Result
	finding *checks.Finding
	fix     fixes.Fix
	first   bool // the best of its finding
}

// curesOf numbers all fixes of a report in the order in which they are shown.
func curesOf(r *checks.Report) (list []cure) {
	for i := range r.Results {
		for k := range r.Results[i].Findings {
			f := &r.Results[i].Findings[k]
			for n, fix := range f.Fixes {
				list = append(list, cure{len(list) + 1, &r.Results[i], f, fix, n == 0})
			}
		}
	}
	return list
}

func (o *fixOptions) run(ctx context.Context, s streams, on *remoteOptions, name string) error {
	if err := on.validate(); err != nil {
		return err
	}
	switch {
	case on.on != "" && !o.apply && !o.undo:
		return usage("say.fix-on-alone", nil)
	case on.passwordFile == "-" && (name == "-" || !o.yes):
		return usage("say.fix-stdin-twice", nil)
	case o.apply && o.undo:
		return exclusive("--apply", "--undo")
	case o.yes && !o.apply && !o.undo:
		return usage("say.fix-yes-alone", nil)
	case name == "-" && (o.apply || o.undo) && !o.yes:
		return usage("say.fix-stdin", nil)
	}
	r, err := readReport(s.In, name)
	if err != nil {
		return err
	}
	fillIn(s.lang(), r)
	all := curesOf(r)
	chosen, err := o.choose(all)
	if err != nil {
		return err
	}
	p := &printer{w: s.Out}
	if !o.apply && !o.undo {
		return s.listCures(p, chosen, r, name)
	}
	here, err := on.changed(ctx, s)
	if err != nil {
		return err
	}
	defer here.done()
	if err := refuse(ctx, here, r, name); err != nil {
		return err
	}
	unlock, err := platform.Lock(here.dir, "fix.lock")
	if err != nil {
		if errors.Is(err, platform.ErrLocked) {
			err = failure("say.fix-locked", nil)
		}
		return err
	}
	defer unlock()
	a := &applier{
		streams: s, printer: p, report: r, name: name, yes: o.yes, named: len(o.only) > 0,
		look: func(ctx context.Context, r *checks.Report, of []cure) (*checks.Report, error) {
			return s.lookAgain(ctx, here.sys, r, of)
		},
		shell: here.shell, done: openJournal(here.dir), on: on.machine(),
	}
	a.done.on = a.on
	if o.undo {
		return a.undoAll(ctx, chosen)
	}
	return a.applyAll(ctx, chosen)
}

// refuse says why this report cannot be applied here.
func refuse(ctx context.Context, m *machine, r *checks.Report, name string) error {
	here, err := platform.Hostname(ctx, m.sys)
	switch name = render.Quote(name); {
	case r.Redacted:
		return usage("say.fix-redacted", words.Args{"report": name})
	case r.Inputs.Root != "":
		return usage("say.fix-bundle", words.Args{"report": name, "bundle": r.Inputs.Root})
	case liveRouter(r):
		return usage("say.fix-live-router", words.Args{"report": name, "command": routerLine(r.Inputs.On, "--apply")})
	case r.Inputs.On != "" && m.on == "":
		return usage("say.fix-on", words.Args{"report": name, "machine": r.Inputs.On})
	case r.Host == nil || r.Host.Hostname == "":
		return usage("say.fix-no-host", words.Args{"report": name})
	case err != nil:
		return failure("say.fix-hostname", words.Args{"why": cause(err)})
	case r.Host.Hostname != here:
		return usage("say.fix-other-host", words.Args{"report": name, "host": r.Host.Hostname, "here": here})
	case !m.sys.Root() && m.on != "":
		return failure("say.fix-root-there", words.Args{"machine": m.on})
	case !m.sys.Root():
		return failure("say.fix-root", words.Args{"report": name})
	}
	return nil
}

// machine is what fixes are run on.
type machine struct {
	sys   platform.System
	shell func(ctx context.Context, line string) ([]byte, error)
	on    string // the login, of one elsewhere
	dir   string // where the journal is
	done  func()
}

// changed is the machine that fixes are run on: this one, or one elsewhere. What was begun
// there is run to its end even if nobody waits for it.
func (o *remoteOptions) changed(ctx context.Context, s streams) (*machine, error) {
	if o.on == "" {
		return &machine{sys: platform.ThisSystem(), shell: platform.RunShell, dir: platform.StateDir(), done: func() {}}, nil
	}
	dir := platform.ServiceStateDir()
	if dir == "" {
		return nil, failure("say.router-no-home", nil)
	}
	open, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, hangUp) // while there is nothing to be lost
	sys, done, err := o.dial(open, s)
	stop()
	if err != nil {
		hangUp()
		return nil, err
	}
	remote := sys.(*platform.Remote)
	return &machine{sys: remote, shell: remote.Shell, on: o.machine(), dir: dir, done: func() { done(); hangUp() }}, nil
}

// choose picks the cures that --only names; all without it.
func (o *fixOptions) choose(list []cure) ([]cure, error) {
	if len(o.only) == 0 {
		return list, nil
	}
	var out []cure
	for _, want := range o.only {
		n := len(out)
		for _, c := range list {
			if strconv.Itoa(c.number) == want || c.fix.ID == want {
				out = append(out, c)
			}
		}
		if len(out) == n {
			return nil, usage("say.fix-only", words.Args{"only": want, "known": namesOf(list, func(c cure) string { return fmt.Sprintf("%d (%s)", c.number, c.fix.ID) })})
		}
	}
	slices.SortFunc(out, func(a, b cure) int { return a.number - b.number })
	return slices.CompactFunc(out, func(a, b cure) bool { return a.number == b.number }), nil
}

// listCures shows what there is to do, and what --apply would do of it.
func (s streams) listCures(p *printer, list []cure, r *checks.Report, name string) error {
	if len(list) == 0 {
		p.prose("", s.say("say.fix-no-cure", words.Args{"headline": r.Headline}))
		return p.err
	}
	p.prose("", r.Headline)
	here := 0
	for _, c := range list {
		why, ok := c.runnable(r)
		if ok && c.first {
			here++
		}
		p.prose(fmt.Sprintf("\n%d. ", c.number), c.fix.Title)
		p.prose(s.label("against"), c.finding.Title+" ("+c.finding.ID+")")
		p.prose(s.label("where"), s.fill(c.place(r, why, ok)))
		p.steps(s.label("run"), c.fix.Form, c.fix.Commands)
		p.steps(s.label("undo"), c.fix.Form, c.fix.Undo)
		if c.fix.Note != "" {
			p.prose(s.label("note"), c.fix.Note)
		}
	}
	if here > 0 && !r.Redacted && r.Inputs.Root == "" && !liveRouter(r) {
		p.whole("\n", s.say("say.fix-to-run", words.Args{"command": fixLine(name, "--apply", r.Inputs.On)}))
	}
	return p.err
}

// place says where a cure is for, and what --apply does with it; why is that of
// runnable.
func (c cure) place(r *checks.Report, why words.Text, ok bool) words.Text {
	switch {
	case ok && liveRouter(r):
		return words.Say("say.fix-on-router", words.Args{"command": routerLine(r.Inputs.On, "--apply --only "+strconv.Itoa(c.number))})
	case !ok:
		return words.Say("say.fix-elsewhere", words.Args{"where": c.fix.Where, "why": why})
	case !c.first:
		return words.Say("say.fix-here-second", words.Args{"n": c.number})
	case c.fix.Choice:
		return words.Say("say.fix-here-choice", words.Args{"n": c.number})
	}
	return words.Say("say.fix-here", nil)
}

// label is the word in front of a line about a cure, padded.
func (s streams) label(name string) string {
	word := func(l string) string { return s.say("say.fix-label", words.Args{"label": l}) }
	width := 10
	for _, l := range []string{"against", "where", "run", "undo", "note"} {
		width = max(width, utf8.RuneCountInString(word(l))+2)
	}
	return fmt.Sprintf("   %-*s", width, word(name))
}

// fixLine is the command that works on a report, for a person to paste; on is the login
// of a machine elsewhere.
func fixLine(name, flag, on string) string {
	line := "sudo sipdoctor fix"
	if on != "" {
		if _, err := platform.ParseLogin(on); err != nil { // whoever wrote the report chose it
			on = "USER@HOST"
		}
		line, flag = "sipdoctor fix", strings.TrimSpace(flag+" --on "+command.Quote(on))
	}
	if strings.HasPrefix(name, "-") && name != "-" {
		name = "./" + name
	}
	if quoted := command.Quote(name); name != "-" && render.Quote(quoted) == quoted {
		line += " " + quoted
	} else {
		line += " REPORT"
	}
	return strings.TrimSpace(line + " " + flag)
}

// placeholder is what a reader must replace in a command: <address>.
var placeholder = regexp.MustCompile(`<[a-z][A-Za-z -]*>`)

// runnable reports whether a program may run this cure on the machine that the
// report is about, or why not.
func (c cure) runnable(r *checks.Report) (why words.Text, ok bool) {
	here := c.fix.Where == "this-host" || c.fix.Where == "pbx" && (r.Command == "pbx" || r.Command == "why") || c.fix.Where == "router" && r.Command == "router" && r.Inputs.On != ""
	form := fixes.FormShell
	if liveRouter(r) {
		here, form = c.fix.Where == "router" && c.fix.Platform == "mikrotik", fixes.FormConsole
	}
	switch {
	case !here:
		return words.Say("say.fix-not-here", nil), false
	case c.fix.Form != form || len(c.fix.Commands) == 0:
		return words.Say("say.fix-by-hand", nil), false
	case c.fix.Unverified || len(c.fix.UnverifiedLines) > 0:
		return words.Say("say.fix-unverified", nil), false
	}
	for _, line := range slices.Concat(c.fix.Commands, c.fix.Undo) {
		if placeholder.MatchString(line) {
			return words.Say("say.fix-needs-value", nil), false
		}
	}
	return words.Text{}, true
}
