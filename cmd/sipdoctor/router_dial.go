package main

import (
	"context"
	"errors"
	"io"

	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/netinfo/routeros/live"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/mikrotik"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

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
		if out.console, err = o.dialConsole(ctx, s, t.Login); err == nil {
			out.answering, out.Closer = live.Console{Typist: out.console}, out.console
		}
	}
	if err != nil {
		return nil, t.failed(err)
	}
	return out, nil
}

// dialConsole logs in over SSH.
func (o *routerOptions) dialConsole(ctx context.Context, s streams, l platform.Login) (*mikrotik.Console, error) {
	l.HostKey, l.Identity = o.hostKey, o.identity
	l.Password = func(ctx context.Context, of string) (string, error) {
		word, err := s.secret(ctx, o.passwordFile, of, platform.ErrLogin)
		return string(word), err
	}
	return mikrotik.DialConsole(ctx, l)
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
