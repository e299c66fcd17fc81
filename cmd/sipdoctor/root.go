package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// newRootCommand builds the whole command tree. started reports whether the
// chosen command began to work: an error before that is about the command
// line.
func newRootCommand(s streams) (root *cobra.Command, started func() bool) {
	running, showVersion, lang, config := false, false, "", ""
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
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.config.apply(cmd); err != nil {
				return err
			}
			if !slices.Contains(languages(), lang) {
				return usage("say.no-language", words.Args{"lang": lang, "known": languages()})
			}
			running = true
			return nil
		},
	}
	// Not cobra's own: its template would link text/template, and with that
	// every method of every package.
	root.Flags().BoolVarP(&showVersion, "version", "V", false, "")
	root.PersistentFlags().StringVar(&lang, "lang", string(s.lang()), "") // read by languageOf
	root.PersistentFlags().StringVar(&config, "config", "", "")           // read by configure
	completeFlag(root, "lang", languages()...)
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetFlagErrorFunc(explainFlagError)
	root.AddCommand(
		newCheckCommand(s),
		newWhyCommand(s),
		newPBXCommand(s),
		newDiagnoseCommand(s),
		newCaptureCommand(s),
		newLogsCommand(s),
		newRouterCommand(s),
		newSymptomCommand(s),
		newExplainCommand(s),
		newFixCommand(s),
		newServeCommand(s),
		newLabCommand(s),
		newReportCommand(s),
		newChecksCommand(s),
		newProfilesCommand(s),
		newFixesCommand(s),
		newMCPCommand(s),
		newVersionCommand(s),
		newManCommand(s),
	)
	root.SetHelpCommand(newHelpCommand(s))
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		completion.Args = noSuchCommand
		completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		for _, shell := range completion.Commands() {
			shell.Args = noArgs
		}
	}
	root.InitDefaultHelpCmd()
	s.explain(root) // what each command and flag is for stands in help.yaml
	root.SetHelpFunc(s.showHelp)
	root.SetUsageFunc(s.showUsage)
	return root, func() bool { return running }
}

// welcome is what the program says when it is started without a command: what
// this machine looks like, which command fits, and the help.
func (s streams) welcome(cmd *cobra.Command) error {
	role := netinfo.LooksLike(platform.ThisSystem())
	fits := map[netinfo.Role]string{netinfo.RolePBX: "sudo sipdoctor pbx", netinfo.RoleRouter: "sipdoctor check sip-alg"}[role]
	if err := writeProse(s.Out, s.say("say.looks-like", words.Args{"role": string(role), "command": cmp.Or(fits, "sipdoctor check")})+"\n\n"); err != nil {
		return err
	}
	return cmd.Help()
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

// helpFor shows what the program knows of the last word, which is not a command's
// name: "help nat", "help check nat".
func (s streams) helpFor(cmd *cobra.Command, args []string) error {
	word := args[len(args)-1]
	if i := slices.IndexFunc(all.Checks(), func(c *checks.Check) bool { return c.ID == word }); i >= 0 {
		return s.describeCheck(cmd.OutOrStdout(), all.Checks()[i])
	}
	if i := slices.IndexFunc(netinfo.Profiles(), func(p *netinfo.Profile) bool { return p.Name == word }); i >= 0 {
		return s.describeProfile(cmd.OutOrStdout(), netinfo.Profiles()[i])
	}
	known := slices.Concat(namesOf(cmd.Root().Commands(), (*cobra.Command).Name), namesOf(all.Checks(), checkID), namesOf(netinfo.Profiles(), profileName))
	return usage("say.no-help", words.Args{"word": words.Raw(word), "near": didYouMean(word, known)})
}

// noSuchCommand is the argument rule of commands that only hold other
// commands: any argument is a mistyped command.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	near := didYouMean(args[0], namesOf(cmd.Commands(), (*cobra.Command).Name))
	return usage("say.unknown-command", words.Args{"command": words.Raw(args[0]), "near": near, "see": cmd.CommandPath()})
}

// explainFlagError adds to a flag's error what to do about it.
func explainFlagError(cmd *cobra.Command, err error) error {
	if err == pflag.ErrHelp {
		return err
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return usage("say.flag-value", words.Args{"flag": e.GetFlag().Name, "value": words.Raw(e.GetValue()), "type": e.GetFlag().Value.Type(), "see": cmd.CommandPath()})
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return usage("say.flag-without-value", words.Args{"flag": e.GetFlag().Name, "see": cmd.CommandPath()})
	}
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name := e.GetSpecifiedName()
		if short := e.GetSpecifiedShortnames(); short != "" {
			return usage("say.unknown-short-flag", words.Args{"flag": words.Raw(name[:1]), "given": short, "see": cmd.CommandPath()})
		}
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		hint := words.Text{}
		if near := closest(name, names); near != "" {
			hint = words.Say("say.near-flag", words.Args{"flag": near})
		}
		return usage("say.unknown-flag", words.Args{"flag": name, "near": hint, "see": cmd.CommandPath()})
	}
	return usage("say.flag-syntax", words.Args{"why": cause(err), "see": cmd.CommandPath()})
}

// noArgs, atMostOne and exactlyOne are argument rules with one-line errors.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("say.no-argument", words.Args{"command": cmd.CommandPath(), "given": words.Raw(args[0])})
	}
	return nil
}

// exactlyOne refuses any other number n of arguments with what refuse says.
func exactlyOne(refuse func(n int) error) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return refuse(len(args))
		}
		return nil
	}
}

func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usage("say.one-argument", words.Args{"command": cmd.CommandPath(), "given": words.Raw(args[1])})
	}
	return nil
}
