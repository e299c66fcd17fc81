package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo/routeros/live"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/mikrotik"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// fakePBX is a machine on which two addresses are banned. Its shell knows
// "free ADDRESS" and "ban ADDRESS"; all else does nothing.
type fakePBX struct {
	lang   words.Lang // of whoever types
	banned []string
	ran    []string
	noRoot bool
	rules  bool // commands name places, which move when a rule goes
	choice bool // to free somebody is a person's decision
	onRun  func(line string)
}

func freshPBX() *fakePBX { return &fakePBX{banned: []string{"192.0.2.7", "192.0.2.8"}} }

func (m *fakePBX) shell(_ context.Context, line string) ([]byte, error) {
	m.ran = append(m.ran, line)
	if m.onRun != nil {
		m.onRun(line)
	}
	verb, rest, _ := strings.Cut(line, " ")
	address, _, _ := strings.Cut(rest, " ")
	switch verb {
	case "free":
		m.banned = slices.DeleteFunc(m.banned, func(a string) bool { return a == address })
	case "ban":
		m.banned = append(m.banned, address)
	}
	return []byte("done\n"), nil
}

// report is what the check of bans says about the machine now.
func (m *fakePBX) report() *checks.Report {
	res := checks.Result{Check: "blocked", Group: "pbx", Status: checks.Pass, Summary: "nobody is blocked"}
	r := &checks.Report{Command: "pbx", Headline: "Nobody is blocked.", Verdict: checks.Pass}
	switch {
	case m.noRoot:
		res.Status, res.Reason = checks.Inconclusive, "the packet filter can be read by root only"
	default:
		for i, a := range m.banned {
			place := ""
			if m.rules {
				place = fmt.Sprintf(" rule %d", i+1)
			}
			res.Status, r.Verdict, r.Headline = checks.Fail, checks.Fail, a+" is blocked."
			res.Findings = append(res.Findings, checks.Finding{
				ID: "blocked.banned", Subject: a, Severity: checks.Critical, Title: a + " is blocked by jail " + m.banned[0],
				Fixes: []fixes.Fix{
					{ID: "free-everywhere", Title: "Free " + a, Where: "pbx", Form: fixes.FormShell, Commands: []string{"free " + a + place, "note " + a}, Undo: []string{"ban " + a + place}, Choice: m.choice},
					{ID: "ask", Title: "Ask the provider", Where: "provider", Form: fixes.FormAdvice, Commands: []string{"ask"}},
				},
			})
		}
	}
	r.Results = []checks.Result{res}
	return r
}

// apply runs fix --apply, or --undo, with what the user types.
func (m *fakePBX) apply(t *testing.T, ctx context.Context, r *checks.Report, dir string, o fixOptions, typed io.Reader) (string, error) {
	t.Helper()
	var out bytes.Buffer
	chosen, err := o.choose(curesOf(r))
	if err != nil {
		t.Fatal(err)
	}
	a := &applier{
		streams: streams{In: typed, Out: &out, Lang: m.lang}, printer: &printer{w: &out}, report: r, name: "r.json", yes: o.yes, named: len(o.only) > 0,
		look:  func(context.Context, *checks.Report, []cure) (*checks.Report, error) { return m.report(), nil },
		shell: m.shell, done: openJournal(dir),
	}
	if o.undo {
		err = a.undoAll(ctx, chosen)
	} else {
		err = a.applyAll(ctx, chosen)
	}
	return out.String(), err
}

func statusOf(err error) int {
	var e *exitError
	if errors.As(err, &e) {
		return e.status
	}
	if err != nil {
		return -1
	}
	return 0
}

