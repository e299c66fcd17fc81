package allowlist

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// pace is the time between two targets: 20 new flows a second is what a
	// handful of phones makes when the power comes back.
	pace = 50 * time.Millisecond

	// tries of UDP: one lost packet changes nothing, and no server minds two.
	tries = 2

	// again is when the second one goes: most answers are there before it (RFC
	// 3261 begins with 500 ms), and lastWait is longer than any round trip on
	// which a call would be bearable.
	again    = 600 * time.Millisecond
	lastWait = 1200 * time.Millisecond

	// connectTime lets the system send its SYN twice, at 0 and 1 s on every
	// system, and not a third time at 3 s.
	connectTime = 2900 * time.Millisecond
)

// ask asks all targets, one after the other begun, all under way together.
func ask(ctx context.Context, env *checks.Env, targets []Probe) []Probe {
	var wg sync.WaitGroup
	for i := range targets {
		if i > 0 && probe.Sleep(ctx, pace) != nil {
			break
		}
		env.Say(words.Say("allow-list.progress.asking", words.Args{"host": targets[i].Host}))
		wg.Go(func() { targets[i].ask(ctx, env) })
	}
	wg.Wait()
	return targets
}

func (p *Probe) ask(ctx context.Context, env *checks.Env) {
	var err error
	p.Local = env.Inputs.Bind
	if !p.Local.IsValid() {
		if p.Local, err = env.Net.SourceFor(p.Addr.Addr()); err != nil {
			p.fail(err)
			return
		}
	}
	local := netip.AddrPortFrom(p.Local, 0)
	switch p.Method {
	case methodConnect:
		p.connect(ctx, env, local)
	case methodSTUN:
		p.stun(ctx, env, local)
	default:
		p.options(ctx, env, local)
	}
}

func (p *Probe) connect(ctx context.Context, env *checks.Env, local netip.AddrPort) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	p.Tries = tries
	start := time.Now()
	conn, err := env.Net.DialTCP(ctx, local, p.Addr)
	if err != nil {
		p.fail(err)
		return
	}
	p.answered(start)
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
		p.answered(start)
	}
}

// options sends the request, and once more when nothing came. An ICMP error is
// kept but does not end the waiting: it can be forged or pass.
func (p *Probe) options(ctx context.Context, env *checks.Env, local netip.AddrPort) {
	conn, err := env.Net.OpenUDP(ctx, local)
	if err != nil {
		p.fail(err)
		return
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	token := "sd" + rand.Text()
	request := options(token, conn.LocalAddr(), p.Addr)
	for _, patience := range [tries]time.Duration{again, lastWait} {
		if ctx.Err() != nil {
			return
		}
		start := time.Now()
		p.Tries++
		if err := conn.WriteTo(request, p.Addr, platform.SendOptions{}); err != nil {
			p.fail(err)
		}
		if p.read(ctx, conn, token, start.Add(patience)) {
			p.answered(start)
			return
		}
	}
}

// read waits for the answer until the moment has come.
func (p *Probe) read(ctx context.Context, conn platform.UDPConn, token string, until time.Time) bool {
	if conn.SetReadDeadline(until) != nil {
		return false
	}
	buf := make([]byte, 65536)
	for ctx.Err() == nil {
		d, err := conn.ReadFrom(buf)
		icmp, isICMP := errors.AsType[*platform.ICMPError](err)
		switch {
		case isICMP:
			p.heard(icmp)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return false
		case err != nil:
			p.fail(err)
			_ = probe.Sleep(ctx, time.Until(until)) // a socket that fails at once must not spin
			return false
		default:
			if code, ok := answerTo(buf[:d.N], token); ok && d.From == p.Addr {
				p.Code = code
				return true
			}
		}
	}
	return false
}

func (p *Probe) answered(since time.Time) {
	p.Answered = true
	p.RTTMS = float64(time.Since(since).Microseconds()) / 1000
	p.Error, p.Class = "", ""
}

// fail keeps why the probe got no answer, and who said so.
func (p *Probe) fail(err error) {
	p.Error, p.Class = platform.Words(err), string(platform.Classify(err))
	if e, ok := errors.AsType[*platform.ICMPError](err); ok {
		p.heard(e)
	}
}

func (p *Probe) heard(e *platform.ICMPError) {
	p.ICMP = append(p.ICMP, ICMP{Hop: e.Hop, Meaning: e.Meaning(), Class: string(platform.Classify(e))})
}
