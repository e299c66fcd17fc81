package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// passwordVar may hold the password of --account. A flag for it would show it
// to everybody who lists this machine's processes.
const passwordVar = "SIPDOCTOR_PASSWORD"

// maxPassword bounds a password file, bytes.
const maxPassword = 1 << 10

// signallingOptions are the flags of the signalling check.
type signallingOptions struct {
	account, passwordFile string
	ntp                   string
}

func (o *signallingOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.account, "account", "", "")
	f.StringVar(&o.passwordFile, "password-file", "", "")
	f.StringVar(&o.ntp, "ntp", "", "")
}

func (o *signallingOptions) validate() error {
	if o.ntp != "" {
		if err := validHostPort("ntp", o.ntp); err != nil {
			return err
		}
	}
	if o.account == "" {
		if o.passwordFile != "" {
			return usage("say.password-without-account", nil)
		}
		return nil
	}
	_, err := o.parseAccount()
	return err
}

// parseAccount reads user@domain, with or without "sip:" before it.
func (o *signallingOptions) parseAccount() (*checks.Account, error) {
	text := strings.TrimPrefix(o.account, "sip:")
	at := strings.LastIndexByte(text, '@')
	if at < 1 || at == len(text)-1 {
		return nil, usage("say.not-an-account", words.Args{"account": o.account})
	}
	a := &checks.Account{User: text[:at], Domain: strings.ToLower(text[at+1:])}
	if bad := strings.IndexFunc(a.User, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"<>\:;?@`, r) }); bad >= 0 || len(a.User) > 128 {
		return nil, usage("say.not-a-sip-user", words.Args{"user": a.User})
	}
	if _, _, err := net.SplitHostPort(a.Domain); err == nil {
		return nil, usage("say.account-with-port", words.Args{"account": o.account})
	}
	return a, validHostPort("account", a.Domain)
}

// readAccount returns the account with its password, nil without --account.
func (o *signallingOptions) readAccount(ctx context.Context, s streams) (*checks.Account, error) {
	if o.account == "" {
		return nil, nil
	}
	a, err := o.parseAccount()
	if err != nil {
		return nil, err
	}
	word, err := s.secret(ctx, o.passwordFile, a.User+"@"+a.Domain, usage("say.password-missing", words.Args{"variable": passwordVar}))
	if err != nil {
		return nil, err
	}
	if i := bytes.IndexFunc(word, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		return nil, usage("say.password-control", words.Args{"byte": i + 1})
	}
	if len(word) == 0 {
		return nil, usage("say.password-empty", nil)
	}
	a.Password = checks.NewSecret(string(word))
	return a, nil
}

// secret reads a password: from a file, the environment, or who sits at the terminal;
// missing is the error where there is nobody.
func (s streams) secret(ctx context.Context, file, of string, missing error) ([]byte, error) {
	switch {
	case file == "-":
		b, err := io.ReadAll(io.LimitReader(s.In, maxPassword))
		if err != nil {
			return nil, failure("say.reading-password", words.Args{"why": cause(err)})
		}
		return firstLine(b), nil
	case file != "":
		b, err := platform.ReadSmallFile(file, maxPassword)
		if err != nil {
			return nil, usage("say.password-file", words.Args{"why": cause(err)})
		}
		return firstLine(b), nil
	case os.Getenv(passwordVar) != "":
		return []byte(os.Getenv(passwordVar)), nil
	}
	f, ok := s.In.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, missing
	}
	fmt.Fprint(s.Err, s.say("say.ask-password", words.Args{"account": of}), " ")
	b, err := readHidden(ctx, int(f.Fd()))
	fmt.Fprintln(s.Err)
	return b, err
}

// readHidden reads a line without showing it. When ctx ends first the
// terminal is put back as it was.
func readHidden(ctx context.Context, fd int) ([]byte, error) {
	state, err := term.GetState(fd)
	if err != nil {
		return nil, failure("say.reading-password", words.Args{"why": cause(err)})
	}
	type line struct {
		b   []byte
		err error
	}
	ch := make(chan line, 1)
	go func() {
		b, err := term.ReadPassword(fd)
		ch <- line{b, err}
	}()
	select {
	case l := <-ch:
		if errors.Is(l.err, io.EOF) {
			l.err = nil
		}
		return l.b, l.err
	case <-ctx.Done():
		_ = term.Restore(fd, state)
		return nil, failure("say.reading-password", words.Args{"why": cause(ctx.Err())})
	}
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r"))
}

// addAccount names the account's domain as a server to ask, if no other was
// named, and refuses a run in which the account would not be used or would be
// used again and again.
func (o *checkOptions) addAccount(in *checks.Inputs, list []*checks.Check) error {
	if o.account == "" {
		return nil
	}
	if !slices.ContainsFunc(list, func(c *checks.Check) bool { return c.ID == "signalling" }) {
		return usage("say.account-unused", nil)
	}
	if o.watch > 0 {
		return usage("say.account-watch", nil)
	}
	a, err := o.parseAccount()
	if err != nil {
		return err
	}
	if len(in.SIPServers) == 0 {
		in.SIPServers = []string{a.Domain}
	}
	return nil
}
