package allowlist

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// pace is the time between two targets: 20 new flows a second is what a
	// handful of phones makes when the power comes back.
	pace = 50 * time.Millisecond

	// tries of UDP, at most: on a line that loses a fifth each way all of them
	// are lost once in 3,500 ports. RFC 3261 lets a phone send such a request
	// eleven times.
	tries = 8

	// again is the time between two of them: most answers are there before the
	// second (RFC 3261 begins with 500 ms), and lastWait is longer than any round
	// trip on which a call would be bearable.
	again    = 500 * time.Millisecond
	lastWait = 1200 * time.Millisecond

	// connectTime lets the system send its SYN twice, at 0 and 1 s on every
	// system, and not a third time at 3 s.
	connectTime = 2900 * time.Millisecond
	syns        = 2
)

// ask asks all targets, one after the other begun, all under way together.
func ask(ctx context.Context, env *checks.Env, targets []Probe) []Probe {
	var wg sync.WaitGroup
	for i := range targets {
		if i > 0 && probe.Sleep(ctx, pace) != nil {
			break
		}
		env.Progress(checks.Event{Text: words.Say("allow-list.progress.asking", words.Args{"host": targets[i].Host})})
		wg.Go(func() { targets[i].ask(ctx, env) })
	}
	wg.Wait()
	return targets
}

func (p *Probe) ask(ctx context.Context, env *checks.Env) {
	var err error
	if p.Local, err = probe.Source(env.Net, env.Inputs.Bind, p.Addr.Addr()); err != nil {
		p.fail(err)
		return
	}
	local := netip.AddrPortFrom(p.Local, 0)
	switch p.Method {
	case methodConnect:
		p.connect(ctx, env, local)
	case methodSTUN:
		p.stun(ctx, env, local)
	default:
		p.options(ctx, env)
	}
}

func (p *Probe) connect(ctx context.Context, env *checks.Env, local netip.AddrPort) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	p.Tries = syns
	start := time.Now()
	conn, err := env.Net.DialTCP(ctx, local, p.Addr)
	if err != nil {
		p.fail(err)
		return
	}
	p.answered(time.Since(start))
	_ = conn.Close()
}

func (p *Probe) stun(ctx context.Context, env *checks.Env, local netip.AddrPort) {
	sock, err := stun.Open(ctx, env.Net, local)
	if err != nil {
		p.fail(err)
		return
	}
	defer sock.Close()
	start := time.Now()
	out := sock.Ask(ctx, stun.Question{To: p.Addr, Plan: stun.Plan{First: again, Most: again, Sends: tries, Linger: lastWait}})
	p.Tries = out.Sent
	for _, e := range out.ICMP {
		p.heard(e)
	}
	if out.SendErr != nil {
		p.fail(out.SendErr)
	}
	if out.Answered {
		p.answered(time.Since(start))
	}
}

// options sends a request until it is answered. An ICMP error is kept but does
// not end the waiting: it can be forged or pass.
func (p *Probe) options(ctx context.Context, env *checks.Env) {
	f, err := probe.OpenUDP(ctx, env.Net, p.Local, p.Addr)
	if err != nil {
		p.fail(err)
		return
	}
	defer f.Close()
	d := probe.NewDialogue("udp", f.Local, p.Addr.String(), "probe@"+f.Local.String())
	var a *probe.Ask
	match := func(b []byte, from netip.AddrPort) bool {
		code, ok := answerTo(b, d.CallID)
		if ok = ok && from == p.Addr; ok {
			p.Code = code
		}
		return ok
	}
	s := probe.Schedule{LastWait: lastWait}
	for i := range time.Duration(tries) {
		s.SendAt = append(s.SendAt, i*again)
	}
	env.AskSIP(ctx, p.Addr.Addr(), func(method string) []byte {
		a = d.Request(method)
		a.Match = match
		err = f.Ask(ctx, s, a)
		p.Tries += a.Tries
		return a.Reply
	})
	if icmp, ok := errors.AsType[*platform.ICMPError](err); ok {
		p.heard(icmp)
	} else if err != nil {
		p.fail(err)
	}
	if a.Reply != nil {
		p.answered(a.RTT)
	}
}

// answerTo reads the status of a response to the request with that token. A
// provisional one counts: the way there and back is open. A helper on the way
// may have added something to the Call-ID.
func answerTo(b []byte, token string) (code int, ok bool) {
	m, err := sip.Parse(b)
	if err != nil || m.Status < 100 {
		return 0, false
	}
	id := m.Get("call-id")
	return m.Status, id != nil && bytes.HasPrefix(id.Value, []byte(token))
}

func (p *Probe) answered(rtt time.Duration) {
	p.Answered, p.RTTMS = true, probe.Millis(rtt)
	p.Error, p.Class = "", ""
}

func (p *Probe) fail(err error) {
	p.Error, p.Class, _ = probe.Failure(err)
	if e, ok := errors.AsType[*platform.ICMPError](err); ok {
		p.heard(e)
	}
}

func (p *Probe) heard(e *platform.ICMPError) {
	p.ICMP = append(p.ICMP, ICMP{Hop: e.Hop, Meaning: e.Meaning(), Class: string(platform.Classify(e))})
}
