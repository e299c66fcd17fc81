package main

import (
	"bytes"
	"cmp"
	"context"
	"io"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/routeros"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// twin rebuilds the office of a router that answers. It is read first, because there is no
// network inside.
func (o *routerOptions) twin(ctx context.Context, s streams, r *reporting, t *twinOptions, at target, profile string) error {
	if err := cmp.Or(r.validate(), o.validate(at, r)); err != nil {
		return err
	}
	for flag, given := range map[string]bool{"--apply": o.apply, "--undo": o.undo} {
		if given {
			return exclusive("--twin", flag)
		}
	}
	export, err := o.exported(ctx, s, at)
	if err != nil {
		return err
	}
	if inside, exit, err := lab.EnterFed(ctx, export); err != nil || !inside {
		return firstOf(err, exitWith(exit))
	}
	file := checks.File{Name: at.String(), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(export)), nil }}
	env := &checks.Env{Files: []checks.File{file}}
	env.Inputs.Profile, env.Inputs.PBX, env.Inputs.On = profile, t.at, at.String()
	return t.run(ctx, s, r, env)
}

// exported is the configuration of a router that answers; inside the lab, what was read
// before.
func (o *routerOptions) exported(ctx context.Context, s streams, at target) ([]byte, error) {
	if lab.Reentered() {
		return io.ReadAll(s.In)
	}
	router, err := o.dial(ctx, s, at)
	if err != nil {
		return nil, err
	}
	defer router.Close()
	export, err := router.Export(ctx)
	if err == nil {
		_, err = routeros.Load(checks.File{Name: at.String(), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(export)), nil }})
	}
	if err != nil {
		return nil, router.failed(err)
	}
	return export, nil
}
