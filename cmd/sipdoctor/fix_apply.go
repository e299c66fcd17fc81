package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// applier runs cures on this machine.
type applier struct {
	streams
	*printer
	report *checks.Report
	name   string // of the report's file
	yes    bool   // do not ask
	named  bool   // --only chose the cures
	look   func(context.Context, *checks.Report, []cure) (*checks.Report, error)
	shell  func(ctx context.Context, line string) ([]byte, error)
	done   *journal
	in     *bufio.Reader
	router *routerSession // the machine is a router; nil: it is none
	on     string         // the login, of a machine elsewhere
}

// which is the message about a router where the machine is one.
func (a *applier) which(here, router words.Text) words.Text {
	if a.router != nil {
		return router
	}
	return here
}

// tell writes a message on a line of its own, remark one below a cure.
func (a *applier) tell(id string, args words.Args)   { a.prose("", a.say(id, args)) }
func (a *applier) remark(id string, args words.Args) { a.prose("   ", a.say(id, args)) }

// outcome counts what became of the cures.
type outcome struct {
	ran    []cure
	undone int // cures that were not run though their fault is, or may be, there
	// agreeing are the numbers of the cures that the machine called for, word by
	// word, before anything was changed. What a cure changed moves the rules of
	// the next: its commands then are those of the newer look.
	agreeing map[int]bool
}

// applyAll looks again, runs what is still right, and looks once more.
func (a *applier) applyAll(ctx context.Context, chosen []cure) error {
	todo := a.forHere(chosen)
	if len(todo) == 0 {
		a.prose("", a.fill(a.which(words.Say("say.fix-none-here", nil), words.Say("say.router-no-fix", nil))))
		if a.report.Verdict == checks.Fail {
			return a.fail()
		}
		return a.err
	}
	var all outcome
	var now *checks.Report
	for _, c := range todo {
		// What one cure changed may move the rules that another one is about.
		if now == nil || len(all.ran) > 0 {
			var err error
			if now, err = a.look(ctx, a.report, todo); err != nil {
				return failure("say.fix-look-before", words.Args{"why": cause(err)})
			}
		}
		if all.agreeing == nil {
			all.agreeing = map[int]bool{}
			for _, c := range todo {
				_, state := compareWith(a.report, now, c)
				all.agreeing[c.number] = state == stays
			}
		}
		if err := a.consider(ctx, &all, now, c); err != nil {
			return err
		}
	}
	if len(all.ran) == 0 {
		a.text("\n")
		a.tell("say.fix-unchanged", nil)
	} else if err := a.verify(ctx, &all); err != nil {
		return err
	}
	if all.undone > 0 {
		return a.fail()
	}
	return a.err
}

// fail ends with the status of a fault that is still there.
func (a *applier) fail() error {
	if a.err != nil {
		return a.err
	}
	return exitWith(statusFail)
}

// forHere leaves what a program may run here: of each fault the best, or what
// was named.
func (a *applier) forHere(chosen []cure) (todo []cure) {
	taken := map[*checks.Finding]bool{}
	for _, c := range chosen {
		why, ok := c.runnable(a.report)
		if !ok && a.named {
			a.tell("say.fix-not-run", words.Args{"n": c.number, "cure": c.fix.Title, "why": why})
		}
		if !ok || !a.named && taken[c.finding] {
			continue
		}
		taken[c.finding] = true
		todo = append(todo, c)
	}
	return todo
}

// consider runs one cure if the machine as it is now calls for it.
func (a *applier) consider(ctx context.Context, all *outcome, now *checks.Report, c cure) error {
	fresh, state := compareWith(a.report, now, c)
	if state == changed && fresh.number > 0 && all.agreeing[c.number] {
		state = stays
	}
	a.text("\n")
	about := words.Args{"n": c.number, "cure": c.fix.Title}
	switch state {
	case gone:
		a.tell("say.fix-gone", about)
		return a.err
	case untold:
		a.tell("say.fix-untold", about)
		a.prose("   ", a.fill(reasonOf(now, c)))
		all.undone++
		return a.err
	case changed:
		a.prose("", a.fill(a.which(words.Say("say.fix-changed", about), words.Say("say.router-changed", about))))
		if a.router == nil {
			a.remark("say.fix-new-report", nil)
		}
		all.undone++
		return a.err
	}
	if fresh.fix.Choice && a.yes && !a.named {
		a.tell("say.fix-choice", words.Args{"n": c.number, "cure": fresh.fix.Title})
		return a.err
	}
	fresh.finding = c.finding // by which --undo finds it again
	ran, err := a.one(ctx, now, fresh)
	switch {
	case err != nil:
		return err
	case ran:
		all.ran = append(all.ran, c)
	default:
		all.undone++
	}
	return a.err
}

