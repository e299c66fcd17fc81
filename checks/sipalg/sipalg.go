// Package sipalg finds out whether something on the way rewrites, proxies,
// pins or drops SIP, and proves it byte for byte.
package sipalg

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Check returns the check "sip-alg".
func Check() *checks.Check {
	return checks.DefineBeside(checks.Check{
		ID: "sip-alg", Words: ownWords, Group: "office",
		// 5 s where nothing is lost, 15 s where much is; the rest is for waiting
		// until a busy responder has time.
		Timeout: 60 * time.Second,
		Assumes: []string{"uplink", "dns", "nat"}, // nat fails only where no UDP at all gets through
		AsksSIP: true,
	}, observe, judge)
}

type run struct {
	env     *checks.Env
	session *session.Client
	local   netip.Addr
	gates   map[portKey]*gate
	asking  sync.WaitGroup // who answers at the ports
	planned int            // probes
	control netip.AddrPort // of the session, when it is carried by HTTPS

	mu       sync.Mutex // guards what follows, and Observed.Ports
	pinholes []Pinhole
	again    []*Probe // what was not planned
	added    int
	asked    map[kind]bool // anew
}

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	var o Observed
	s, err := env.Session(ctx)
	if err != nil {
		o.Notes = append(o.Notes, platform.Words(err))
	}
	var wg sync.WaitGroup
	var views []View
	if len(env.Inputs.SIPServers) > 0 {
		wg.Go(func() { o.Servers, views = observeServers(ctx, env, env.Inputs.SIPServers) })
	} else if names := env.PublicSIPServers(); len(names) > 0 {
		wg.Go(func() { o.Servers, views = observePublic(ctx, env, names) })
	}
	if s != nil {
		err = errors.Join(err, observeResponder(ctx, env, s, &o))
	}
	wg.Wait()
	if s != nil && s.Info.Seen.IsValid() && o.Local.IsValid() {
		views = append(views, View{Local: o.Local, Seen: s.Info.Seen.Addr(), By: "responder"})
	}
	o.Views = views
	if s == nil && len(o.Servers) > 0 {
		err = nil // the servers were asked; the notes say what became of the responder
	}
	return o, err
}

// observeResponder runs the plan against the responder, all probes at once.
func observeResponder(ctx context.Context, env *checks.Env, s *session.Client, o *Observed) error {
	local, err := probe.Source(env.Net, env.Inputs.Bind, s.Addr)
	if err != nil {
		return err
	}
	r := &run{env: env, session: s, local: local, control: s.Control(), asked: map[kind]bool{}}
	o.Local = local
	o.Responder = &Responder{Addr: s.Addr, Carrier: s.Carrier, Busy: s.Info.Busy, Translated: s.Translated()}
	o.Notes = append(o.Notes, s.Notes...)
	o.Probes = plan(s.Info, env.Inputs.Deep)
	r.planned = len(o.Probes)
	r.gates = map[portKey]*gate{}
	for i := range o.Probes {
		if k := keyOf(&o.Probes[i]); r.gates[k] == nil {
			r.gates[k] = &gate{decided: make(chan struct{})} // as yet shut
		}
		o.Probes[i].Remote = netip.AddrPortFrom(s.Addr, uint16(o.Probes[i].Port))
	}
	env.Progress(checks.Event{Text: words.Say("sip-alg.progress.probing", words.Args{"n": len(o.Probes), "responder": s.Addr})})
	r.runAll(ctx, o)
	r.canaries(ctx, o.Probes)
	for _, p := range r.again {
		o.Probes = append(o.Probes, *p)
	}
	o.Pinholes = r.pinholes
	if g := r.gates[portKey{"udp", 5060}]; env.Inputs.Deep && g != nil && g.passes(ctx) {
		o.Hops = r.locate(ctx)
	}
	arrivals, err := fetch(ctx, s)
	if err != nil && !errors.Is(err, session.ErrIncomplete) {
		// What arrived is not known, but the answers repeat some of it.
		o.Responder.ArrivalsErr = platform.Words(err)
		return ctx.Err()
	}
	merge(o.Probes, arrivals, err == nil)
	o.Hops = endHops(o.Hops, s.Addr, arrivals)
	return ctx.Err()
}

// fetch asks what arrived, and once more when that fails.
func fetch(ctx context.Context, s *session.Client) ([]session.Arrival, error) {
	arrivals, err := s.Arrivals(ctx)
	if err != nil && !errors.Is(err, session.ErrIncomplete) && probe.Sleep(ctx, time.Second) == nil {
		return s.Arrivals(ctx)
	}
	return arrivals, err
}

// runAll sends the masked probes at once, and everything else as soon as the
// responder has shown itself at the port, but for the flows that leave from UDP
// port 5060: there is only one, so they take turns.
func (r *run) runAll(ctx context.Context, o *Observed) {
	var wg, masked sync.WaitGroup
	var turns, clear [][]*Probe
	for _, g := range flows(o.Probes) {
		switch p := g[0]; {
		case p.Source == "5060" && p.Transport == "udp":
			turns = append(turns, g)
		case p.Masked:
			masked.Go(func() { r.run(ctx, g); r.opens(p) })
		default:
			clear = append(clear, g)
		}
	}
	masked.Go(func() {
		for _, g := range turns {
			r.run(ctx, onlyMasked(g, true))
			r.opens(onlyMasked(g, true)...)
		}
	})
	r.guard(ctx, o, &masked)
	for _, g := range clear {
		wg.Go(func() { r.runClear(ctx, g) })
	}
	wg.Go(func() {
		masked.Wait() // it holds port 5060
		for _, g := range turns {
			r.runClear(ctx, onlyMasked(g, false))
		}
	})
	masked.Wait()
	r.asking.Wait()
	wg.Wait()
}

// runClear sends the probes of a flow when readable SIP may go to its port.
func (r *run) runClear(ctx context.Context, flow []*Probe) {
	if !r.gates[keyOf(flow[0])].passes(ctx) {
		for _, p := range flow {
			p.Withheld = true
		}
		return
	}
	r.run(ctx, flow)
}

func (r *run) run(ctx context.Context, flow []*Probe) {
	if flow[0].Transport == "udp" {
		r.runFlow(ctx, flow)
		return
	}
	r.connectOnce(ctx, flow[0])
	r.askStreams(ctx, flow[0])
}

// opens lets readable SIP to the ports whose masked probe was answered.
func (r *run) opens(masked ...*Probe) {
	for _, p := range masked {
		if p.Answered {
			r.gates[keyOf(p)].alive.Store(true)
			r.gates[keyOf(p)].decide(true)
		}
	}
}

func onlyMasked(g []*Probe, masked bool) []*Probe {
	return slices.DeleteFunc(slices.Clone(g), func(p *Probe) bool { return p.Masked != masked })
}

// flows puts the probes that share a socket together.
func flows(probes []Probe) [][]*Probe {
	var out [][]*Probe
	at := map[int]int{}
	for i := range probes {
		p := &probes[i]
		k, ok := at[p.Flow]
		if !ok {
			k = len(out)
			at[p.Flow] = k
			out = append(out, nil)
		}
		out[k] = append(out[k], p)
	}
	return out
}

// dialog is the identity of a probe's messages; each gets a fresh RTP port.
func (r *run) dialog(p *Probe, local netip.AddrPort) dialog {
	return dialog{
		token: r.session.Token(p.ID), transport: p.Transport, local: local, remote: p.Remote, rtp: r.env.FreshRTPPort(),
	}
}
