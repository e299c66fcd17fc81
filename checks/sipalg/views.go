package sipalg

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
)

// views asks STUN servers, once for each local address, where it is seen. What
// is true of one local address is not true of another, nor of another family.
type views struct {
	env    *checks.Env
	run    context.Context
	asking sync.WaitGroup

	mu   sync.Mutex
	list map[netip.Addr]*viewsOf
}

type viewsOf struct {
	seen  []View
	heard int             // questions that are done
	known context.Context // ends when seen has one, or when nobody is asked any more
	told  context.CancelFunc
}

func newViews(ctx context.Context, env *checks.Env) *views {
	return &views{env: env, run: ctx, list: map[netip.Addr]*viewsOf{}}
}

// viewWait is how long a question waits for STUN's answer after it was
// answered itself; without it, it goes on with less.
const viewWait = 1500 * time.Millisecond

// of is where the Internet sees a local address; invalid when nobody said so in
// time.
func (v *views) of(ctx context.Context, local netip.Addr) netip.Addr {
	l := v.start(local)
	ctx, cancel := context.WithTimeout(ctx, viewWait)
	defer cancel()
	select {
	case <-l.known.Done():
	case <-ctx.Done():
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(l.seen) == 0 {
		return netip.Addr{}
	}
	return l.seen[0].Seen
}

// start begins to ask for a local address, unless that was done before.
func (v *views) start(local netip.Addr) *viewsOf {
	v.mu.Lock()
	defer v.mu.Unlock()
	l := v.list[local]
	if l == nil {
		l = &viewsOf{}
		l.known, l.told = context.WithCancel(v.run)
		v.list[local] = l
		v.asking.Go(func() {
			defer l.told()
			v.ask(l, local)
		})
	}
	return l
}

// all waits for every question and returns what was said.
func (v *views) all() (out []View) {
	v.asking.Wait()
	for _, l := range v.list {
		out = append(out, l.seen...)
	}
	return out
}

// enoughViews that are heard end the asking; the nat check asks the rest.
const enoughViews = 2

func (v *views) ask(l *viewsOf, local netip.Addr) {
	ctx, cancel := context.WithTimeout(v.run, 4*time.Second)
	defer cancel()
	sock, err := stun.Open(ctx, v.env.Net, netip.AddrPortFrom(local, 0))
	if err != nil {
		return
	}
	defer sock.Close()
	var wg sync.WaitGroup
	for _, name := range v.env.STUNServers() {
		wg.Go(func() {
			to, err := probe.Lookup(ctx, v.env.Net, name, session.DefaultSTUNPort, local)
			if err != nil {
				return
			}
			o := sock.Ask(ctx, stun.Question{To: to, Plan: stun.Patient()})
			if !o.Answered || !o.Response.Seen().IsValid() {
				return
			}
			v.mu.Lock()
			l.seen = append(l.seen, View{Local: local, Seen: o.Response.Seen().Addr(), By: name})
			first := len(l.seen) == 1
			v.mu.Unlock()
			l.told()
			if first {
				second := secondHop(ctx, sock, to)
				v.mu.Lock()
				l.seen[0].Second = second
				v.mu.Unlock()
			}
			v.mu.Lock()
			defer v.mu.Unlock()
			if l.heard++; l.heard == enoughViews {
				cancel()
			}
		})
	}
	wg.Wait()
}

// secondHop asks which router comes after the first, by the same flow: the
// question dies there and is returned. Where that router has a private address,
// there may be a second NAT.
func secondHop(ctx context.Context, sock *stun.Socket, to netip.AddrPort) netip.Addr {
	o := sock.Ask(ctx, stun.Question{To: to, TTL: 2, Plan: stun.Plan{First: 300 * time.Millisecond, Most: 300 * time.Millisecond, Sends: 2, Linger: 300 * time.Millisecond}})
	for _, e := range o.ICMP {
		if e.TimeExceeded() {
			return e.Hop
		}
	}
	return netip.Addr{}
}
