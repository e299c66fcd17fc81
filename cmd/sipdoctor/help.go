package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// explain gives cmd, its flags and the commands under it their help from
// help.yaml, in the user's language. It is for a tree that is complete.
func (s streams) explain(cmd *cobra.Command) {
	args := words.Args{
		"command": cmd.CommandPath(), "languages": languages(), "formats": formats(), "listings": listings(), "variable": passwordVar, "variable_key": siteKeyVar,
	}
	id := helpID(cmd)
	cmd.Short = s.say(id+".short", args)
	if book().Has(id + ".long") {
		cmd.Long = s.say(id+".long", args)
	}
	if book().Has(id + ".args") {
		cmd.Use += " " + s.say(id+".args", args)
	}
	cmd.DisableFlagsInUseLine = true // showUsage says it
	cmd.InitDefaultHelpFlag()
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { f.Usage = s.say(flagHelpID(cmd, f), args) })
	for _, sub := range cmd.Commands() {
		s.explain(sub)
	}
}

// helpID is where the help of cmd stands: "help.profiles.lint".
func helpID(cmd *cobra.Command) string {
	path := strings.Fields(cmd.CommandPath())
	if len(path) > 1 {
		path = path[1:]
	}
	return "help." + strings.Join(path, ".")
}

// flagHelpID is where the help of a flag stands: with its command, else with
// the flags that several commands have. symptom has those of check.
func flagHelpID(cmd *cobra.Command, f *pflag.Flag) string {
	own := helpID(cmd)
	for _, id := range []string{own, strings.Replace(own, "help.symptom", "help.check", 1)} {
		if id += ".flag." + f.Name; book().Has(id) {
			return id
		}
	}
	return "help.flag." + f.Name
}

// showHelp is --help. cobra's own speaks English only, and its templates would
// link text/template.
func (s streams) showHelp(cmd *cobra.Command, _ []string) {
	out := cmd.OutOrStdout()
	_ = writeProse(out, cmp.Or(cmd.Long, cmd.Short)+"\n\n")
	_ = s.showUsage(cmd) // it never fails
}

func (s streams) showUsage(cmd *cobra.Command) error {
	out := cmd.OutOrStdout()
	frame := func(id string) string { return s.say("help.frame."+id, words.Args{"command": cmd.CommandPath()}) }
	fmt.Fprintf(out, "%s\n", frame("usage"))
	if cmd.Runnable() {
		fmt.Fprintf(out, "  %s %s\n", strings.TrimSpace(cmd.UseLine()), frame("flags-here"))
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(out, "  %s %s\n", cmd.CommandPath(), frame("command-here"))
	}
	if cmd.HasExample() {
		fmt.Fprintf(out, "\n%s\n%s\n", frame("examples"), cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		var rows [][2]string
		for _, c := range shownCommands(cmd) {
			rows = append(rows, [2]string{"  " + c.Name(), c.Short})
		}
		fmt.Fprintf(out, "\n%s\n", frame("commands"))
		writeColumns(out, render.PageWidth(terminalWidth(out)), rows)
	}
	for _, part := range []struct {
		heading string
		flags   *pflag.FlagSet
	}{{"flags", cmd.LocalFlags()}, {"global-flags", cmd.InheritedFlags()}} {
		if part.flags.HasAvailableFlags() {
			fmt.Fprintf(out, "\n%s\n", frame(part.heading))
			writeColumns(out, render.PageWidth(terminalWidth(out)), s.flagRows(part.flags))
		}
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(out, "\n%s\n", frame("more"))
	}
	return nil
}

// shownCommands are the commands below cmd that its help lists.
func shownCommands(cmd *cobra.Command) (shown []*cobra.Command) {
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() || c.Name() == "help" {
			shown = append(shown, c)
		}
	}
	return shown
}

// flagRows are the flags of a set, each with what it is for.
func (s streams) flagRows(flags *pflag.FlagSet) (rows [][2]string) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name := "      --" + f.Name
		if f.Shorthand != "" {
			name = "  -" + f.Shorthand + ", --" + f.Name
		}
		value, usage := pflag.UnquoteUsage(f)
		if value != "" {
			name += " " + value
		}
		if f.NoOptDefVal != "" && f.Value.Type() != "bool" {
			name += "[=" + f.NoOptDefVal + "]"
		}
		switch f.DefValue {
		case "", "0", "0s", "false", "[]":
		default:
			usage += " " + s.say("help.frame.default", words.Args{"value": strings.Trim(f.DefValue, "[]")})
		}
		rows = append(rows, [2]string{name, usage})
	})
	return rows
}