// one asks, runs the commands of one cure, and undoes them if one fails.
func (a *applier) one(ctx context.Context, now *checks.Report, c cure) (ran bool, err error) {
	a.prose(fmt.Sprintf("%d. ", c.number), c.fix.Title)
	a.steps(a.label("run"), c.fix.Form, c.fix.Commands)
	a.steps(a.label("undo"), c.fix.Form, c.fix.Undo)
	if !a.agreed("say.fix-ask-run", false) {
		a.remark("say.fix-left", nil)
		return false, a.err
	}
	if c, err = a.stillMeant(ctx, now, c); err != nil {
		a.remark("say.fix-not-run-now", words.Args{"why": cause(err)})
		return false, a.err
	}
	if err := a.enter(ctx); err != nil {
		a.remark("say.fix-not-run-now", words.Args{"why": cause(err)})
		return false, a.fail()
	}
	if err := a.done.add(c, a.report); err != nil && !a.unnoted(c, err) {
		_ = a.done.keep(c, a.report, nil) // what was not run is not noted with the next
		a.leave(ctx)
		return false, a.err
	}
	if !a.runAll(ctx, c) {
		return false, a.fail()
	}
	return true, a.err
}

// unnoted reports whether to go on with a cure that --undo will not know of: a person may say
// so, a script may not.
func (a *applier) unnoted(c cure, why error) bool {
	a.remark("say.fix-not-noted", words.Args{"why": cause(why)})
	if len(c.fix.Undo) == 0 || !a.yes && a.agreed("say.fix-ask-unnoted", false) {
		return true
	}
	a.remark("say.fix-left", nil)
	return false
}

// runAll runs the commands of a cure. Where one fails, those before it can be undone.
func (a *applier) runAll(ctx context.Context, c cure) bool {
	for i, line := range c.fix.Commands {
		out, err := a.shell(ctx, line)
		a.echo(line, out)
		done := i
		switch {
		case a.inDoubt(err):
			a.doubt(i+1, len(c.fix.Commands), err)
			return false
		case err != nil:
			a.remark("say.fix-stopped", words.Args{"n": i + 1, "of": len(c.fix.Commands), "why": cause(err)})
			if begun(err) {
				done++
			}
		case ctx.Err() != nil:
			a.remark("say.fix-interrupted", words.Args{"n": i + 1, "of": len(c.fix.Commands)})
			done++
		default:
			continue
		}
		a.takeBack(ctx, c, done)
		a.leave(ctx)
		return false
	}
	return a.leave(ctx)
}

// leave ends what protects a router while it is changed.
func (a *applier) leave(ctx context.Context) bool {
	err := a.router.leave(context.WithoutCancel(ctx))
	if err != nil {
		a.remark("say.router-not-left", words.Args{"why": cause(err), "command": a.undoLine()})
	}
	return err == nil
}

// undoLine is the command that undoes what was applied.
func (a *applier) undoLine() string {
	if a.router != nil {
		return routerLine(a.name, "--undo")
	}
	return fixLine(a.name, "--undo", a.on)
}

// stillMeant looks at the machine once more after a question was answered:
// rules may have been made anew while it waited. The cure is returned with the
// undo commands of now.
func (a *applier) stillMeant(ctx context.Context, now *checks.Report, c cure) (cure, error) {
	if a.yes {
		return c, nil
	}
	again, err := a.look(ctx, a.report, []cure{c})
	if err != nil {
		return c, failure("say.fix-look-answer", words.Args{"why": cause(err)})
	}
	fresh, state := compareWith(now, again, c)
	if state != stays {
		return c, &messageError{a.which(words.Say("say.fix-changed-since", nil), words.Say("say.router-changed-since", nil)), false}
	}
	fresh.finding = c.finding
	return fresh, nil
}

// takeBack offers to undo a cure that stopped after so many of its commands.
func (a *applier) takeBack(ctx context.Context, c cure, done int) {
	undo, known := c.fix.Undo, c.fix.UndoFor != nil
	switch {
	case done == 0:
		undo = nil
	case known:
		undo = nil
		for i, line := range c.fix.Undo {
			if c.fix.UndoFor[i] < done {
				undo = append(undo, line)
			}
		}
		a.remember(c, undo)
	case len(undo) == 0:
		return
	}
	if done > 0 && !a.agreed("say.fix-ask-undo", true) {
		return
	}
	// Where nobody knows which of them have something to undo, all are tried.
	a.remember(c, a.runUndo(context.WithoutCancel(ctx), undo, !known))
}

