package main

import (
	"bytes"
	"io"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/routeros"
	"github.com/sipdoctor/sipdoctor/platform/lab"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func newRouterCommand(s streams) *cobra.Command {
	var (
		o       reporting
		profile string
		t       twinOptions
		live    routerOptions
	)
	cmd := &cobra.Command{
		Use: "router",
		Example: `  sipdoctor router export.rsc
  sipdoctor router export.rsc --profile megafon-vats
  sipdoctor router export.rsc --pbx 192.168.88.10
  sipdoctor router export.rsc --twin --try
  ssh admin@192.168.88.1 /export | sipdoctor router -
  sipdoctor router admin@192.168.88.1
  sipdoctor router https://admin@192.168.88.1 --apply
  sipdoctor router --on root@openwrt.lan`,
		Args: func(_ *cobra.Command, args []string) error {
			if n := len(args); n > 1 || (n == 0) != (live.on != "") {
				return usage("say.router-no-file", nil)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			if err := t.validate(); err != nil {
				return err
			}
			if live.on != "" {
				return live.linux(cmd.Context(), s, &o, &t, profile)
			}
			router, answers, err := routerTarget(args[0])
			if err != nil {
				return err
			}
			if profile != "" {
				if _, err := loadProfile(profile); err != nil {
					return err
				}
			}
			switch {
			case answers && t.twin:
				return live.twin(cmd.Context(), s, &o, &t, router, profile)
			case answers:
				return live.run(cmd.Context(), s, &o, router, profile)
			}
			if err := live.refuseForFile(); err != nil {
				return err
			}
			if t.twin { // before anything is read: what follows happens in another process
				if inside, exit, err := lab.Enter(cmd.Context()); err != nil || !inside {
					return firstOf(err, exitWith(exit))
				}
			}
			file, err := routerExport(s.In, args[0])
			if err != nil {
				return err
			}
			env := &checks.Env{Files: []checks.File{file}}
			env.Inputs.Profile, env.Inputs.PBX = profile, t.at
			if t.twin {
				return t.run(cmd.Context(), s, &o, env)
			}
			return readEvidence(cmd.Context(), s, &o, "router", routeros.Check(), env)
		},
	}
	o.addFlags(cmd)
	t.addFlags(cmd)
	live.addFlags(cmd)
	cmd.Flags().StringVar(&profile, "profile", "", "")
	_ = cmd.RegisterFlagCompletionFunc("profile", completeProfiles)
	return cmd
}

// isAddress reports whether s is an address and nothing else.
func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// routerExport is the file of that name, which must be an export; "-" is standard
// input.
func routerExport(stdin io.Reader, name string) (checks.File, error) {
	file := checks.File{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil }}
	if name != "-" {
		in, err := os.Stat(name)
		switch {
		case err != nil && strings.ContainsAny(name, "@:") || isAddress(name):
			return file, usage("say.router-live", words.Args{"name": words.Raw(name)})
		case err != nil:
			return file, usage("say.evidence", words.Args{"why": cause(err)})
		case in.IsDir():
			return file, usage("say.router-no-file", nil)
		}
		file.Open = func() (io.ReadCloser, error) { return os.Open(name) }
	}
	data, err := routeros.Load(file)
	if err != nil {
		return file, usage("say.reading", words.Args{"file": nameOf(file), "why": cause(err)})
	}
	file.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	return file, nil
}
