package signalling

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/platform"
)

// askFirst is how long OPTIONS has before REGISTER joins it: most servers
// answer within 200 ms, and one lost packet is made good within it.
func askFirst() probe.Schedule {
	const ms = time.Millisecond
	return probe.Schedule{SendAt: []time.Duration{0, 400 * ms}, LastWait: 600 * ms}
}

// askOn continues with both: five tries in all, as probe.SIP has.
func askOn() probe.Schedule {
	const ms = time.Millisecond
	return probe.Schedule{SendAt: []time.Duration{0, 700 * ms, 1600 * ms}, LastWait: 900 * ms}
}

// askServer asks one server over every transport at the same time.
func askServer(ctx context.Context, env *checks.Env, name string) Server {
	s := Server{Name: name, Probes: []Probe{}}
	targets, err := resolve(ctx, env, name)
	if err != nil {
		s.Error = platform.Words(err)
		return s
	}
	s.Probes = make([]Probe, len(targets))
	turn := newTurn(targets)
	var wg sync.WaitGroup
	for i, t := range targets {
		wg.Go(func() { s.Probes[i] = ask(ctx, env, t, turn) })
	}
	wg.Wait()
	return s
}

// turn decides on which transport the one REGISTER goes: UDP, if it answers
// OPTIONS, else the first other one that does.
type turn struct {
	udp   chan struct{} // closed when it is known whether UDP answers
	mu    sync.Mutex
	taken bool
	left  int // UDP probes that are not decided yet
}

func newTurn(targets []target) *turn {
	t := &turn{udp: make(chan struct{})}
	for _, x := range targets {
		if x.transport == "udp" {
			t.left++
		}
	}
	if t.left == 0 {
		close(t.udp)
	}
	return t
}

// take reports whether the caller is to send the REGISTER. UDP callers say in
// any case whether OPTIONS was answered; the others wait for them.
func (t *turn) take(ctx context.Context, udp, answered bool) bool {
	if !udp {
		select {
		case <-t.udp:
		case <-ctx.Done():
			return false
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	mine := answered && !t.taken
	t.taken = t.taken || mine
	if udp {
		if t.left--; t.left == 0 {
			close(t.udp)
		}
	}
	return mine
}

// ask probes one transport.
func ask(ctx context.Context, env *checks.Env, t target, order *turn) Probe {
	p := Probe{Transport: t.transport, Host: t.host, Remote: t.addr, Expected: t.expected, SRV: t.srv}
	udp := t.transport == "udp"
	f, err := open(ctx, env, t, &p)
	if err != nil {
		if udp {
			order.take(ctx, true, false)
		}
		p.fail(err)
		return p
	}
	defer f.Close()
	p.Local = f.Local
	d := probe.NewDialogue(t.transport, p.Local, t.uri, "sipdoctor@"+t.uri)
	options := d.Request("OPTIONS", "Accept: application/sdp")
	err = f.Ask(ctx, askFirst(), options)
	answered := options.Reply != nil
	mine := order.take(ctx, udp, answered)
	if ctx.Err() == nil && (!answered || mine || env.Inputs.Deep) && (udp || err == nil) {
		register := d.Request("REGISTER", "Expires: 60")
		if err2 := f.Ask(ctx, askOn(), options, register); err2 != nil {
			err = err2
		}
		p.Register = answerOf(register)
	}
	p.Options, p.Strays = answerOf(options), f.Strays
	if p.Options.Reply == nil && p.Register.Reply == nil {
		p.fail(err)
	}
	return p
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

// answered reports whether anything came back.
func (p *Probe) answered() bool { return p.Options.Reply != nil || p.Register.Reply != nil }

// port of the server.
func (p *Probe) port() int { return int(p.Remote.Port()) }
