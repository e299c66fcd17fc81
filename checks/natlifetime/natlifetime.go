// Package natlifetime measures how long the network remembers a UDP flow on
// which nobody speaks: a router that forgets a phone's registration earlier
// than the phone renews it lets no call in.
package natlifetime

import (
	"cmp"
	"context"
	_ "embed"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID:      "nat-lifetime",
		Words:   ownWords,
		Group:   "office",
		Timeout: MaxRung*time.Second + 30*time.Second,
		Assumes: []string{"uplink", "dns", "nat"},
		Slow:    true,
	}, observe, judge)
}

// MaxRung is the longest silence that can be asked for, seconds: a session at
// the responder lasts ten minutes.
const MaxRung = 540

// MaxRungs is how many rungs a ladder may have. Each costs six entries of the
// router's table.
const MaxRungs = 16

// usualLadder holds the timers that routers are shipped with (30, 60, 120, 180
// and 300 s), and what lies between: 25 s is the keep-alive that phones are
// told to send, so it decides whether a timer of 30 s is enough.
func usualLadder() []int { return []int{15, 25, 30, 45, 60, 90, 120, 180, 300} }

// controlSeconds is the rung that every router holds: shorter than any timer.
const controlSeconds = 1

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	o := Observed{Ladder: ladder(env.Inputs.Ladder), Groups: []Group{}}
	o.Need = need(env.Inputs.Profile)
	client, err := env.Session(ctx)
	if err != nil {
		return o, err
	}
	if client == nil {
		o.NoResponder = true
		return o, nil
	}
	o.Responder = client.Addr.String()
	r := &run{env: env, client: client, o: &o}
	r.plan(ctx)
	if len(o.Groups) == 0 {
		o.Problem = noPlainPort
		return o, nil
	}
	longest := o.Ladder[len(o.Ladder)-1]
	env.Progress(checks.Event{Text: words.Say("nat-lifetime.progress.measuring", words.Args{"longest": longest}), Left: time.Duration(longest) * time.Second})
	r.measure(ctx)
	return o, ctx.Err()
}

// ladder is the wanted ladder in order, without repetitions, or the usual one.
func ladder(wanted []int) []int {
	if len(wanted) == 0 {
		return usualLadder()
	}
	l := slices.Compact(slices.Sorted(slices.Values(wanted)))
	l = slices.DeleteFunc(l, func(s int) bool { return s < 1 || s > MaxRung })
	return l[:min(len(l), MaxRungs)]
}

// need is what the named profile asks for; a profile that cannot be read was
// refused before the run began.
func need(name string) *Need {
	if name == "" {
		return nil
	}
	p, err := netinfo.LoadProfile(name)
	if err != nil {
		return nil
	}
	n := Need{Profile: cmp.Or(p.Title, p.Name), Registration: p.Client.Registration, KeepAlive: p.Client.KeepAlive, TimeoutMin: p.Client.UDPTimeoutMin}
	if n.Registration+n.KeepAlive+n.TimeoutMin == 0 {
		return nil
	}
	return &n
}

type run struct {
	env    *checks.Env
	client *session.Client
	mu     sync.Mutex // guards the flows of o
	o      *Observed
}

const (
	// firstProbe is where the probe numbers of this check begin: above those of
	// the checks that number their probes from zero.
	firstProbe = 0xe000
	// canaryProbe is that of the flow that is kept busy, to show that the line
	// and the responder are up.
	canaryProbe = firstProbe + 0xfff
)

// flowsPerRung is how many flows of a kind wait for one rung, apart in time: a
// router that evicts one of them under load, or a line that is away when one of
// them is due, does not make the verdict.
const flowsPerRung = 2

// plan lays out every flow: for each kind and each rung, the control first.
func (r *run) plan(ctx context.Context) {
	info := &r.client.Info
	add := func(kind string, ports []int) {
		if len(ports) == 0 {
			return
		}
		g := Group{Kind: kind, Port: ports[0]}
		for i, s := range append([]int{controlSeconds}, r.o.Ladder...) {
			g.Rungs = append(g.Rungs, Rung{Seconds: s, Control: i == 0, Flows: make([]Flow, flowsPerRung)})
		}
		r.o.Groups = append(r.o.Groups, g)
	}
	sip := info.SIPUDP
	if i := slices.Index(sip, 5060); i > 0 {
		sip = sip[i:]
	}
	if len(sip) > 0 && r.client.Owner(ctx, "udp", sip[0]).Who != session.Responder {
		sip = nil // so many requests are nothing to send to somebody's PBX
	}
	add(kindStream, info.PlainUDP)
	add(kindOnce, info.PlainUDP)
	add(kindSIP, sip)
}

// flow is one of a group that is silent for so many seconds.
func (r *run) flow(g *Group, seconds, probe int, seen *Flow) *flow {
	return &flow{
		run: r, kind: g.Kind, seconds: seconds, probe: probe, token: r.client.Token(probe),
		remote: netip.AddrPortFrom(r.client.Addr, uint16(g.Port)), seen: seen,
	}
}
