package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform"
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
}

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
		a.line("The report has no cure that can be run on this machine.")
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
				return fmt.Errorf("looking again before anything is changed: %w", err)
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
		a.line("")
		a.line("Nothing was changed.")
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
			a.line("%d. %s: not run, %s.", c.number, c.fix.Title, why)
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
	a.line("")
	switch state {
	case gone:
		a.line("%d. %s: no longer needed, the fault is gone.", c.number, c.fix.Title)
		return a.err
	case untold:
		a.line("%d. %s: not run. Whether the fault is still there cannot be told:", c.number, c.fix.Title)
		a.line("   %s", reasonOf(now, c))
		all.undone++
		return a.err
	case changed:
		a.line("%d. %s: not run. This machine, looked at again, calls for other commands.", c.number, c.fix.Title)
		a.line("   Make a new report.")
		all.undone++
		return a.err
	}
	if fresh.fix.Choice && a.yes && !a.named {
		a.line("%d. %s: not run; that is for you to decide: --only %d.", c.number, fresh.fix.Title, c.number)
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
	a.line("%d. %s", c.number, c.fix.Title)
	a.block("   run       ", c.fix.Commands)
	a.block("   undo      ", c.fix.Undo)
	if !a.agreed("   Run it?", false) {
		a.line("   Left as it is.")
		return false, a.err
	}
	if c, err = a.stillMeant(ctx, now, c); err != nil {
		a.line("   Not run: %s.", platform.Words(err))
		return false, a.err
	}
	if err := a.done.add(c, a.report); err != nil {
		a.line("   It cannot be noted down for --undo (%s); the undo commands above are for you.", platform.Words(err))
	}
	for i, line := range c.fix.Commands {
		out, err := a.shell(ctx, line)
		a.echo(line, out)
		if err == nil && ctx.Err() == nil {
			continue
		}
		if err != nil {
			a.line("   Stopped: command %d of %d did not work (%s).", i+1, len(c.fix.Commands), platform.Words(err))
		} else {
			a.line("   Interrupted after command %d of %d.", i+1, len(c.fix.Commands))
		}
		if err == nil {
			i++
		}
		a.takeBack(ctx, c, i)
		return false, a.fail()
	}
	return true, a.err
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
		return c, fmt.Errorf("looking again after the answer: %w", err)
	}
	fresh, state := compareWith(now, again, c)
	if state != stays {
		return c, errors.New("this machine has changed since the question; make a new report")
	}
	fresh.finding = c.finding
	return fresh, nil
}

// takeBack offers to undo a cure that stopped after so many of its commands.
func (a *applier) takeBack(ctx context.Context, c cure, done int) {
	if done > 0 {
		if len(c.fix.Undo) == 0 {
			return
		}
		undo := c.fix.Undo
		if c.fix.UndoFor != nil {
			undo = nil
			for i, line := range c.fix.Undo {
				if c.fix.UndoFor[i] < done {
					undo = append(undo, line)
				}
			}
			a.remember(c, undo)
		}
		if !a.agreed("   Undo what was done?", true) {
			return
		}
		// Where nobody knows which of them have something to undo, all are tried.
		if left := a.runUndo(context.WithoutCancel(ctx), undo, c.fix.UndoFor == nil); len(left) > 0 {
			a.remember(c, left)
			return
		}
	}
	a.forget(c)
}

// remember notes what is left to undo of a cure.
func (a *applier) remember(c cure, undo []string) {
	if err := a.done.keep(c, a.report, undo); err != nil {
		a.line("   It could not be noted down for --undo: %s.", platform.Words(err))
	}
}

// forget strikes a cure off the journal.
func (a *applier) forget(c cure) {
	if err := a.done.remove(c, a.report); err != nil {
		a.line("   It could not be struck off what --undo takes back: %s.", platform.Words(err))
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
			a.line("   That did not work (%s); the rest goes on.", platform.Words(err))
			left = append(left, line)
		default:
			a.line("   That did not work (%s). What is left to undo is kept for --undo.", platform.Words(err))
			return lines[i:]
		}
	}
	return left
}

func (a *applier) echo(line string, out []byte) {
	a.line("   $ %s", line)
	for l := range strings.Lines(string(out)) {
		a.line("     %s", strings.TrimRight(l, "\r\n"))
	}
}

// verify looks again and says what became of each fault.
func (a *applier) verify(ctx context.Context, all *outcome) error {
	after, err := a.look(ctx, a.report, all.ran)
	if err != nil {
		return fmt.Errorf("looking again after the cures: %w", err)
	}
	a.line("")
	left := 0
	for _, c := range all.ran {
		switch _, state := compareWith(a.report, after, c); {
		case state == untold:
			a.line("Not verified: %s. %s", c.finding.Title, reasonOf(after, c))
		case state == gone && !stillFails(after, c):
			a.line("Cured: %s.", c.finding.Title)
			continue
		default:
			a.line("Still there: %s.", c.finding.Title)
		}
		left++
	}
	a.line("%s", after.Headline)
	if left > 0 {
		a.line("To take it back: %s", fixLine(a.name, "--undo"))
	}
	all.undone += left
	return a.err
}

// undoAll takes back, last first, what the journal says was done here. It runs
// no command of the report: whoever wrote that file could have written any.
func (a *applier) undoAll(ctx context.Context, chosen []cure) error {
	if err := a.done.err; err != nil {
		return fmt.Errorf("reading what was applied on this machine: %w", err)
	}
	failed, found := 0, 0
	for _, c := range slices.Backward(chosen) {
		done, ok := a.done.find(c, a.report)
		if !ok {
			if a.named {
				a.line("%d. %s: not undone, --apply has not run it on this machine.", c.number, c.fix.Title)
				failed++
			}
			continue
		}
		found++
		a.line("")
		a.line("%d. Undo: %s", c.number, c.fix.Title)
		if len(done.Undo) == 0 {
			a.line("   There is nothing to undo.")
			continue
		}
		a.block("   run       ", done.Undo)
		if !a.agreed("   Run it?", false) {
			a.line("   Left as it is.")
			continue
		}
		if left := a.runUndo(ctx, done.Undo, false); len(left) > 0 {
			failed++
			a.remember(c, left)
			continue
		}
		a.forget(c)
	}
	if found == 0 && !a.named {
		a.line("No cure of this report was applied on this machine by sipdoctor fix --apply.")
		a.line("The undo commands of those that you ran yourself: %s", fixLine(a.name, ""))
	}
	if failed > 0 {
		return a.fail()
	}
	return a.err
}

// agreed asks a yes-or-no question. Anything but a yes, an end of input
// included, is a no, unless an empty line was typed and yes is the default.
func (a *applier) agreed(question string, byDefault bool) bool {
	if a.yes {
		return true
	}
	if a.in == nil {
		a.in = bufio.NewReader(a.In)
	}
	choice := " [y/N] "
	if byDefault {
		choice = " [Y/n] "
	}
	a.text(question + choice)
	answer, err := a.in.ReadString('\n')
	if f, ok := a.In.(*os.File); err != nil || !ok || !isTerminal(f) {
		a.text("\n") // nobody's Enter ended the line
	}
	if err != nil && answer == "" {
		a.line("   Nobody answers; --yes runs it without a question.")
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes" || answer == "" && err == nil && byDefault
}
