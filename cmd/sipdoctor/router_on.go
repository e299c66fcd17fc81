package main

import (
	"context"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/linuxrouter"
)

// linux reads a router that is a Linux, over SSH. Its fixes are applied with fix.
func (o *routerOptions) linux(ctx context.Context, s streams, r *reporting, t *twinOptions, profile string) error {
	on := remoteOptions{on: o.on, identity: o.identity, hostKey: o.hostKey, passwordFile: o.passwordFile}
	if err := on.validate(); err != nil {
		return err
	}
	for flag, given := range map[string]bool{
		"--apply": o.apply, "--undo": o.undo, "--yes": o.yes, "--only": len(o.only) > 0, "--twin": t.twin, "--try": t.try, "--pbx": t.at.IsValid(),
	} {
		if given {
			return exclusive("--on", flag)
		}
	}
	if profile != "" {
		if _, err := loadProfile(profile); err != nil {
			return err
		}
	}
	sys, done, err := on.dial(ctx, s)
	if err != nil {
		return err
	}
	defer done()
	in := checks.Inputs{Profile: profile, On: on.machine()}
	return r.finish(ctx, s, r.look(ctx, s, "router", []*checks.Check{linuxrouter.Check()}, in, sys))
}
