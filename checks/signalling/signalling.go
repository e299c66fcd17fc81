// Package signalling asks the provider's SIP servers over every transport that
// phones use, explains what they answer, and looks at their certificates.
package signalling

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID: "signalling", Group: "office", Words: ownWords,
		Timeout: 30 * time.Second,
		Assumes: []string{"uplink", "dns", "nat"},
		AsksSIP: true,
	}, observe, judge)
}

// accountBudget bounds the real registration: three questions, of which the
// first two may have to be repeated.
const accountBudget = 12 * time.Second

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	o := Observed{Servers: []Server{}, LocalTime: time.Now().UTC()}
	if len(env.Inputs.SIPServers) == 0 {
		return o, nil
	}
	names := env.Inputs.SIPServers[:min(maxServers, len(env.Inputs.SIPServers))]
	o.LeftOut = len(env.Inputs.SIPServers) - len(names)
	env.Progress(checks.Event{Text: words.Say("signalling.progress.asking", nil)})
	var wg sync.WaitGroup
	wg.Go(func() { o.Clock = askTime(ctx, env) })
	o.Servers = probe.Map(names, func(name string) Server { return askServer(ctx, env, name) })
	wg.Wait()
	if env.Account != nil && ctx.Err() == nil {
		env.Progress(checks.Event{Text: words.Say("signalling.progress.registering", words.Args{"account": env.Account.User + "@" + env.Account.Domain})})
		ctx, cancel := context.WithTimeout(ctx, accountBudget)
		defer cancel()
		o.Account = register(ctx, env, o.Servers)
	}
	return o, ctx.Err()
}

// askFirst is how long OPTIONS has before REGISTER joins it: most servers
// answer within 200 ms, and one lost packet is made good within it.
func askFirst() probe.Schedule { return probe.At(600, 0, 400) }

// askOnFor continues: five tries in all, as probe.SIP has.
func askOnFor() probe.Schedule { return probe.At(900, 0, 700, 1600) }

// askServer asks one server over every transport at the same time.
func askServer(ctx context.Context, env *checks.Env, name string) Server {
	s := Server{Name: name, Probes: []Probe{}}
	targets, err := resolve(ctx, env, name)
	if err != nil {
		s.Error = platform.Words(err)
		return s
	}
	var order turn
	for _, t := range targets {
		if t.transport == "udp" {
			order.udp.Add(1)
		}
	}
	s.Probes = probe.Map(targets, func(t target) Probe { return ask(ctx, env, t, &order) })
	return s
}

// turn decides on which transport the one REGISTER goes: UDP, if it answers
// OPTIONS, else the first other one that does.
type turn struct {
	udp   sync.WaitGroup // who has not said yet whether OPTIONS was answered
	taken atomic.Bool
}

// take reports whether the caller is to send the REGISTER. UDP callers say in
// any case whether OPTIONS was answered; the others wait for them.
func (t *turn) take(udp, answered bool) bool {
	if udp {
		defer t.udp.Done()
	} else {
		t.udp.Wait()
	}
	return answered && t.taken.CompareAndSwap(false, true)
}

func ask(ctx context.Context, env *checks.Env, t target, order *turn) Probe {
	p := Probe{Transport: t.transport, Host: t.host, Remote: t.addr, Expected: t.expected, SRV: t.srv}
	udp := t.transport == "udp"
	f, err := open(ctx, env, t, &p)
	if err != nil {
		if udp {
			order.take(true, false)
		}
		p.fail(err)
		return p
	}
	defer f.Close()
	p.Local = f.Local
	d := probe.NewDialogue(t.transport, p.Local, t.uri, "sipdoctor@"+t.uri)
	var options *probe.Ask
	env.AskSIP(ctx, t.addr.Addr(), func(method string) []byte {
		options = d.Request(method, "Accept: application/sdp")
		err = f.Ask(ctx, askFirst(), options)
		return options.Reply
	})
	answered := options.Reply != nil
	mine := order.take(udp, answered)
	more := !answered || (mine || env.Inputs.Deep) && !env.NoRegister && !env.Stranger(ctx, t.addr.Addr())
	if ctx.Err() == nil && more && (udp || err == nil) {
		if err2 := p.askOn(ctx, env, f, d, options); err2 != nil {
			err = err2
		}
	}
	p.Options, p.Strays = answerOf(options), f.Strays
	if p.Options.Reply == nil && p.Register.Reply == nil {
		p.fail(err)
	}
	return p
}

// askOn asks for longer, and with REGISTER too.
func (p *Probe) askOn(ctx context.Context, env *checks.Env, f *probe.Flow, d *probe.Dialogue, options *probe.Ask) error {
	if env.NoRegister {
		return f.Ask(ctx, askOnFor(), options)
	}
	register := d.Request("REGISTER", "Expires: 60")
	defer func() { p.Register = answerOf(register) }()
	return f.Ask(ctx, askOnFor(), options, register)
}

func (p *Probe) fail(err error) {
	if err == nil {
		return // silence
	}
	p.Error, p.ErrorClass, p.ErrorHop = probe.Failure(err)
	if errors.Is(err, probe.ErrClosed) {
		p.ErrorClass = string(platform.ClassReset)
	}
}

func (p *Probe) answered() bool { return p.Options.Reply != nil || p.Register.Reply != nil }

func (p *Probe) port() int { return int(p.Remote.Port()) }

// connectTimeout bounds a TCP connection and what is built on it: the
// handshake survives two lost segments in it (initial RTO 1 s, RFC 6298).
const connectTimeout = 4 * time.Second

// open makes a flow to t; p takes what is learnt on the way.
func open(ctx context.Context, env *checks.Env, t target, p *Probe) (*probe.Flow, error) {
	if t.transport == "udp" {
		return probe.OpenUDP(ctx, env.Net, env.Inputs.Bind, t.addr)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := env.Net.DialTCP(ctx, netip.AddrPortFrom(env.Inputs.Bind, 0), t.addr)
	if err != nil {
		return nil, err
	}
	p.Connected = true
	f := probe.OnStream(conn, t.addr)
	if err := raise(ctx, f, conn, t, p); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// raise puts what the transport has above TCP on a connection.
func raise(ctx context.Context, f *probe.Flow, conn net.Conn, t target, p *Probe) (err error) {
	if t.transport == "tls" || t.transport == "wss" {
		if conn, p.TLS, err = handshake(ctx, conn, t); err != nil {
			return fmt.Errorf("TLS handshake with %s: %w", t.addr, err)
		}
		f.Messages = &probe.Stream{Conn: conn}
	}
	if t.transport == "ws" || t.transport == "wss" {
		f.Messages, err = upgrade(ctx, conn, t, p)
	}
	return err
}
