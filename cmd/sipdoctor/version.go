package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// version and commit are set at release time with -ldflags "-X main.version=1.2.3";
// the linker can set nothing but variables. Empty: what the go command recorded.
var version, commit string

func newVersionCommand(s streams) *cobra.Command {
	var list listing
	var verbose bool
	cmd := &cobra.Command{
		Use:  "version",
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			t := thisTool()
			return list.show(s.Out, struct {
				checks.Tool
				Go       string `json:"go"`
				Platform string `json:"platform"`
				Config   string `json:"config"` // the configuration file, "" without one
			}{t, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, s.config.file}, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, versionLine(t))
				if verbose && err == nil {
					err = s.describeConfig(w)
				}
				return err
			})
		},
	}
	list.addFlag(cmd)
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "")
	return cmd
}

// describeConfig says which configuration file is read, and what is wrong with it.
func (s streams) describeConfig(w io.Writer) error {
	err := writeProse(w, render.Quote(s.say("say.config-file", words.Args{"file": cmp.Or(s.config.file, noConfig)}))+"\n")
	if s.config.mistake != nil && err == nil {
		err = writeProse(w, render.Quote(s.say("say.cause", words.Args{"why": cause(s.config.mistake)}))+"\n")
	}
	return err
}

// versionLine is what "version", --version and -V print.
func versionLine(t checks.Tool) string {
	commit := ""
	if t.Commit != "" {
		commit = " commit " + t.Commit
	}
	return fmt.Sprintf("%s %s%s %s %s/%s", t.Name, t.Version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// thisTool says which program this is, for reports and for the responder.
func thisTool() checks.Tool {
	t := checks.Tool{Name: "sipdoctor", Version: version, Commit: commit}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		t.Version = cmp.Or(t.Version, "unknown")
		return t
	}
	recorded, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			recorded = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "-modified"
		}
	}
	if t.Commit == "" && recorded != "" {
		t.Commit = recorded + modified
	}
	t.Version = cmp.Or(t.Version, strings.Trim(info.Main.Version, "()"), "devel")
	return t
}
