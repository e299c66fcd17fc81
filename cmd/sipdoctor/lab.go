package main

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/lab"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// labOptions are the flags of lab; those for reporting and --deep are handed
// on to the check that runs inside.
type labOptions struct {
	reporting
	memory, deep bool
	router       string
}

func newLabCommand(s streams) *cobra.Command {
	var o labOptions
	cmd := &cobra.Command{
		Use: "lab",
		Example: `  sipdoctor lab
  sipdoctor lab sip-alg
  sipdoctor lab sip-alg -- sh
  sipdoctor lab --router export.rsc -- sh`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, s, args)
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return namesOf(scenarioNames(), func(name string) string { return name + "\t" + s.say("say.scenario."+name+".title", nil) }), cobra.ShellCompDirectiveNoFileComp
		},
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&o.deep, "deep", false, "")
	cmd.Flags().BoolVar(&o.memory, "memory", false, "")
	cmd.Flags().StringVar(&o.router, "router", "", "")
	return cmd
}

func (o *labOptions) run(cmd *cobra.Command, s streams, args []string) error {
	if err := o.validate(); err != nil {
		return err
	}
	names, command := args, []string(nil)
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		names, command = args[:dash], args[dash:]
	}
	switch {
	case o.router != "" && len(names) > 0:
		return usage("say.lab-router-scenario", words.Args{"scenario": words.Raw(names[0])})
	case o.router != "" && o.memory:
		return exclusive("--router", "--memory")
	case o.router != "":
		return o.ofRouter(cmd, s, command)
	case len(names) == 0 && len(command) == 0:
		return s.listScenarios()
	case len(names) == 0:
		return usage("say.lab-no-scenario", nil)
	case len(names) > 1:
		return usage("say.lab-two", words.Args{"other": words.Raw(names[1])})
	case o.memory && len(command) > 0:
		return usage("say.lab-memory-command", nil)
	}
	scenario, ok := lab.Find(names[0])
	if !ok {
		return usage("say.lab-unknown", words.Args{"scenario": words.Raw(names[0]), "near": didYouMean(names[0], scenarioNames())})
	}
	if o.memory {
		if err := o.introduce(s, s.Out, scenario); err != nil {
			return err
		}
		return o.inMemory(cmd.Context(), s, scenario, words.Say("say.lab-memory-asked", nil))
	}
	return o.inKernel(cmd, s, scenario, command)
}

func (o *labOptions) inKernel(cmd *cobra.Command, s streams, scenario lab.Scenario, command []string) error {
	ctx := cmd.Context()
	if !lab.Reentered() { // before what takes seconds on a small machine
		w := s.Out
		if len(command) > 0 { // its output is for whoever reads the command's
			w = s.Err
		}
		if err := o.introduce(s, w, scenario); err != nil {
			return err
		}
	}
	inside, exit, err := lab.Enter(ctx)
	if inside {
		exit, err = lab.Run(ctx, scenario, lab.RunOptions{
			Command: command, Check: checkFlags(cmd.Flags()),
			Stdin: s.In, Stdout: s.Out, Stderr: s.Err,
			Warn: func(err error) { s.warn(platform.Words(err).Message()) },
		})
	}
	switch {
	case errors.Is(err, lab.ErrUnavailable) && len(command) == 0:
		// No namespaces are to be had, or this kernel lacks a part of the office,
		// such as the SIP helper as a loaded module.
		return o.inMemory(ctx, s, scenario, platform.Words(err).Message())
	case err != nil:
		return err
	}
	return exitWith(exit)
}

// introduce tells what the office looks like. Where standard output is for a
// program it goes beside it.
func (o *labOptions) introduce(s streams, w io.Writer, scenario lab.Scenario) error {
	about := "say.scenario." + scenario.Name
	return o.tell(s, w,
		words.Say("say.lab-office", words.Args{"scenario": words.Raw(scenario.Name), "title": words.Say(about+".title", nil)}),
		words.Say(about+".story", nil),
		words.Say("say.lab-drawing", words.Args{
			"phone": lab.PhoneAddr, "router": lab.RouterAddr, "responder": lab.ResponderAddr, "carrier": len(scenario.Routers) > 1,
		}))
}

// tell writes lines before the report, and a blank one after them.
func (o *labOptions) tell(s streams, w io.Writer, lines ...words.Text) error {
	if o.quiet {
		return nil
	}
	if o.format != "text" {
		w = s.Err
	}
	var text strings.Builder
	for _, t := range lines {
		text.WriteString(render.Quote(s.fill(t)) + "\n")
	}
	return writeProse(w, text.String()+"\n")
}

// checkFlags are the flags that the check inside understands too, as they were
// given.
func checkFlags(flags *pflag.FlagSet) []string {
	var out []string
	flags.Visit(func(f *pflag.Flag) {
		if !slices.Contains([]string{"memory", "router", "config"}, f.Name) {
			for _, v := range valuesOf(f) {
				out = append(out, "--"+f.Name+"="+v)
			}
		}
	})
	return out
}

func (s streams) listScenarios() error {
	var rows [][2]string
	for _, name := range scenarioNames() {
		rows = append(rows, [2]string{name, s.say("say.scenario."+name+".title", nil)})
	}
	if err := writeColumns(s.Out, lineWidth(s.Out), rows); err != nil {
		return err
	}
	return writeProse(s.Out, "\n"+s.say("say.lab-run-one", nil)+"\n")
}