// remember notes what is left to undo of a cure, and strikes it off the journal
// when nothing is.
func (a *applier) remember(c cure, undo []string) {
	if err := a.done.keep(c, a.report, undo); err != nil {
		a.remark("say.fix-undo-not-kept", words.Args{"why": cause(err)})
	}
}

// runUndo runs undo commands up to the first that fails, because the places in
// those after it count on it, or all of them. It returns what is left.
func (a *applier) runUndo(ctx context.Context, lines []string, all bool) (left []string) {
	for i, line := range lines {
		out, err := a.shell(ctx, line)
		a.echo(line, out)
		switch {
		case err == nil:
		case all:
			a.remark("say.fix-undo-goes-on", words.Args{"why": cause(err)})
			left = append(left, line)
		default:
			a.remark("say.fix-undo-stops", words.Args{"why": cause(err)})
			return lines[i:]
		}
	}
	return left
}

func (a *applier) echo(line string, out []byte) {
	a.whole("   $ ", line)
	for l := range strings.Lines(string(out)) {
		a.whole("     ", strings.TrimRight(l, "\r\n"))
	}
}

// verify looks again and says what became of each fault.
func (a *applier) verify(ctx context.Context, all *outcome) error {
	after, err := a.look(ctx, a.report, all.ran)
	if err != nil {
		a.text("\n")
		a.whole("", a.say("say.fix-take-back", words.Args{"command": a.undoLine()}))
		return failure("say.fix-look-after", words.Args{"why": cause(err)})
	}
	a.text("\n")
	left := 0
	for _, c := range all.ran {
		switch _, state := compareWith(a.report, after, c); {
		case state == untold:
			a.tell("say.fix-not-verified", words.Args{"fault": c.finding.Title, "why": reasonOf(after, c)})
		case state == gone && !stillFails(after, c):
			a.tell("say.fix-cured", words.Args{"fault": c.finding.Title})
			continue
		default:
			a.tell("say.fix-still-there", words.Args{"fault": c.finding.Title})
		}
		left++
	}
	a.prose("", after.Headline)
	if left > 0 {
		a.whole("", a.say("say.fix-take-back", words.Args{"command": a.undoLine()}))
	}
	all.undone += left
	return a.err
}

// undoAll takes back, last first, what the journal says was done here. It runs
// no command of the report: whoever wrote that file could have written any.
func (a *applier) undoAll(ctx context.Context, chosen []cure) error {
	if err := a.done.err; err != nil {
		return failure("say.fix-reading-journal", words.Args{"why": cause(err)})
	}
	failed, found := 0, 0
	for _, c := range slices.Backward(chosen) {
		i := a.done.index(c, a.report)
		if i < 0 {
			if a.named {
				a.tell("say.fix-not-undone", words.Args{"n": c.number, "cure": c.fix.Title})
				failed++
			}
			continue
		}
		found++
		a.text("\n")
		a.tell("say.fix-undo", words.Args{"n": c.number, "cure": c.fix.Title})
		undo := a.done.entries[i].Undo
		if len(undo) == 0 {
			a.remark("say.fix-nothing-to-undo", nil)
			continue
		}
		a.steps(a.label("run"), c.fix.Form, undo)
		if !a.agreed("say.fix-ask-run", false) {
			a.remark("say.fix-left", nil)
			continue
		}
		left := a.runUndo(ctx, undo, false)
		if len(left) > 0 {
			failed++
		}
		a.remember(c, left)
	}
	if found == 0 && !a.named {
		a.tell("say.fix-none-applied", nil)
		a.whole("", a.say("say.fix-own-undo", words.Args{"command": fixLine(a.name, "", a.on)}))
	}
	if failed > 0 {
		return a.fail()
	}
	return a.err
}

// agreed asks a yes-or-no question, a message. Anything but a yes, an end of
// input included, is a no, unless an empty line was typed and yes is the default.
func (a *applier) agreed(question string, byDefault bool) bool {
	if a.yes {
		return true
	}
	if a.in == nil {
		a.in = bufio.NewReader(a.In)
	}
	a.text("   " + a.say(question, nil) + " " + a.say("say.fix-yes-no", words.Args{"yes": byDefault}) + " ")
	answer, err := a.in.ReadString('\n')
	if f, ok := a.In.(*os.File); err != nil || !ok || !isTerminal(f) {
		a.text("\n") // nobody's Enter ended the line
	}
	if err != nil && answer == "" {
		a.remark("say.fix-no-answer", nil)
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return slices.Contains([]string{"y", "yes", "д", "да"}, answer) || answer == "" && err == nil && byDefault
}
