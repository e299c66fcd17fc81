package main

import (
	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks/routeros"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/netinfo/twin"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// ofRouter runs check, or a command, in the office of an export.
func (o *labOptions) ofRouter(cmd *cobra.Command, s streams, command []string) error {
	ctx := cmd.Context()
	if inside, exit, err := lab.Enter(ctx); err != nil || !inside {
		return firstOf(err, exitWith(exit))
	}
	file, err := routerExport(s.In, o.router)
	if err != nil {
		return err
	}
	data, err := routeros.Load(file)
	if err != nil {
		return err
	}
	cfg, err := ros.Read(data)
	if err != nil {
		return err
	}
	t, err := fitting(twin.Of(cfg, twin.Options{}))
	if err != nil {
		return err
	}
	if !o.quiet {
		if err := render.Lacking(s.Err, builtOf(t), o.text(s.lang(), s.Err)); err != nil {
			return err
		}
	}
	office, err := lab.BuildSite(ctx, t.Site)
	if err != nil {
		return err
	}
	defer office.Close()
	exit, err := office.Run(ctx, lab.RunOptions{
		Command: command, Check: checkFlags(cmd.Flags()), Stdin: s.In, Stdout: s.Out, Stderr: s.Err,
		Warn: func(err error) { s.warn(platform.Words(err).Message()) },
	})
	return firstOf(err, exitWith(exit))
}
