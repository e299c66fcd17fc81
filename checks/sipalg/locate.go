package sipalg

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

const (
	// maxHops is how far the message is followed: an ALG that an installer can
	// do something about stands within the first few hops.
	maxHops = 8
	// hopTries covers routers that answer only some probes (ICMP rate limits).
	hopTries = 3
	hopWait  = 700 * time.Millisecond
)

// locate sends the same INVITE with a growing TTL. The router at which it dies
// quotes it in its ICMP message; the first one that quotes it changed is behind
// the ALG. Routers quote as much as they like, so an unchanged quote of few
// bytes says little; Hop.Quoted keeps how much it was.
func (r *run) locate(ctx context.Context) []Hop {
	hops := make([]Hop, maxHops)
	var wg sync.WaitGroup
	for i := range hops {
		wg.Go(func() { hops[i] = r.hop(ctx, i+1) })
	}
	wg.Wait()
	last := 0
	for i, h := range hops {
		if h.Addr.IsValid() {
			last = i + 1
		}
	}
	return hops[:last]
}

func (r *run) hop(ctx context.Context, ttl int) Hop {
	h := Hop{TTL: ttl}
	conn, err := r.env.Net.OpenUDP(ctx, netip.AddrPortFrom(r.local, 0))
	if err != nil {
		return h
	}
	defer conn.Close()
	p := &Probe{ID: hopProbe + ttl, Transport: "udp", Port: 5060, Remote: netip.AddrPortFrom(r.session.Addr, 5060)}
	h.Sent = r.dialog(p, conn.LocalAddr()).request("INVITE", "")
	buf := make([]byte, 65536)
	for range hopTries {
		if conn.WriteTo(h.Sent, p.Remote, platform.SendOptions{TTL: ttl}) != nil || conn.SetReadDeadline(time.Now().Add(hopWait)) != nil {
			return h
		}
		for ctx.Err() == nil {
			_, err := conn.ReadFrom(buf)
			var icmp *platform.ICMPError
			if !errors.As(err, &icmp) {
				if err != nil {
					break
				}
				continue // the far end answered: the TTL reached it
			}
			if icmp.TimeExceeded() {
				h.take(icmp)
				return h
			}
		}
	}
	return h
}

// hopProbe numbers these messages beyond the plan's probes.
const hopProbe = 1000

func (h *Hop) take(e *platform.ICMPError) {
	h.Addr = e.Hop
	h.Quoted = min(len(e.Quote), len(h.Sent))
	if !bytes.Equal(e.Quote[:h.Quoted], h.Sent[:h.Quoted]) {
		h.Changed, h.Quote = true, bytes.Clone(e.Quote)
	}
}
