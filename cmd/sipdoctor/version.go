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
)

// version and commit are set at release time with -ldflags "-X main.version=1.2.3";
// the linker can set nothing but variables. Empty: what the go command recorded.
var version, commit string

func newVersionCommand(s streams) *cobra.Command {
	var list listing
	cmd := &cobra.Command{
		Use:  "version",
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			t := thisTool()
			return list.show(s.Out, struct {
				checks.Tool
				Go       string `json:"go"`
				Platform string `json:"platform"`
			}{t, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, versionLine(t))
				return err
			})
		},
	}
	list.addFlag(cmd)
	return cmd
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
