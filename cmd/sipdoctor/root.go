package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// newRootCommand builds the whole command tree. started reports whether the
// chosen command began to work: an error before that is about the command
// line.
func newRootCommand(s streams) (root *cobra.Command, started func() bool) {
	running, showVersion, lang := false, false, ""
	root = &cobra.Command{
		Use:           "sipdoctor",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if showVersion {
				_, err := fmt.Fprintln(s.Out, versionLine(thisTool()))
				return err
			}
			return s.welcome(cmd)
		},
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if !slices.Contains(languages(), lang) {
				return usagef("--lang %s is not spoken here; there are %s", render.Quote(lang), strings.Join(languages(), ", "))
			}
			running = true
			return nil
		},
	}
	// Not cobra's own: its template would link text/template, and with that
	// every method of every package.
	root.Flags().BoolVarP(&showVersion, "version", "V", false, "")
	root.PersistentFlags().StringVar(&lang, "lang", string(words.English), "") // read by languageOf
	_ = root.RegisterFlagCompletionFunc("lang", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return languages(), cobra.ShellCompDirectiveNoFileComp
	}) // fails only for a flag that does not exist
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetFlagErrorFunc(explainFlagError)
	root.AddCommand(
		newCheckCommand(s),
		newWhyCommand(s),
		newPBXCommand(s),
		newFixCommand(s),
		newServeCommand(s),
		newLabCommand(s),
		newReportCommand(s),
		newChecksCommand(s),
		newProfilesCommand(s),
		newVersionCommand(s),
	)
	root.SetHelpCommand(newHelpCommand(s))
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Args = noSuchCommand
			c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
	root.InitDefaultHelpCmd()
	s.explain(root) // what each command and flag is for stands in help.yaml
	root.SetHelpFunc(s.showHelp)
	root.SetUsageFunc(s.showUsage)
	return root, func() bool { return running }
}

func newHelpCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use: "help",
		RunE: func(cmd *cobra.Command, args []string) error {
			target, rest, err := cmd.Root().Find(args)
			if err == nil && len(rest) == 0 {
				return target.Help()
			}
			return s.helpFor(cmd, args)
		},
	}
}

// helpFor shows what the program knows of a word that is not a command's name.
func (s streams) helpFor(cmd *cobra.Command, args []string) error {
	var known []string
	for _, c := range cmd.Root().Commands() {
		known = append(known, c.Name())
	}
	for _, c := range all.Checks() {
		if c.ID == args[0] {
			return s.describeCheck(cmd.OutOrStdout(), c)
		}
		known = append(known, c.ID)
	}
	for _, p := range netinfo.Profiles() {
		if p.Name == args[0] {
			return describeProfile(cmd.OutOrStdout(), p)
		}
		known = append(known, p.Name)
	}
	return usagef("no help for %q%s; see sipdoctor --help, sipdoctor checks and sipdoctor profiles", args[0], didYouMean(args[0], known))
}

// noSuchCommand is the argument rule of commands that only hold other
// commands: any argument is a mistyped command.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return usagef("unknown command %q%s; see %s --help", args[0], didYouMean(args[0], names), cmd.CommandPath())
}

// explainFlagError adds to a flag's error what to do about it.
func explainFlagError(cmd *cobra.Command, err error) error {
	if err == pflag.ErrHelp {
		return err
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return usagef("--%s %q is not %s; see %s --help", e.GetFlag().Name, e.GetValue(), kindOf(e.GetFlag()), cmd.CommandPath())
	}
	hint := ""
	if name, ok := strings.CutPrefix(err.Error(), "unknown flag: --"); ok {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := closest(name, names); near != "" {
			hint = "; did you mean --" + near + "?"
		}
	}
	return usagef("%w%s; see %s --help", err, strings.TrimSuffix(hint, "?"), cmd.CommandPath())
}

// kindOf says what a flag takes.
func kindOf(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "int":
		return "a number"
	case "intSlice":
		return "a list of numbers, such as 30,60"
	case "duration":
		return "a duration, such as 30s or 5m"
	case "bool":
		return "true or false"
	}
	return "a list, such as one,two"
}

// noArgs and atMostOne are argument rules with one-line errors.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no argument, but %q was given", cmd.CommandPath(), args[0])
	}
	return nil
}

func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usagef("%s takes one argument at most, but %q was given too", cmd.CommandPath(), args[1])
	}
	return nil
}
