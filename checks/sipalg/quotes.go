package sipalg

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

const (
	// quoteHops is how far the question is followed without a responder: the
	// router, and whatever stands right behind it.
	quoteHops = 3
	// quoteRounds outlive a lost packet; routers limit how many errors they send.
	quoteRounds = 2
	quoteWait   = 400 * time.Millisecond
)

// askQuotes sends an OPTIONS that dies at each of the first routers. Their ICMP
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
	last := 0 // hops that named themselves, and those before them
	for ttl := 1; ttl <= quoteHops && ctx.Err() == nil; ttl++ {
		token := probe.Token()
		h := Hop{TTL: ttl, Sent: options(token, t, conn.LocalAddr())}
		done := false
		for round := 0; round < quoteRounds && !done; round++ {
			done = h.ask(ctx, conn, t.addr, token, quoteWait)
		}
		hops = append(hops, h)
		if h.Addr.IsValid() {
			last = ttl
		} else if done {
			break // the server answered
		}
	}
	return hops[:last]
}

// ofQuotes is the evidence of the first router that quoted a question of ours
// other than it was sent. Nobody but the way to it can have changed that.
func ofQuotes(s *Server) (evidence, bool) {
	for _, h := range s.Hops {
		changes := quotedChanges(h.Sent, h.Quote)
		if len(changes) == 0 {
			continue
		}
		e := evidence{
			server: s.Name, transport: "udp", message: "OPTIONS", hop: h.Addr, remote: s.Answers[0].Remote,
			bothEnds: true, verdict: Rewriting,
		}
		for _, c := range changes {
			e.signs = append(e.signs, sign{Change: c})
		}
		return e, true
	}
	return evidence{}, false
}

// wholeLines are the hops with what their whole lines say: routers cut a quote
// anywhere, and some put data of their own after it (RFC 4884).
func wholeLines(hops []Hop) []Hop {
	out := slices.Clone(hops)
	for i := range out {
		out[i].Changed = out[i].Changed && len(quotedChanges(out[i].Sent, out[i].Quote)) > 0
	}
	return out
}

// quotedChanges compares the whole lines of a quote with the message. Behind a
// line that was put in or taken out nothing can be compared any more.
func quotedChanges(sent, quote []byte) []Change {
	was, is := strings.Split(string(sent), "\r\n"), strings.Split(string(quote), "\r\n")
	var out []Change
	for i := range min(len(was), len(is)-1) { // the last line may be cut
		if was[i] == is[i] {
			continue
		}
		name, _, _ := strings.Cut(was[i], ":")
		now, _, _ := strings.Cut(is[i], ":")
		code := sip.CodeOf(name)
		switch {
		case i == 0:
			code = sip.RequestURI
		case sip.Canonical([]byte(name)) != sip.Canonical([]byte(now)):
			return append(out, Change{sip.HeaderAdded, "request", was[i], is[i]})
		}
		out = append(out, Change{code, "request", was[i], is[i]})
	}
	return out
}