func TestCuresAreRunOnlyAfterAYes(t *testing.T) {
	first, second := []string{"free 192.0.2.7", "note 192.0.2.7"}, []string{"free 192.0.2.8", "note 192.0.2.8"}
	for _, tt := range []struct {
		name  string
		o     fixOptions
		typed string
		runs  []string
		says  string
		exit  int
	}{
		{"yes to both", fixOptions{}, "y\nyes\n", slices.Concat(first, second), "Fixed: 192.0.2.8", 0},
		{"no to the first", fixOptions{}, "n\ny\n", second, "Left as it is.", 1},
		{"only a line end", fixOptions{}, "\n\n", nil, "Nothing was changed.", 1},
		{"a word that is no yes", fixOptions{}, "yep\nno\n", nil, "Nothing was changed.", 1},
		{"nobody there", fixOptions{}, "", nil, "No answer; --yes runs it without asking.", 1},
		{"a yes without its line end", fixOptions{}, "n\ny", second, "Fixed: 192.0.2.8", 1},
		{"for scripts", fixOptions{yes: true}, "", slices.Concat(first, second), "Nobody is blocked.", 0},
		{"by number", fixOptions{yes: true, only: []string{"3"}}, "", second, "192.0.2.7 is blocked.", 0},
		{"by id", fixOptions{yes: true, only: []string{"free-everywhere"}}, "", slices.Concat(first, second), "Fixed: 192.0.2.7", 0},
		{"the same one by number and id", fixOptions{yes: true, only: []string{"1", "free-everywhere", "1"}}, "", slices.Concat(first, second), "Fixed", 0},
		{"an advice by number", fixOptions{yes: true, only: []string{"2"}}, "", nil, "not run, not this machine", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := freshPBX()
			out, err := m.apply(t, t.Context(), m.report(), t.TempDir(), tt.o, strings.NewReader(tt.typed))
			if diff := cmp.Diff(tt.runs, m.ran); diff != "" {
				t.Errorf("it ran (-want +got)\n%s\n%s", diff, out)
			}
			if !strings.Contains(out, tt.says) || statusOf(err) != tt.exit {
				t.Errorf("exit %v, want %d, and %q in\n%s", err, tt.exit, tt.says, out)
			}
		})
	}
}

