package sipalg

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
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
// quotes it in its ICMP message; the first one that quotes it changed comes after
// the ALG, and the responder is the last that can. Routers quote as much as they
// like, so an unchanged quote of few bytes says little; Hop.Quoted keeps how much
// it was.
func (r *run) locate(ctx context.Context) []Hop {
	hops := make([]Hop, maxHops)
	for i := range hops {
		hops[i].TTL = i + 1
	}
	probe.Each(hops, func(h *Hop) {
		conn, err := r.env.Net.OpenUDP(ctx, netip.AddrPortFrom(r.local, 0))
		if err != nil {
			return
		}
		defer conn.Close()
		p := &Probe{ID: hopProbe + h.TTL, Transport: "udp", Port: 5060, Remote: netip.AddrPortFrom(r.session.Addr, 5060)}
		h.Sent = r.dialog(p, conn.LocalAddr()).request("INVITE", "")
		h.ask(ctx, conn, p.Remote, "", hopTries, hopWait)
	})
	return hops
}

// endHops makes the responder the last hop: what arrived there with the smallest
// TTL is its quote. Hops beyond it, and silent ones at the end, are dropped.
func endHops(hops []Hop, far netip.Addr, arrivals []session.Arrival) []Hop {
	last := 0
	for i := range hops {
		h := &hops[i]
		j := slices.IndexFunc(arrivals, func(a session.Arrival) bool { return a.Probe == hopProbe+h.TTL && !a.Masked })
		if j >= 0 && !h.Addr.IsValid() {
			h.quote(far, arrivals[j].Raw)
			h.Reached = true
			return hops[:i+1]
		}
		if h.Addr.IsValid() {
			last = i + 1
		}
	}
	return hops[:last]
}

// ask sends the message of h with its TTL, several times if need be, and waits
// until the router at which it dies quotes it, or the far end answers; what does
// not contain the token is not about this message. It reports whether there is
// nothing more to learn.
func (h *Hop) ask(ctx context.Context, conn platform.UDPConn, to netip.AddrPort, token string, tries int, wait time.Duration) (done bool) {
	buf := make([]byte, 65536)
	for range tries {
		if conn.WriteTo(h.Sent, to, platform.SendOptions{TTL: h.TTL}) != nil || conn.SetReadDeadline(time.Now().Add(wait)) != nil {
			return true
		}
		for waiting := true; waiting; {
			d, err := conn.ReadFrom(buf)
			icmp, isICMP := errors.AsType[*platform.ICMPError](err)
			switch {
			case ctx.Err() != nil:
				return true
			case isICMP && icmp.TimeExceeded() && bytes.Contains(icmp.Quote, []byte(token)):
				h.quote(icmp.Hop, icmp.Quote)
				return true
			case isICMP:
			case err != nil:
				waiting = false
			case bytes.Contains(buf[:d.N], []byte(token)):
				return true
			}
		}
	}
	return false
}

// hopProbe numbers these messages beyond the plan's probes.
const hopProbe = 1000

func (h *Hop) quote(at netip.Addr, b []byte) {
	h.Addr = at
	h.Quoted = min(len(b), len(h.Sent))
	if !bytes.Equal(b[:h.Quoted], h.Sent[:h.Quoted]) {
		h.Changed, h.Quote = true, bytes.Clone(b)
	}
}

const (
	// quoteHops is how far the question is followed without a responder: the
	// router, and whatever stands right behind it.
	quoteHops = 3
	// quoteRounds outlive a lost packet; routers limit how many errors they send.
	quoteRounds = 2
	quoteWait   = 400 * time.Millisecond
)

// askQuotes sends a question that dies at each of the first routers. Their ICMP
// messages quote it as they got it, so a router behind an ALG shows what a
// server's answer does not: the Contact, and what the ALG undoes in answers. It
// ends at a server that is so near that it answers.
func askQuotes(ctx context.Context, env *checks.Env, local netip.Addr, t target) []Hop {
	conn, err := env.Net.OpenUDP(ctx, netip.AddrPortFrom(local, 0))
	if err != nil {
		return nil
	}
	defer conn.Close()
	var hops []Hop
	method := "OPTIONS"
	if env.Stranger(ctx, t.addr.Addr()) { // that may be near enough to be reached
		method = "BYE"
	}
	last := 0 // hops that named themselves, and those before them
	for ttl := 1; ttl <= quoteHops && ctx.Err() == nil; ttl++ {
		token := probe.Token()
		h := Hop{TTL: ttl, Sent: plainRequest(method, token, t, conn.LocalAddr())}
		done := h.ask(ctx, conn, t.addr, token, quoteRounds, quoteWait)
		hops = append(hops, h)
		if h.Addr.IsValid() {
			last = ttl
		} else if done {
			break // the server answered
		}
	}
	return hops[:last]
}
