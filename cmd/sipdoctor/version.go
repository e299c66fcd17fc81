package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
)

// version is set at release time with -ldflags "-X main.version=1.2.3"; the
// linker can set nothing but a variable. Empty: what the go command recorded.
var version string

func newVersionCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			t := thisTool()
			commit := ""
			if t.Commit != "" {
				commit = " commit " + t.Commit
			}
			_, err := fmt.Fprintf(s.Out, "%s %s%s %s %s/%s\n", t.Name, t.Version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// thisTool says which program this is, for reports and for the responder.
func thisTool() checks.Tool {
	t := checks.Tool{Name: "sipdoctor", Version: version}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		if t.Version == "" {
			t.Version = "unknown"
		}
		return t
	}
	modified := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			t.Commit = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if modified && t.Commit != "" {
		t.Commit += "-modified"
	}
	if t.Version == "" {
		t.Version = info.Main.Version
	}
	if t.Version == "" || t.Version == "(devel)" {
		t.Version = "devel"
	}
	return t
}
