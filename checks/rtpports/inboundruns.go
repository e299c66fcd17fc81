package rtpports

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

// report writes down what was learnt.
func (t *inboundTest) report(o *Inbound) {
	o.Runs = t.runs()
	t.mu.Lock()
	defer t.mu.Unlock()
	o.Method = methodBind
	if t.ear.disturbsNobody() {
		o.Method = methodWatch
	}
	o.Public, o.Sent, o.GaveUp = t.public, t.sent, t.gaveUp
	o.Elapsed = time.Since(t.start).Milliseconds()
	for _, p := range t.ports {
		if p.heard > 0 && !p.first {
			o.Late++
		}
	}
	for _, i := range t.icmp {
		o.ICMP = append(o.ICMP, InICMP(i))
	}
}

// runs are the outcomes so far.
func (t *inboundTest) runs() []InRun {
	t.mu.Lock()
	defer t.mu.Unlock()
	var tried []int
	for n, p := range t.ports {
		if p.tries > 0 || p.untested {
			tried = append(tried, n)
		}
	}
	slices.Sort(tried)
	need := t.need()
	return joinInbound(tried, func(n int) (string, int) { return t.ports[n].outcome(n, need) })
}

// outcome is what is known of a port, and where its packets arrived.
func (p *inPort) outcome(n, need int) (state string, at int) {
	switch {
	case p.heard > 0 && p.at == n:
		return inArrives, 0
	case p.heard > 0:
		return inMoved, p.at
	case p.untested:
		return stateBusy, 0
	case p.tries < need:
		return stateUnknown, 0
	case p.seen:
		return inFiltered, 0
	}
	return inSilent, 0
}

// joinInbound makes runs of tried ports, which are sorted. Moved ports stay
// together while all of them go to the same port, or keep their distance.
func joinInbound(ports []int, outcome func(int) (string, int)) []InRun {
	out := []InRun{}
	for _, n := range ports {
		state, at := outcome(n)
		if k := len(out); k > 0 && out[k-1].State == state {
			r := &out[k-1]
			same := at == r.ToLast && (r.First == r.Last || r.To == r.ToLast)
			shifted := at-r.ToLast == n-r.Last && (r.First == r.Last || r.To != r.ToLast)
			if state != inMoved || same || shifted {
				r.Last, r.ToLast = n, at
				r.Asked++
				continue
			}
		}
		out = append(out, InRun{First: n, Last: n, Asked: 1, State: state, To: at, ToLast: at})
	}
	return out
}

// searchPoints are the ports to try next so that every change of outcome is
// found to the exact port.
func (t *inboundTest) searchPoints() []int {
	runs := t.runs()
	var out []int
	for i := 1; i < len(runs); i++ {
		a, b := runs[i-1], runs[i]
		gap := b.First - a.Last
		if gap < 2 || !inDefinite(a.State) || !inDefinite(b.State) {
			continue
		}
		for j := 1; j <= inboundPoints; j++ {
			if n := a.Last + gap*j/(inboundPoints+1); n > a.Last && n < b.First {
				out = append(out, n)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func inDefinite(state string) bool { return state != stateBusy && state != stateUnknown }

// hopsTo asks the routers on the way out for their names, by packets that live
// for so many hops: behind a carrier's NAT one of them has a carrier's address.
func hopsTo(ctx context.Context, env *checks.Env, client *session.Client) []netip.Addr {
	const most, tries, patience = 4, 3, 300 * time.Millisecond
	if len(client.Info.PlainUDP) == 0 {
		return nil
	}
	to := netip.AddrPortFrom(client.Addr, uint16(client.Info.PlainUDP[0]))
	hops := make([]netip.Addr, most)
	var wg sync.WaitGroup
	for i := range hops {
		wg.Go(func() {
			for range tries {
				if hops[i] = hop(ctx, env, to, i+1, patience); hops[i].IsValid() || ctx.Err() != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	for len(hops) > 0 && !hops[len(hops)-1].IsValid() {
		hops = hops[:len(hops)-1]
	}
	return hops
}

// hop is who says that a packet's time is over after ttl hops.
func hop(ctx context.Context, env *checks.Env, to netip.AddrPort, ttl int, patience time.Duration) netip.Addr {
	local := netip.AddrPortFrom(env.Inputs.Bind, 0)
	if !local.Addr().IsValid() && to.Addr().Is6() {
		local = netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
	}
	conn, err := env.Net.OpenUDP(ctx, local)
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
	defer stop()
	if conn.WriteTo([]byte("sipdoctor looks for the way"), to, platform.SendOptions{TTL: ttl}) != nil ||
		conn.SetReadDeadline(time.Now().Add(patience)) != nil {
		return netip.Addr{}
	}
	buf := make([]byte, 1500)
	for ctx.Err() == nil {
		_, err := conn.ReadFrom(buf)
		var icmp *platform.ICMPError
		switch {
		case errors.As(err, &icmp) && icmp.TimeExceeded():
			return icmp.Hop
		case errors.As(err, &icmp):
		case err != nil:
			return netip.Addr{}
		}
	}
	return netip.Addr{}
}
