package signalling

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// registerFor is how long the registration would last if it could not be taken
// back, seconds: long enough for any server's minimum (most have 60 or 120),
// short enough to be gone soon.
const registerFor = 300

// register makes one real registration: a REGISTER without credentials, one
// with the answer to the challenge, and one that takes it back, all on the same
// flow. The password is used for one attempt only, right or wrong.
func register(ctx context.Context, env *checks.Env, servers []Server) *Account {
	address := env.Account.User + "@" + env.Account.Domain
	a := &Account{Address: "sip:" + address}
	t, name, ok := best(env.Account.Domain, servers)
	if !ok {
		a.Error = "no-server"
		return a
	}
	a.Server, a.Transport, a.Remote = name, t.transport, t.addr
	t.domain, t.uri = env.Account.Domain, env.Account.Domain
	var p Probe
	f, err := open(ctx, env, t, &p)
	if err != nil {
		a.Error = platform.Words(err)
		return a
	}
	defer f.Close()
	d := probe.NewDialogue(t.transport, f.Local, t.uri, address)
	if err := a.run(ctx, f, d, env.Account); errors.Is(err, errNoAnswer) {
		a.Error = words.Cause(errNoAnswer.Error())
	} else if err != nil {
		a.Error = platform.Words(err)
	}
	return a
}

// best picks the transport for the registration: TLS with a valid certificate,
// where nobody on the way sees material to guess the password from; then UDP and
// TCP, which phones use; then the rest. The server of the account's own domain
// comes before others.
func best(domain string, servers []Server) (target, string, bool) {
	rank := func(s *Server, p *Probe) int {
		r := map[string]int{"udp": 2, "tcp": 3, "tls": 4, "wss": 5, "ws": 6}[p.Transport]
		if p.TLS != nil && p.TLS.sound() && p.Transport == "tls" {
			r = 1
		}
		if at, err := netinfo.ParseHostPort(s.Name); err != nil || !strings.EqualFold(at.Host, domain) {
			r += 10
		}
		return r
	}
	var found target
	var name string
	lowest := 0
	for i := range servers {
		for k := range servers[i].Probes {
			s, p := &servers[i], &servers[i].Probes[k]
			if r := rank(s, p); p.answered() && (lowest == 0 || r < lowest) {
				lowest, name = r, s.Name
				found = target{transport: p.Transport, host: p.Host, addr: p.Remote}
			}
		}
	}
	return found, name, lowest > 0
}

// sound reports whether the certificate has no fault, by this machine's clock.
func (i *TLS) sound() bool {
	return i.Error == "" && (i.DomainBy != "" || i.HostBy != "") && i.ChainError == "" && !i.At.Before(i.NotBefore) && !i.At.After(i.NotAfter)
}

func (a *Account) run(ctx context.Context, f *probe.Flow, d *probe.Dialogue, secret *checks.Account) error {
	request := d.Request("REGISTER", expires(registerFor))
	first, err := askOnce(ctx, f, request)
	if err != nil {
		return fmt.Errorf("registering, without credentials yet: %w", err)
	}
	a.First = noted(first)
	var auth *challenge
	if a.First.Code == 401 || a.First.Code == 407 {
		if auth, a.Unsupported, a.Algorithm = pick(first); auth == nil {
			return nil
		}
		a.Algorithm = cut(cmp.Or(auth.Algorithm, "MD5"))
		request = d.Request("REGISTER", expires(registerFor), auth.answer(secret))
		second, err := askOnce(ctx, f, request)
		if err != nil {
			return fmt.Errorf("registering, with credentials: %w", err)
		}
		a.Second, a.Bound = noted(second), boundAs(request.Payload(), second)
	} else {
		a.Bound = boundAs(request.Payload(), first)
	}
	if last := a.last(); last.Code/100 != 2 {
		return nil
	}
	return a.takeBack(ctx, f, d, secret, auth)
}

// takeBack removes the registration. The credentials are known to be right by
// now, so a server that wants a fresh nonce gets one more answer.
func (a *Account) takeBack(ctx context.Context, f *probe.Flow, d *probe.Dialogue, secret *checks.Account, auth *challenge) error {
	for range 2 {
		fields := []string{expires(0)}
		if auth != nil {
			fields = append(fields, auth.answer(secret))
		}
		reply, err := askOnce(ctx, f, d.Request("REGISTER", fields...))
		if err != nil {
			return fmt.Errorf("taking the registration back: %w", err)
		}
		a.Removed = noted(reply)
		if a.Removed.Code != 401 && a.Removed.Code != 407 {
			return nil
		}
		if auth, _, _ = pick(reply); auth == nil {
			return nil
		}
	}
	return nil
}

// last returns the answer that decides; nil without one.
func (a *Account) last() *Response {
	if a.Second != nil {
		return a.Second
	}
	return a.First
}

func expires(seconds int) string { return fmt.Sprintf("Expires: %d", seconds) }

func noted(reply []byte) *Response {
	r, _ := readResponse(reply)
	return &r
}

// errNoAnswer is silence; its text is a code of Account.Error.
var errNoAnswer = errors.New("no-answer")

// askOnce sends one request and waits for its answer. Repetitions over UDP are
// the same bytes: to the server they are one attempt (RFC 3261, 17.1.2).
func askOnce(ctx context.Context, f *probe.Flow, r *probe.Ask) ([]byte, error) {
	err := f.Ask(ctx, probe.SIP(), r)
	if r.Reply != nil {
		return r.Reply, nil
	}
	if err == nil {
		err = errNoAnswer
	}
	return nil, err
}

type challenge struct {
	sip.Challenge
	used int
}

// pick takes the topmost challenge that can be answered (RFC 8760, section
// 2.4). Where there is none, why is a code of Account.Unsupported, and algorithm
// what the server asks for.
func pick(reply []byte) (c *challenge, why words.Cause, algorithm string) {
	m, err := sip.Parse(reply)
	if err != nil {
		return nil, platform.Words(err), ""
	}
	list := m.Challenges()
	for _, c := range list {
		if c.Supported() {
			return &challenge{Challenge: c}, "", ""
		}
	}
	if len(list) == 0 {
		return nil, "no-challenge", ""
	}
	return nil, "algorithm", cut(strings.TrimSpace(list[0].Scheme + " " + list[0].Algorithm))
}

func (c *challenge) answer(secret *checks.Account) string {
	field := c.Authorize(sip.Credentials{
		User: secret.User, Password: secret.Password.Reveal(), CNonce: probe.Token(), Count: c.used,
	}, "REGISTER", "sip:"+secret.Domain)
	c.used++
	return field
}
