package main

import (
	"bytes"
	"context"
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

// routerCommand is router with its flags.
type routerCommand struct {
	reporting
	profile string
	twin    twinOptions
	live    routerOptions
}

func newRouterCommand(s streams) *cobra.Command {
	var o routerCommand
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
			if n := len(args); n > 1 || (n == 0) != (o.live.on != "") {
				return usage("say.router-no-file", nil)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := firstOf(o.validate(), o.twin.validate()); err != nil {
				return err
			}
			if o.live.on != "" {
				return o.live.linux(cmd.Context(), s, &o.reporting, &o.twin, o.profile)
			}
			return o.run(cmd.Context(), s, args[0])
		},
	}
	o.addFlags(cmd)
	o.twin.addFlags(cmd)
	o.live.addFlags(cmd)
	cmd.Flags().StringVar(&o.profile, "profile", "", "")
	_ = cmd.RegisterFlagCompletionFunc("profile", completeProfiles)
	return cmd
}

// run reads a router, or what one exported.
func (o *routerCommand) run(ctx context.Context, s streams, name string) error {
	router, answers, err := routerTarget(name)
	if err != nil {
		return err
	}
	if o.profile != "" {
		if _, err := loadProfile(o.profile); err != nil {
			return err
		}
	}
	switch {
	case answers && o.twin.twin:
		return o.live.twin(ctx, s, &o.reporting, &o.twin, router, o.profile)
	case answers:
		return o.live.run(ctx, s, &o.reporting, router, o.profile)
	}
	if err := o.live.refuseForFile(); err != nil {
		return err
	}
	return o.file(ctx, s, name)
}

// file reads an export.
func (o *routerCommand) file(ctx context.Context, s streams, name string) error {
	if o.twin.twin { // before anything is read: what follows happens in another process
		if inside, exit, err := lab.Enter(ctx); err != nil || !inside {
			return firstOf(err, exitWith(exit))
		}
	}
	file, err := routerExport(s.In, name)
	if err != nil {
		return err
	}
	env := &checks.Env{Files: []checks.File{file}}
	env.Inputs.Profile, env.Inputs.PBX = o.profile, o.twin.at
	if o.twin.twin {
		return o.twin.run(ctx, s, &o.reporting, env)
	}
	return readEvidence(ctx, s, &o.reporting, "router", routeros.Check(), env)
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
