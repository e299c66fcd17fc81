package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/routeros"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/netinfo/routeros/live"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/mikrotik"
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

// answering is a router that answers, whichever way it was reached.
type answering interface {
	// Export is its configuration as Read of netinfo/routeros takes it, without secrets.
	Export(context.Context) ([]byte, error)
	// Connections are those that it tracks; nil where it does not show them.
	Connections(context.Context) (*ros.Connections, error)
	// Serial tells it from all others; empty where it has no such number.
	Serial(context.Context) (string, error)
	// Type runs one line and returns what the router says to it, or its refusal.
	Type(ctx context.Context, line string) (string, error)
}

// A routerSession is a router that was logged in to.
type routerSession struct {
	answering
	target
	console *mikrotik.Console // nil: it has no safe mode by this way
	safe    *mikrotik.Safe    // while it is changed
	serial  string            // of what is changed
	io.Closer
}

// dial logs in.
func (o *routerOptions) dial(ctx context.Context, s streams, t target) (*routerSession, error) {
	out := &routerSession{target: t}
	password := func(ctx context.Context) (string, error) {
		word, err := s.secret(ctx, o.passwordFile, t.String(), failure("say.router-no-secret", words.Args{"router": t.String(), "variable": passwordVar}))
		return string(word), err
	}
	account := mikrotik.Account{User: t.User, Host: t.Host, Port: t.Port, Password: password}
	if t.isTLS() && o.hostKey != "" {
		var err error
		if account.Fingerprint, err = certificateKey(o.hostKey); err != nil {
			return nil, err
		}
	}
	var err error
	switch t.scheme {
	case "https":
		var rest *mikrotik.REST
		if rest, err = mikrotik.DialREST(ctx, account); err == nil {
			out.answering, out.Closer = &live.Menus{Lister: rest}, rest
		}
	case "api", "apis":
		var api *mikrotik.API
		if api, err = mikrotik.DialAPI(ctx, account, t.isTLS()); err == nil {
			out.answering, out.Closer = &live.Menus{Lister: api}, api
		}
	default:
		l := t.Login
		l.HostKey, l.Identity = o.hostKey, o.identity
		l.Password = func(ctx context.Context, of string) (string, error) {
			word, err := s.secret(ctx, o.passwordFile, of, platform.ErrLogin)
			return string(word), err
		}
		if out.console, err = mikrotik.DialConsole(ctx, l); err == nil {
			out.answering, out.Closer = live.Console{Typist: out.console}, out.console
		}
	}
	if err != nil {
		return nil, t.failed(err)
	}
	return out, nil
}

// failed says why a router was not reached, or not read.
func (t target) failed(err error) error {
	if bad, ok := errors.AsType[*mikrotik.CertificateError](err); ok {
		args := words.Args{"host": bad.Host, "key": bad.Fingerprint}
		if bad.Changed {
			return failure("say.router-certificate-changed", args)
		}
		args["why"] = cause(bad.Why)
		return failure("say.router-certificate", args)
	}
	if ours, ok := errors.AsType[*messageError](err); ok {
		return ours
	}
	if errors.Is(err, platform.ErrLogin) && t.scheme != "ssh" {
		return failure("say.router-login", words.Args{"router": t.String(), "variable": passwordVar})
	}
	return loginFailure(err, t.Login)
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
