package fixes

import (
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/command"
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
	for i, line := range f.Commands {
		f.Commands[i] = "Run: " + line
	}
	for _, err := range impossible {
		line := "By hand, because no command can be written safely: " + err.Error()
		if !slices.Contains(f.Commands, line) {
			f.Commands = append(f.Commands, line)
		}
	}
	return []Fix{f}
}

// FilterPlatform is the platform that an edit belongs to, and the manual of its
// program.
func FilterPlatform(e packetfilter.RuleEdit) (platform, source string) {
	if e.NFT != nil {
		return "linux-nftables", "nft(8)"
	}
	return "linux-iptables", "iptables(8)"
}
