package main

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/routeros"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// routerOptions are the flags of router for one that answers.
type routerOptions struct {
	fixOptions
	on, identity, hostKey, passwordFile string
}

func (o *routerOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.on, "on", "", "")
	f.StringVar(&o.identity, "identity", "", "")
	f.StringVar(&o.hostKey, "host-key", "", "")
	f.StringVar(&o.passwordFile, "password-file", "", "")
	f.BoolVar(&o.apply, "apply", false, "")
	f.BoolVar(&o.undo, "undo", false, "")
	f.BoolVarP(&o.yes, "yes", "y", false, "")
	f.StringSliceVar(&o.only, "only", nil, "")
}

// refuseForFile refuses them where a file is read.
func (o *routerOptions) refuseForFile() error {
	for flag, given := range map[string]bool{
		"--identity": o.identity != "", "--host-key": o.hostKey != "", "--password-file": o.passwordFile != "",
		"--apply": o.apply, "--undo": o.undo, "--yes": o.yes, "--only": len(o.only) > 0,
	} {
		if given {
			return usage("say.router-only-live", words.Args{"flag": flag})
		}
	}
	return nil
}

// validate refuses what cannot be meant, before anybody is asked.
func (o *routerOptions) validate(t target, r *reporting) error {
	changes := o.apply || o.undo
	switch {
	case o.apply && o.undo:
		return exclusive("--apply", "--undo")
	case o.yes && !changes:
		return usage("say.fix-yes-alone", nil)
	case len(o.only) > 0 && !o.apply:
		return usage("say.router-only-alone", nil)
	case changes && (r.format != "text" || r.output != "" || r.redact):
		return usage("say.router-apply-text", nil)
	case changes && o.passwordFile == "-" && !o.yes:
		return usage("say.router-stdin", nil)
	case o.identity != "" && t.scheme != "ssh":
		return usage("say.router-identity", words.Args{"scheme": t.scheme})
	}
	return o.validateKey(t)
}

// validateKey refuses a fingerprint that can be none of this router.
func (o *routerOptions) validateKey(t target) (err error) {
	switch {
	case o.hostKey == "":
	case t.scheme == "api":
		err = usage("say.router-clear-key", nil)
	case t.isTLS():
		_, err = certificateKey(o.hostKey)
	case !strings.HasPrefix(o.hostKey, "SHA256:"):
		err = usage("say.not-a-host-key", words.Args{"key": o.hostKey})
	}
	return err
}

// certificateKey reads the SHA-256 of a certificate.
func certificateKey(s string) (string, error) {
	hex, err := readFingerprint(s)
	if err != nil {
		return "", usage("say.router-certificate-key", words.Args{"key": words.Raw(s)})
	}
	return hex, nil
}

// look reads the router and judges what was read.
func (r *routerSession) look(ctx context.Context, o *reporting, s streams, profile string) (*checks.Report, error) {
	p := newProgress(s, o.quiet, "say.progress-reading")
	defer p.end()
	export, err := r.Export(ctx)
	if err != nil {
		return nil, r.failed(err)
	}
	connections, err := r.Connections(ctx)
	if err != nil {
		return nil, r.failed(err)
	}
	file := checks.File{Name: r.String(), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(export)), nil }}
	if _, err := routeros.Load(file); err != nil {
		return nil, r.failed(err)
	}
	env := &checks.Env{Files: []checks.File{file}, Connections: connections, OnProgress: p.take}
	env.Inputs.Profile, env.Inputs.On = profile, r.String()
	report := checks.Run(ctx, []*checks.Check{routeros.Check()}, env, checks.Meta{Tool: thisTool(), Command: "router"})
	return report, ctx.Err()
}

// liveRouter reports whether a report is about a MikroTik router that answered.
func liveRouter(r *checks.Report) bool {
	return r.Command == "router" && r.Inputs.On != "" && r.Result("routeros") != nil
}

// run reads a router, and changes it if it is to be changed.
func (o *routerOptions) run(ctx context.Context, s streams, r *reporting, t target, profile string) error {
	if err := cmp.Or(r.validate(), o.validate(t, r)); err != nil {
		return err
	}
	if t.scheme == "api" {
		s.warn(words.Say("say.router-clear", words.Args{"host": t.Host}))
	}
	router, err := o.dial(ctx, s, t)
	if err != nil {
		return err
	}
	defer router.Close()
	if o.undo {
		return o.undoOn(ctx, s, router)
	}
	report, err := router.look(ctx, r, s, profile)
	if err != nil {
		return err
	}
	if !o.apply {
		return r.finish(ctx, s, report)
	}
	if err := r.show(ctx, s, report); err != nil {
		return err
	}
	return o.applyOn(ctx, s, r, router, report)
}
