package sipalg

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

// A flow is one UDP socket and the probes that share it.
type flow struct {
	r    *run
	conn platform.UDPConn
	done []*dialogOf // what has been asked here
}

type dialogOf struct {
	*Probe
	dialog
}

// runFlow sends the probes of one flow, step by step as a phone would, and asks
// again what was lost. There is only one port 5060, so flows from there take
// turns.
func (r *run) runFlow(ctx context.Context, probes []*Probe) {
	conn, ok := r.openUDP(ctx, probes)
	if !ok {
		return
	}
	f := &flow{r: r, conn: conn}
	outbound, inbound := steps(probes)
	for _, step := range outbound {
		f.ask(ctx, step)
	}
	f.askLost(ctx)
	for _, p := range inbound {
		f.call(ctx, p)
	}
	f.unregister()
	_ = conn.Close()
	if probes[0].Source == "fresh" && r.gates[keyOf(probes[0])].alive.Load() {
		r.askAnew(ctx, f.unexplained())
	}
}

// from is where a probe leaves from; port 0 is a fresh one.
func (r *run) from(p *Probe) netip.AddrPort {
	if p.Source == "5060" {
		return netip.AddrPortFrom(r.local, 5060)
	}
	return netip.AddrPortFrom(r.local, 0)
}

func (r *run) openUDP(ctx context.Context, probes []*Probe) (platform.UDPConn, bool) {
	local := r.from(probes[0])
	conn, err := r.env.Net.OpenUDP(ctx, local)
	for _, p := range probes {
		if err != nil {
			p.fail(fmt.Errorf("opening UDP %s: %w", local, err))
		}
	}
	return conn, err == nil
}

// steps is the order on one flow: requests without a body, then the calls, the
// ordinary one by itself, because a helper keeps few ports for one flow; then
// the responder's calls.
func steps(probes []*Probe) (outbound [][]*Probe, inbound []*Probe) {
	var short, calls, variants []*Probe
	for _, p := range probes {
		switch {
		case p.Inbound:
			inbound = append(inbound, p)
		case p.Variant != "":
			variants = append(variants, p)
		case p.Message == "INVITE" && !p.Masked:
			calls = append(calls, p)
		default:
			short = append(short, p)
		}
	}
	for _, step := range [][]*Probe{short, calls, variants} {
		if len(step) > 0 {
			outbound = append(outbound, step)
		}
	}
	return outbound, inbound
}

// ask sends a step. What can be read is asked again beside a control when it is
// lost, so it gets fewer tries here.
func (f *flow) ask(ctx context.Context, step []*Probe) {
	schedule := probe.SIP()
	if !step[0].Masked {
		schedule.SendAt = schedule.SendAt[:3]
	}
	f.exchange(ctx, schedule, step)
}

// exchange asks the questions of probes, and ends the calls that were answered.
func (f *flow) exchange(ctx context.Context, s probe.Schedule, probes []*Probe) {
	asks := make([]*probe.Ask, len(probes))
	for i, p := range probes {
		d := f.dialog(p)
		if len(p.Sent) == 0 {
			p.Sent = d.request(p.Message, p.Variant)
		}
		asks[i] = &probe.Ask{
			Payload: func() []byte { return payload(p) },
			Match:   p.replied(d.token),
		}
	}
	strays, err := probe.Exchange(ctx, f.conn, probes[0].Remote, s, asks...)
	for i, p := range probes {
		p.took(asks[i], strays, err)
		if p.Answered && p.Message == "INVITE" && !p.Masked {
			f.endCall(ctx, p)
		}
	}
}

// endCall hangs up the call that an answered INVITE began, so that a helper
// closes the ports it opened (RFC 3261, 13.2.2.4 and 15). Nobody waits for an
// answer.
func (f *flow) endCall(ctx context.Context, p *Probe) {
	d := f.dialog(p)
	if p.Variant == "" && !p.Again {
		f.r.pinhole(ctx, p, d)
	}
	_, d.toTag = statusAndTag(p.ReplyCame)
	for _, method := range []string{"ACK", "BYE"} {
		_ = f.conn.WriteTo(d.request(method, ""), p.Remote, platform.SendOptions{})
	}
}

// askLost sends what was lost once more beside its controls: the same bytes,
// unreadable, on the same flow at the same time.
func (f *flow) askLost(ctx context.Context) {
	var both []*Probe
	for _, d := range f.done {
		if !d.Answered && !d.Masked && d.ErrorClass != string(platform.ClassLocalFilter) {
			both = append(both, d.Probe)
		}
	}
	if len(both) == 0 || ctx.Err() != nil {
		return
	}
	for _, p := range slices.Clone(both) {
		both = append(both, f.r.controlOf(p))
	}
	f.exchange(ctx, probe.SIP(), both)
}

func (f *flow) dialog(p *Probe) dialog {
	for _, d := range f.done {
		if d.Probe == p {
			return d.dialog
		}
	}
	p.Local = f.conn.LocalAddr()
	d := &dialogOf{p, f.r.dialog(p, p.Local)}
	f.done = append(f.done, d)
	return d.dialog
}

func (p *Probe) took(a *probe.Ask, strays int, err error) {
	p.Tries, p.Strays = p.Tries+a.Tries, p.Strays+strays
	if a.Reply == nil {
		p.fail(err)
		return
	}
	p.Answered, p.RTTMillis, p.ReplyCame, p.ReplyFrom = true, probe.Millis(a.RTT), a.Reply, a.From
	if text, ok := session.Unmask(a.Reply); ok {
		p.ReplyCame = text
	}
	p.Error, p.ErrorClass, p.ErrorHop = "", "", netip.Addr{}
}

// unregister takes the registrations of this flow back, so that no helper keeps
// a port open for them.
func (f *flow) unregister() {
	for _, d := range f.done {
		if d.Message == "REGISTER" && d.Answered && !d.Masked {
			_ = f.conn.WriteTo(d.request("REGISTER", variantLeave), d.Remote, platform.SendOptions{})
		}
	}
}

// unexplained are the probes that were lost and whose controls on this flow
// were lost as well: the flow itself may be what does not pass.
func (f *flow) unexplained() []*Probe {
	var out []*Probe
	for _, d := range f.done {
		passed := slices.ContainsFunc(f.done, func(c *dialogOf) bool { return c.ControlOf == d.ID && c.Answered })
		if !d.Answered && !d.Masked && !d.Inbound && d.Tries > 0 && !passed {
			out = append(out, d.Probe)
		}
	}
	return out
}