func TestCuresAreAskedAboutInRussian(t *testing.T) {
	m := freshPBX()
	m.lang = words.Russian
	out, err := m.apply(t, t.Context(), m.report(), t.TempDir(), fixOptions{}, strings.NewReader("да\nн\n"))
	if diff := cmp.Diff([]string{"free 192.0.2.7", "note 192.0.2.7"}, m.ran); diff != "" || statusOf(err) != 1 {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	for _, want := range []string{"   команды        free 192.0.2.7\n", "   Выполнить? [д/Н] ", "   Оставлено как есть.\n", "Исправлено: 192.0.2.7 is blocked"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

// Whoever sends a report may have written anything into it. What is run comes
// from a look at this machine, and never from the file.
// What trades safety for something is not done by --yes alone, and a report
// that says it is no such thing changes nothing.
func TestADecisionIsNotAScripts(t *testing.T) {
	m := freshPBX()
	r := m.report()
	m.choice = true
	if text, err := m.apply(t, t.Context(), r, t.TempDir(), fixOptions{apply: true, yes: true}, strings.NewReader("")); err != nil || len(m.ran) > 0 || !strings.Contains(text, "for you to decide: --only 1") {
		t.Errorf("%v, ran %q\n%s", err, m.ran, text)
	}
	if text, err := m.apply(t, t.Context(), r, t.TempDir(), fixOptions{apply: true, yes: true, only: []string{"1"}}, strings.NewReader("")); err != nil || len(m.ran) != 2 {
		t.Errorf("%v, ran %q\n%s", err, m.ran, text)
	}
}

func TestAForgedReportRunsNothing(t *testing.T) {
	for _, tt := range []struct {
		name  string
		forge func(f *fixes.Fix, x *checks.Finding)
		says  string
	}{
		{"another command", func(f *fixes.Fix, _ *checks.Finding) { f.Commands = []string{"evil"} }, "calls for other commands"},
		{"one command more", func(f *fixes.Fix, _ *checks.Finding) { f.Commands = append(f.Commands, "evil") }, "calls for other commands"},
		{"a fault that is not there", func(f *fixes.Fix, x *checks.Finding) {
			x.Subject, f.Commands = "192.0.2.99", []string{"evil"}
		}, "no longer needed"},
		{"a fault of a kind that does not exist", func(f *fixes.Fix, x *checks.Finding) {
			x.ID, f.Commands = "blocked.evil", []string{"evil"}
		}, "no longer needed"},
		{"another cure's name", func(f *fixes.Fix, _ *checks.Finding) { f.ID, f.Commands = "evil", []string{"evil"} }, "calls for other commands"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := freshPBX()
			r := m.report()
			tt.forge(&r.Results[0].Findings[0].Fixes[0], &r.Results[0].Findings[0])
			dir := t.TempDir()
			out, _ := m.apply(t, t.Context(), r, dir, fixOptions{yes: true, only: []string{"1"}}, strings.NewReader(""))
			if len(m.ran) > 0 || !strings.Contains(out, tt.says) {
				t.Errorf("it ran %q and said\n%s", m.ran, out)
			}
			if out, err := m.apply(t, t.Context(), r, dir, fixOptions{undo: true, yes: true}, strings.NewReader("")); len(m.ran) > 0 {
				t.Errorf("--undo ran %q (%v) and said\n%s", m.ran, err, out)
			}
		})
	}
}

// The undo commands of a report are never used: what is run and what is noted
// comes from this machine.
func TestAForgedUndoIsNotUsed(t *testing.T) {
	m, dir := freshPBX(), t.TempDir()
	r := m.report()
	r.Results[0].Findings[0].Fixes[0].Undo = []string{"evil"}
	for _, o := range []fixOptions{{yes: true}, {yes: true, undo: true}} {
		if out, err := m.apply(t, t.Context(), r, dir, o, strings.NewReader("")); err != nil || slices.Contains(m.ran, "evil") {
			t.Errorf("%v, ran %q: %s", err, m.ran, out)
		}
	}
	if !slices.Contains(m.ran, "ban 192.0.2.7") {
		t.Errorf("it ran %q", m.ran)
	}
}

// The first cure moves the rules that the second is about.
func TestCuresThatMoveEachOther(t *testing.T) {
	m, dir := freshPBX(), t.TempDir()
	m.rules = true
	r := m.report()
	if out, err := m.apply(t, t.Context(), r, dir, fixOptions{yes: true}, strings.NewReader("")); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	want := []string{"free 192.0.2.7 rule 1", "note 192.0.2.7", "free 192.0.2.8 rule 1", "note 192.0.2.8"}
	if diff := cmp.Diff(want, m.ran); diff != "" {
		t.Errorf("it ran (-want +got)\n%s", diff)
	}
	m.ran = nil
	if out, err := m.apply(t, t.Context(), r, dir, fixOptions{yes: true, undo: true}, strings.NewReader("")); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if diff := cmp.Diff([]string{"ban 192.0.2.8 rule 1", "ban 192.0.2.7 rule 1"}, m.ran); diff != "" {
		t.Errorf("it undid (-want +got)\n%s", diff)
	}
}

// What a report calls a cure is shown as words, and the prompt shows what the
// machine says.
func TestAForgedTitleDoesNotReachThePrompt(t *testing.T) {
	m := freshPBX()
	r := m.report()
	r.Results[0].Findings[0].Fixes[0].Title = "Do nothing at all\x1b[2J"
	out, _ := m.apply(t, t.Context(), r, t.TempDir(), fixOptions{only: []string{"1"}}, strings.NewReader("n\n"))
	if strings.ContainsRune(out, 0x1b) || !strings.Contains(out, "1. Free 192.0.2.7\n") {
		t.Errorf("%q", out)
	}
}

func TestWithoutRootNothingIsSaidToBeCured(t *testing.T) {
	m := freshPBX()
	r := m.report()
	m.noRoot = true
	out, err := m.apply(t, t.Context(), r, t.TempDir(), fixOptions{yes: true}, strings.NewReader(""))
	if len(m.ran) > 0 || statusOf(err) != 1 || !strings.Contains(out, "root only") || strings.Contains(out, "gone") {
		t.Errorf("%v, ran %q: %s", err, m.ran, out)
	}
}

func TestACommandThatFails(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fails string // the command that does not work
		typed string
		runs  []string
	}{
		{"the first: nothing to undo, and the second fault is not touched", "free 192.0.2.7", "y\n", []string{"free 192.0.2.7"}},
		{"in the middle: undo is offered", "note 192.0.2.7", "y\n\n", []string{"free 192.0.2.7", "note 192.0.2.7", "ban 192.0.2.7"}},
		{"in the middle, undo refused", "note 192.0.2.7", "y\nn\n", []string{"free 192.0.2.7", "note 192.0.2.7"}},
		{"in the middle, and nobody there to ask", "note 192.0.2.7", "y\n", []string{"free 192.0.2.7", "note 192.0.2.7"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := freshPBX()
			r := m.report()
			var ran []string
			shell := func(ctx context.Context, line string) ([]byte, error) {
				ran = append(ran, line)
				if line == tt.fails {
					return []byte("no such thing\n"), errors.New("exit status 1")
				}
				return m.shell(ctx, line)
			}
			var out bytes.Buffer
			dir := t.TempDir()
			a := &applier{
				streams: streams{In: strings.NewReader(tt.typed), Out: &out}, printer: &printer{w: &out}, report: r, name: "r.json",
				look:  func(context.Context, *checks.Report, []cure) (*checks.Report, error) { return m.report(), nil },
				shell: shell, done: openJournal(dir),
			}
			err := a.applyAll(t.Context(), curesOf(r))
			if diff := cmp.Diff(tt.runs, ran); diff != "" || statusOf(err) != 1 {
				t.Errorf("exit %v, it ran (-want +got)\n%s\n%s", err, diff, out.String())
			}
			// What is half done may be taken back later, what is not done may not.
			half := len(openJournal(dir).entries) == 1
			if want := slices.Contains(m.ran, "free 192.0.2.7") && !slices.Contains(m.ran, "ban 192.0.2.7"); half != want {
				t.Errorf("the journal remembers it: %v, want %v", half, want)
			}
		})
	}
}

// Whether a command was run whose answer never came is not known: it is not undone at once,
// and stays noted with all of its undo commands, on a machine elsewhere and on a router.
func TestACommandWithoutAnAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		router *routerSession
		err    error
	}{
		"a connection that is lost":    {nil, fmt.Errorf("%w: %w", platform.ErrInDoubt, io.ErrUnexpectedEOF)},
		"a router that says nothing":   {&routerSession{}, fmt.Errorf("%w within 45s", platform.ErrNoAnswer)},
		"a router that restarts":       {&routerSession{}, mikrotik.ErrLost},
		"a router that says too much":  {&routerSession{}, errors.New("the router answered more than 32 MiB")},
		"a step of a line of a router": {&routerSession{}, &live.Stopped{Done: 1, Err: mikrotik.ErrLost}},
	} {
		for _, lost := range []string{"free 192.0.2.7", "note 192.0.2.7"} {
			m := freshPBX()
			r := m.report()
			var ran []string
			var out bytes.Buffer
			dir := t.TempDir()
			a := &applier{
				streams: streams{In: strings.NewReader("y\ny\ny\n"), Out: &out}, printer: &printer{w: &out}, report: r, name: "r.json", router: tt.router,
				look: func(context.Context, *checks.Report, []cure) (*checks.Report, error) { return m.report(), nil },
				shell: func(ctx context.Context, line string) ([]byte, error) {
					ran = append(ran, line)
					if line == lost {
						return nil, tt.err
					}
					return m.shell(ctx, line)
				},
				done: openJournal(dir),
			}
			err := a.applyAll(t.Context(), curesOf(r))
			noted := openJournal(dir).entries
			if statusOf(err) != 1 || ran[len(ran)-1] != lost || !strings.Contains(out.String(), "was not answered") || len(noted) != 1 || len(noted[0].Undo) == 0 {
				t.Errorf("%s at %s: %v, ran %q, noted %+v\n%s", name, lost, err, ran, noted, out.String())
			}
		}
	}
}

