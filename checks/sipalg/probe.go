package sipalg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/platform"
)

func (p *Probe) fail(err error) {
	if err == nil {
		return
	}
	p.Error, p.ErrorClass = platform.Words(err), string(platform.Classify(err))
	var icmp *platform.ICMPError
	if errors.As(err, &icmp) {
		p.ErrorHop = icmp.Hop
	}
}

// replyTo accepts the final response to the request of this probe: right
// peer, right token, right method.
func replyTo(token, method string, masked bool, peer netip.AddrPort) func([]byte, netip.AddrPort) bool {
	return func(b []byte, from netip.AddrPort) bool {
		if from != peer {
			return false
		}
		if masked {
			var ok bool
			if b, ok = session.Unmask(b); !ok {
				return false
			}
		}
		t, ok := session.FindToken(b)
		m, err := sip.Parse(b)
		if !ok || err != nil || m.Status < 200 || t.String() != token {
			return false
		}
		h := m.Get("cseq")
		return h != nil && bytes.HasSuffix(h.Value, []byte(method))
	}
}

// runUDP sends the outbound UDP probes that share one socket and fills in what
// this end saw. There is only one port 5060, so the probes that leave from it
// share it; every other probe gets a fresh port of its own, because helpers
// remember earlier flows.
func (r *run) runUDP(ctx context.Context, group []*Probe) {
	local := netip.AddrPortFrom(r.local, 0)
	if group[0].Source == "5060" {
		local = netip.AddrPortFrom(r.local, 5060)
	}
	conn, err := r.env.Net.OpenUDP(ctx, local)
	if err != nil {
		for _, p := range group {
			p.fail(fmt.Errorf("opening UDP %s: %w", local, err))
		}
		return
	}
	defer conn.Close()
	asks := make([]*probe.Ask, len(group))
	dialogs := make([]dialog, len(group))
	for i, p := range group {
		p.Local = conn.LocalAddr()
		dialogs[i] = r.dialog(p, p.Local)
		p.Sent = dialogs[i].request(p.Message, p.Variant)
		asks[i] = &probe.Ask{
			Payload: func() []byte { return payload(p) },
			Match:   replyTo(dialogs[i].token, p.Message, p.Masked, p.Remote),
		}
	}
	strays, err := probe.Exchange(ctx, conn, group[0].Remote, probe.SIP(), asks...)
	for i, p := range group {
		p.took(asks[i], strays, err)
		if p.Answered && p.Message == "INVITE" && !p.Masked {
			if p.Variant == "" {
				r.pinhole(ctx, p, dialogs[i])
			}
			r.hangUp(conn, p, dialogs[i])
		}
	}
}

// payload is what goes on the wire for p. Every repetition of a masked probe
// looks different, so that nothing on the way can have learnt it.
func payload(p *Probe) []byte {
	if p.Masked {
		return session.Mask(p.Sent, rand.Uint32())
	}
	return p.Sent
}

func (p *Probe) took(a *probe.Ask, strays int, err error) {
	p.Tries, p.Strays = a.Tries, strays
	if a.Reply == nil {
		p.fail(err)
		return
	}
	p.Answered, p.RTTMillis = true, float64(a.RTT.Microseconds())/1000
	p.ReplyCame = a.Reply
	if p.Masked {
		p.ReplyCame, _ = session.Unmask(a.Reply)
	}
}

// hangUp ends the call that an answered INVITE began, so that a helper closes
// the ports it opened (RFC 3261, 13.2.2.4 and 15). Nobody waits for an answer.
func (r *run) hangUp(conn platform.UDPConn, p *Probe, d dialog) {
	if m, err := sip.Parse(p.ReplyCame); err == nil {
		if to := m.Get("to"); to != nil {
			d.toTag = tagOf(to.Value)
		}
	}
	for _, method := range []string{"ACK", "BYE"} {
		_ = conn.WriteTo(d.request(method, ""), p.Remote, platform.SendOptions{})
	}
}

func tagOf(value []byte) string {
	_, after, ok := bytes.Cut(value, []byte(";tag="))
	if !ok {
		return ""
	}
	tag, _, _ := bytes.Cut(after, []byte(";"))
	return string(bytes.TrimSpace(tag))
}
