// Package sipalg finds out whether something on the way rewrites, proxies,
// pins or drops SIP, and proves it byte for byte.
package sipalg

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

// Check returns the check "sip-alg".
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID: "sip-alg", Group: "office", Title: "SIP passes unchanged",
		// 8 s at most; the rest is for waiting until a busy responder has time.
		Timeout: 45 * time.Second,
		Assumes: []string{"uplink", "dns", "nat"}, // nat fails only where no UDP at all gets through
		Doc: `Finds a SIP ALG (SIP helper, inspection, fixup) on the way to the Internet.

With a responder (--responder; started elsewhere with "sipdoctor serve") it
sends INVITE with SDP, REGISTER and OPTIONS over UDP, TCP and TLS: to port 5060,
to another SIP port and to a port that is no SIP port, from source port 5060 and
from fresh ports. Beside each goes its control, the same bytes made unreadable.
What was sent is compared with what arrived, byte for byte, in both directions.
The responder calls back, and tries whether RTP gets in at a port that only the
SDP named. Before that the responder has to show itself at each port, by masked
bytes and at most one OPTIONS: where a PBX answers in its place, nothing more is
sent there.

Without a responder it asks any SIP server (--sip-server, --profile) with an
OPTIONS. When STUN shows a public address, but the server's answer says that it
came from our private one, something undid the translation inside SIP.

Verdicts: none (clean both ways), rewriting, proxying (taken apart and sent
anew), dropping (SIP is lost where the masked bytes pass), pinhole (ports are
opened from SDP, nothing is rewritten), inconclusive. No answer is never "none".

--deep sends every probe to every port, and INVITEs with a growing TTL to find
the box that changes them.`,
	}, observe, judge)
}

// run is the state of one observation.
type run struct {
	env         *checks.Env
	session     *session.Client
	local       netip.Addr
	fingerprint string // of the responder's certificate, hex; "" when unknown
	gates       map[portKey]*gate
	asking      sync.WaitGroup // who answers at the ports

	mu       sync.Mutex // guards what follows, and Observed.Ports
	pinholes []Pinhole
}

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	var o Observed
	s, err := env.Session(ctx)
	if err != nil {
		o.Notes = append(o.Notes, platform.Words(err))
	}
	var wg sync.WaitGroup
	if len(env.Inputs.SIPServers) > 0 {
		wg.Go(func() { o.Servers, o.Public = observeServers(ctx, env) })
	}
	if s != nil {
		err = errors.Join(err, observeResponder(ctx, env, s, &o))
	}
	wg.Wait()
	if s != nil && s.Info.Seen.IsValid() {
		o.Public = append(o.Public, s.Info.Seen.Addr())
	}
	if s == nil && len(o.Servers) > 0 {
		err = nil // the servers were asked; the notes say what became of the responder
	}
	return o, err
}

// observeResponder runs the plan against the responder, all probes at once.
func observeResponder(ctx context.Context, env *checks.Env, s *session.Client, o *Observed) error {
	r := &run{env: env, session: s, local: env.Inputs.Bind, fingerprint: s.Info.Fingerprint}
	if !r.local.IsValid() {
		src, err := env.Net.SourceFor(s.Addr)
		if err != nil {
			return fmt.Errorf("finding the local address towards %s: %w", s.Addr, err)
		}
		r.local = src
	}
	o.Local = r.local
	o.Responder = &Responder{Addr: s.Addr, Carrier: s.Carrier, Busy: s.Info.Busy, Translated: s.Translated()}
	o.Notes = append(o.Notes, s.Notes...)
	o.Probes = plan(s.Info, env.Inputs.Deep)
	for i := range o.Probes {
		o.Probes[i].Remote = netip.AddrPortFrom(s.Addr, uint16(o.Probes[i].Port))
	}
	env.Say(fmt.Sprintf("sip-alg: %d probes to %s", len(o.Probes), s.Addr))
	r.runAll(ctx, o)
	o.Pinholes = r.pinholes
	if g := r.gates[portKey{"udp", 5060}]; env.Inputs.Deep && g != nil && g.passes(ctx) {
		o.Hops = r.locate(ctx)
	}
	arrivals, err := s.Arrivals(ctx)
	if err != nil && !errors.Is(err, session.ErrIncomplete) {
		o.Responder.ArrivalsErr = platform.Words(err)
		return fmt.Errorf("asking the responder what arrived: %w", err)
	}
	merge(o.Probes, arrivals, err == nil)
	return ctx.Err()
}

// runAll sends the masked probes at once, and everything else as soon as the
// responder has shown itself at the port, but for the groups that leave from
// UDP port 5060: there is only one, so they take turns.
func (r *run) runAll(ctx context.Context, o *Observed) {
	var wg, masked sync.WaitGroup
	var turns [][]*Probe
	clear := func(run func(), probes ...*Probe) {
		wg.Go(func() {
			if r.gates[keyOf(probes[0])].passes(ctx) {
				run()
				return
			}
			withhold(probes...)
		})
	}
	all := groups(o.Probes)
	r.makeGates(o.Probes)
	for _, g := range all {
		switch p := g[0]; {
		case p.Source == "5060" && p.Transport == "udp":
			turns = append(turns, g)
		case p.Masked && p.Transport == "udp":
			masked.Go(func() { r.runUDP(ctx, g); r.opens(p) })
		case p.Masked:
			masked.Go(func() { r.runStream(ctx, p); r.opens(p) })
		}
	}
	masked.Go(func() {
		for _, g := range turns {
			r.runUDP(ctx, onlyMasked(g, true))
			r.opens(onlyMasked(g, true)...)
		}
	})
	r.guard(ctx, o, &masked)
	for _, g := range all {
		switch p := g[0]; {
		case p.Masked || p.Source == "5060" && p.Transport == "udp":
		case p.Inbound:
			clear(func() { r.runInbound(ctx, p) }, p)
		case p.Transport != "udp":
			clear(func() { r.runStream(ctx, p) }, p)
		default:
			clear(func() { r.runUDP(ctx, g) }, g...)
		}
	}
	wg.Go(func() {
		masked.Wait() // it holds port 5060
		for _, g := range turns {
			g = onlyMasked(g, false)
			if !r.gates[keyOf(g[0])].passes(ctx) {
				withhold(g...)
				continue
			}
			r.runUDP(ctx, g)
		}
	})
	masked.Wait()
	r.asking.Wait()
	wg.Wait()
}

// opens lets readable SIP to the ports whose masked probe was answered.
func (r *run) opens(masked ...*Probe) {
	for _, p := range masked {
		if p.Answered {
			r.gates[keyOf(p)].decide(true)
		}
	}
}

func onlyMasked(g []*Probe, masked bool) []*Probe {
	return slices.DeleteFunc(slices.Clone(g), func(p *Probe) bool { return p.Masked != masked })
}

// groups puts the probes that must share a socket together: those that leave
// from UDP port 5060 for the same destination.
func groups(probes []Probe) [][]*Probe {
	var out [][]*Probe
	shared := map[int]int{}
	for i := range probes {
		p := &probes[i]
		if p.Source != "5060" || p.Transport != "udp" {
			out = append(out, []*Probe{p})
			continue
		}
		k, ok := shared[p.Port]
		if !ok {
			k = len(out)
			shared[p.Port] = k
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
