package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// remoteOptions are the flags of commands that can read a machine over SSH.
type remoteOptions struct {
	on, identity, hostKey, passwordFile string
}

func (o *remoteOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.on, "on", "", "")
	f.StringVar(&o.identity, "identity", "", "")
	f.StringVar(&o.hostKey, "host-key", "", "")
	f.StringVar(&o.passwordFile, "password-file", "", "")
}

func (o *remoteOptions) validate() error {
	if o.on == "" {
		for flag, v := range map[string]string{"--identity": o.identity, "--host-key": o.hostKey, "--password-file": o.passwordFile} {
			if v != "" {
				return usage("say.only-with-on", words.Args{"flag": flag})
			}
		}
		return nil
	}
	if o.hostKey != "" && !strings.HasPrefix(o.hostKey, "SHA256:") {
		return usage("say.not-a-host-key", words.Args{"key": o.hostKey})
	}
	_, err := platform.ParseLogin(o.on)
	if err != nil {
		return badValue("--on", o.on, err)
	}
	return nil
}

// machine names what is read, for the report.
func (o *remoteOptions) machine() string {
	if o.on == "" {
		return ""
	}
	l, _ := platform.ParseLogin(o.on) // validate has looked
	return l.Name()
}

// dial logs in.
func (o *remoteOptions) dial(ctx context.Context, s streams) (platform.System, func(), error) {
	l, err := platform.ParseLogin(o.on)
	if err != nil {
		return nil, func() {}, badValue("--on", o.on, err)
	}
	l.HostKey, l.Identity = o.hostKey, o.identity
	l.Password = func(ctx context.Context, of string) (string, error) {
		word, err := s.secret(ctx, o.passwordFile, of, platform.ErrLogin)
		return string(word), err
	}
	r, err := platform.DialRemote(ctx, l)
	if err == nil {
		stop := context.AfterFunc(ctx, func() { r.Close() }) // whoever waits for that machine waits no longer
		return r, func() { stop(); r.Close() }, nil
	}
	return nil, func() {}, loginFailure(err, l)
}

// loginFailure says why a login over SSH failed.
func loginFailure(err error, l platform.Login) error {
	if key, ok := errors.AsType[*platform.HostKeyError](err); ok {
		args := words.Args{"host": key.Host, "key": key.Fingerprint, "command": l.Command()}
		if err = failure("say.host-key-unknown", args); key.Changed {
			err = failure("say.host-key-changed", args)
		}
	} else if errors.Is(err, platform.ErrLogin) {
		err = failure("say.login-refused", words.Args{"login": l.Name(), "variable": passwordVar})
	} else if _, ours := errors.AsType[*messageError](err); !ours {
		err = failure("say.on-failed", words.Args{"why": cause(err)})
	}
	return err
}
