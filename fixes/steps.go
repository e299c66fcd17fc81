package fixes

import (
	"maps"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Steps completes f with commands and those that take them back. Where one of
// them cannot be written safely, because of a name that somebody chose, f says
// what is to be done by hand instead. Without commands there is no fix.
func (f Fix) Steps(steps ...command.Step) []Fix {
	var impossible []error
	lines := func(list []command.Command) []string {
		out, errs := command.Lines(list)
		impossible = append(impossible, errs...)
		return out
	}
	f.Form = FormShell
	starts := make([]int, len(steps))
	for i, s := range steps {
		starts[i] = len(f.Commands)
		f.Commands = append(f.Commands, lines(s.Do)...)
	}
	for i, s := range slices.Backward(steps) {
		back := lines(s.Undo)
		f.Undo = append(f.Undo, back...)
		f.UndoFor = append(f.UndoFor, slices.Repeat([]int{starts[i]}, len(back))...)
	}
	switch {
	case len(impossible) == 0 && len(f.Commands) == 0:
		return nil
	case len(impossible) == 0:
		return []Fix{f}
	}
	f.Form, f.Persistent, f.Undo, f.UndoFor = FormAdvice, false, nil, nil
	var why []string
	for _, err := range impossible {
		if !slices.Contains(why, err.Error()) {
			why = append(why, err.Error())
		}
	}
	f.Args = maps.Clone(f.Args)
	if f.Args == nil {
		f.Args = words.Args{}
	}
	f.Args[argRun], f.Args[argByHand] = f.Commands, why
	f.Commands = stepLines(f.Args, words.English)
	return []Fix{f}
}

// What Steps leaves in Args where not every command can be written: the lines to
// run, and why the rest is to be done by hand.
const argRun, argByHand = "steps-run", "steps-by-hand"

// stepLines are the lines that Steps made of args, in l.
func stepLines(args words.Args, l words.Lang) (lines []string) {
	for _, line := range stringsOf(args[argRun]) {
		lines = append(lines, say(l, "fixes.run", words.Args{"line": line}))
	}
	for _, why := range stringsOf(args[argByHand]) {
		lines = append(lines, say(l, "fixes.by-hand", words.Args{"why": words.Cause(why)}))
	}
	return lines
}

// stringsOf is a list among the values of a message, made here or read from a
// report.
func stringsOf(v any) []string {
	switch v := v.(type) {
	case []string:
		return v
	case []any:
		var list []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				list = append(list, s)
			}
		}
		return list
	}
	return nil
}

// FilterPlatform is the platform that an edit belongs to.
func FilterPlatform(e packetfilter.RuleEdit) string {
	if e.NFT != nil {
		return "linux-nftables"
	}
	return "linux-iptables"
}