// Ctrl-C lets the command end that is being run, runs no other, and offers to
// take back what was done.
func TestCtrlCInTheMiddle(t *testing.T) {
	m := freshPBX()
	r := m.report()
	ctx, cancel := context.WithCancel(t.Context())
	m.onRun = func(line string) {
		if line == "free 192.0.2.7" {
			cancel()
		}
	}
	out, err := m.apply(t, ctx, r, t.TempDir(), fixOptions{}, strings.NewReader("y\ny\n"))
	want := []string{"free 192.0.2.7", "ban 192.0.2.7"}
	if diff := cmp.Diff(want, m.ran); diff != "" || statusOf(err) != 1 || !strings.Contains(out, "Interrupted after command 1 of 2") {
		t.Errorf("exit %v, it ran (-want +got)\n%s\n%s", err, diff, out)
	}
}

// A cure that was run is taken back by the commands that were noted then.
func TestUndoTakesBackWhatWasDone(t *testing.T) {
	m, dir := freshPBX(), t.TempDir()
	r := m.report()
	if out, err := m.apply(t, t.Context(), r, dir, fixOptions{undo: true, yes: true}, strings.NewReader("")); err != nil || len(m.ran) > 0 || !strings.Contains(out, "No fix from this report was applied") {
		t.Errorf("before anything was applied: %v, ran %q: %s", err, m.ran, out)
	}
	if _, err := m.apply(t, t.Context(), r, dir, fixOptions{yes: true}, strings.NewReader("")); err != nil {
		t.Fatal(err)
	}
	m.ran = nil
	r.Results[0].Findings[1].Fixes[0].Undo = []string{"evil"}
	if out, err := m.apply(t, t.Context(), r, dir, fixOptions{undo: true}, strings.NewReader("y\ny\n")); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if diff := cmp.Diff([]string{"ban 192.0.2.8", "ban 192.0.2.7"}, m.ran); diff != "" {
		t.Errorf("the last first (-want +got)\n%s", diff)
	}
	m.ran = nil
	if _, err := m.apply(t, t.Context(), r, dir, fixOptions{undo: true, yes: true}, strings.NewReader("")); err != nil || len(m.ran) > 0 {
		t.Errorf("a second time it ran %q, %v", m.ran, err)
	}
}

// A cure that does not cure is said to have failed, whatever words the fault
// has afterwards.
func TestACureThatDoesNotCure(t *testing.T) {
	m := freshPBX()
	r := m.report()
	m.onRun = func(line string) {
		if strings.HasPrefix(line, "note") {
			m.banned = []string{"192.0.2.9", "192.0.2.7"} // banned again, by another jail
		}
	}
	out, err := m.apply(t, t.Context(), r, t.TempDir(), fixOptions{yes: true, only: []string{"1"}}, strings.NewReader(""))
	if statusOf(err) != 1 || !strings.Contains(out, "Still there: 192.0.2.7 is blocked") || !strings.Contains(out, "--undo") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestCuresThatNoProgramMayRun(t *testing.T) {
	good := fixes.Fix{ID: "x", Where: "pbx", Form: fixes.FormShell, Commands: []string{"free it"}}
	for _, tt := range []struct {
		name   string
		change func(*fixes.Fix)
		ok     bool
	}{
		{"a command for this machine", func(*fixes.Fix) {}, true},
		{"one for the router", func(f *fixes.Fix) { f.Where = "router" }, false},
		{"places in a menu", func(f *fixes.Fix) { f.Form = fixes.FormMenu }, false},
		{"an advice", func(f *fixes.Fix) { f.Form = fixes.FormAdvice }, false},
		{"an old report without forms", func(f *fixes.Fix) { f.Form = "" }, false},
		{"nobody stands behind it", func(f *fixes.Fix) { f.Unverified = true }, false},
		{"nobody stands behind a line of it", func(f *fixes.Fix) { f.UnverifiedLines = []string{"free it"} }, false},
		{"a value to fill in", func(f *fixes.Fix) { f.Commands = []string{"free <address>"} }, false},
		{"a value to fill in to undo it", func(f *fixes.Fix) { f.Undo = []string{"ban <your network>"} }, false},
		{"a redirection is no value to fill in", func(f *fixes.Fix) { f.Commands = []string{"free it </dev/null >/dev/null"} }, true},
		{"no command", func(f *fixes.Fix) { f.Commands = nil }, false},
	} {
		f := good
		tt.change(&f)
		if why, ok := (cure{fix: f}).runnable(&checks.Report{Command: "pbx"}); ok != tt.ok || ok != why.IsZero() {
			t.Errorf("%s: may be run %v (%q)", tt.name, ok, why)
		}
	}
	if _, ok := (cure{fix: good}).runnable(&checks.Report{Command: "check"}); ok {
		t.Error("a cure for the PBX may be run in the office")
	}
}

func TestTheJournalOfSomebodyElse(t *testing.T) {
	m, dir := freshPBX(), t.TempDir()
	r := m.report()
	if _, err := m.apply(t, t.Context(), r, dir, fixOptions{yes: true}, strings.NewReader("")); err != nil {
		t.Fatal(err)
	}
	m.ran = nil
	if runtime.GOOS == "windows" {
		t.Skip("no such permissions on this system")
	}
	file := filepath.Join(dir, "applied.json")
	moved := filepath.Join(t.TempDir(), "x")
	for _, tt := range []struct {
		name        string
		spoil, mend func() error
	}{
		{"a directory that others write to", func() error { return os.Chmod(dir, 0o777) }, func() error { return os.Chmod(dir, 0o700) }},
		{"a file that others write to", func() error { return os.Chmod(file, 0o666) }, func() error { return os.Chmod(file, 0o600) }},
		{"a link to a file of somebody", func() error { return errors.Join(os.Rename(file, moved), os.Symlink(moved, file)) }, func() error { return os.Rename(moved, file) }},
		{"a file of somebody else", func() error { return chownOrSkip(t, file, 4711) }, func() error { return os.Chown(file, os.Getuid(), -1) }},
		{"a directory of somebody else", func() error { return chownOrSkip(t, dir, 4711) }, func() error { return os.Chown(dir, os.Getuid(), -1) }},
	} {
		if err := tt.spoil(); err != nil {
			t.Fatal(err)
		}
		if _, err := m.apply(t, t.Context(), r, dir, fixOptions{undo: true, yes: true}, strings.NewReader("")); err == nil || len(m.ran) > 0 {
			t.Errorf("%s: it ran %q, %v", tt.name, m.ran, err)
		}
		if err := tt.mend(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.apply(t, t.Context(), r, dir, fixOptions{undo: true, yes: true}, strings.NewReader("")); err != nil || len(m.ran) == 0 {
		t.Errorf("mended, it ran %q, %v", m.ran, err)
	}
}

// What cannot be noted for --undo is run only if a person says so.
func TestAJournalThatCannotBeWritten(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such permissions on this system")
	}
	for name, tt := range map[string]struct {
		typed string
		yes   bool
		ran   int
	}{
		"nobody is asked":   {"", true, 0},
		"not without it":    {"y\nn\nn\n", false, 0},
		"nobody answers":    {"y\n", false, 0},
		"yes, all the same": {"y\ny\nn\n", false, 2},
	} {
		m, dir := freshPBX(), t.TempDir()
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		out, err := m.apply(t, t.Context(), m.report(), dir, fixOptions{yes: tt.yes}, strings.NewReader(tt.typed))
		if statusOf(err) != 1 || len(m.ran) != tt.ran || !strings.Contains(out, "It cannot be recorded for --undo") {
			t.Errorf("%s: %v, ran %q\n%s", name, err, m.ran, out)
		}
		if list, _ := filepath.Glob(dir + "/*"); len(list) > 0 {
			t.Errorf("%s: %q", name, list)
		}
	}
}

// chownOrSkip gives a file to another user, which only root may.
func chownOrSkip(t *testing.T, name string, uid int) error {
	if os.Geteuid() != 0 {
		return nil // the check before it has the same effect on an owner's file
	}
	return os.Chown(name, uid, -1)
}

// While the question waits the machine goes on: a ban that was lifted and set
// anew, or rules that were made anew, are another cure than the one agreed to.
func TestWhatWasAgreedToIsWhatRuns(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*fakePBX)
		runs   []string
		says   string
	}{
		{"nothing changes", func(*fakePBX) {}, []string{"free 192.0.2.8 rule 2", "note 192.0.2.8"}, "Fixed"},
		{"the rule is another one now", func(m *fakePBX) { m.banned = []string{"192.0.2.9", "192.0.2.7", "192.0.2.8"} }, nil, "this machine has changed since the question"},
		{"the ban is gone", func(m *fakePBX) { m.banned = nil }, nil, "this machine has changed since the question"},
		{"nobody can tell any more", func(m *fakePBX) { m.noRoot = true }, nil, "this machine has changed since the question"},
	} {
		m := freshPBX()
		m.rules = true
		r := m.report()
		typed := readerFunc(func(p []byte) (int, error) { tt.change(m); return copy(p, "y\n"), nil })
		out, err := m.apply(t, t.Context(), r, t.TempDir(), fixOptions{only: []string{"3"}}, typed)
		if d := cmp.Diff(tt.runs, m.ran); d != "" || !strings.Contains(out, tt.says) {
			t.Errorf("%s: %v, it ran (-want +got)\n%s\n%s", tt.name, err, d, out)
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// An undo that fails in the middle is not forgotten, and what was undone is not
// undone again.
func TestAnUndoThatFailsIsKept(t *testing.T) {
	m, dir := freshPBX(), t.TempDir()
	r := m.report()
	j := openJournal(dir)
	c := curesOf(r)[0]
	c.fix.Undo = []string{"first", "second", "third"}
	if err := j.add(c, r); err != nil {
		t.Fatal(err)
	}
	broken := true
	undo := func() (ran []string, err error) {
		var out bytes.Buffer
		a := &applier{
			streams: streams{In: strings.NewReader(""), Out: &out}, printer: &printer{w: &out}, report: r, name: "r.json", yes: true, done: openJournal(dir),
			shell: func(_ context.Context, line string) ([]byte, error) {
				ran = append(ran, line)
				if line == "second" && broken {
					return nil, errors.New("exit status 1")
				}
				return nil, nil
			},
		}
		err = a.undoAll(t.Context(), curesOf(r))
		return ran, err
	}
	if ran, err := undo(); statusOf(err) != 1 || !slices.Equal(ran, []string{"first", "second"}) {
		t.Errorf("it ran %q, %v", ran, err)
	}
	broken = false
	if ran, err := undo(); err != nil || !slices.Equal(ran, []string{"second", "third"}) {
		t.Errorf("mended, it ran %q, %v", ran, err)
	}
	if ran, err := undo(); err != nil || len(ran) > 0 {
		t.Errorf("a third time it ran %q, %v", ran, err)
	}
}

// A cure that stops in the middle is taken back as far as it went: a rule that
// was not removed is not put in a second time.
func TestOnlyWhatWasDoneIsTakenBack(t *testing.T) {
	m, dir := freshPBX(), t.TempDir()
	c := curesOf(m.report())[0]
	c.fix.Commands = []string{"one", "two", "three"}
	c.fix.Undo, c.fix.UndoFor = []string{"back three", "back two", "back one"}, []int{2, 1, 0}
	var ran []string
	var out bytes.Buffer
	a := &applier{
		streams: streams{In: strings.NewReader(""), Out: &out}, printer: &printer{w: &out}, report: m.report(), name: "r.json", yes: true, done: openJournal(dir),
		shell: func(_ context.Context, line string) ([]byte, error) {
			if ran = append(ran, line); line == "three" {
				return nil, errors.New("exit status 1")
			}
			return nil, nil
		},
	}
	_, err := a.one(t.Context(), m.report(), c)
	if d := cmp.Diff([]string{"one", "two", "three", "back two", "back one"}, ran); d != "" || statusOf(err) != 1 || len(openJournal(dir).entries) > 0 {
		t.Errorf("%v, it ran (-want +got)\n%s\n%s", err, d, out.String())
	}
}

// The name of a report is printed into a command to paste.
func TestTheNameOfAReportIsQuoted(t *testing.T) {
	for name, want := range map[string]string{
		"r.json": "sudo sipdoctor fix r.json --apply", "a;id>pwned;b.json": "sudo sipdoctor fix 'a;id>pwned;b.json' --apply", "$(id).json": "sudo sipdoctor fix '$(id).json' --apply",
		"-x.json": "sudo sipdoctor fix ./-x.json --apply", "a\x1b[31m": "sudo sipdoctor fix REPORT --apply", "-": "sudo sipdoctor fix REPORT --apply",
	} {
		if got := fixLine(name, "--apply", ""); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

func TestAReaderThatBreaksIsANo(t *testing.T) {
	m := freshPBX()
	if _, err := m.apply(t, t.Context(), m.report(), t.TempDir(), fixOptions{}, iotest.ErrReader(io.ErrUnexpectedEOF)); statusOf(err) != 1 || len(m.ran) > 0 {
		t.Errorf("it ran %q, %v", m.ran, err)
	}
}

func TestAReportMadeOverSSHIsForThatMachine(t *testing.T) {
	r := freshPBX().report()
	r.Inputs.On = "root@pbx.example.net"
	err := refuse(t.Context(), &machine{sys: platform.ThisSystem()}, r, "report.json")
	if err == nil || !strings.Contains(err.Error(), "is about root@pbx.example.net; give --on root@pbx.example.net") {
		t.Errorf("%v", err)
	}
}
