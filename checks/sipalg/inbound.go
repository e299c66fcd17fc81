package sipalg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/platform"
)

// runInbound opens a flow with an OPTIONS, lets the responder call back on it,
// and answers the INVITE as a phone would. For this probe "reply" is the
// responder's request (what it sent, what came here) and "sent" our answer.
func (r *run) runInbound(ctx context.Context, p *Probe) {
	conn, err := r.env.Net.OpenUDP(ctx, netip.AddrPortFrom(r.local, 0))
	if err != nil {
		p.fail(fmt.Errorf("opening a UDP socket: %w", err))
		return
	}
	defer conn.Close()
	p.Local = conn.LocalAddr()
	d := r.dialog(p, p.Local)
	open := &ask{
		payload: func() []byte { return d.request("OPTIONS", "") },
		match:   replyTo(d.token, "OPTIONS", false, p.Remote),
	}
	_, err = exchange(ctx, conn, p.Remote, open)
	if open.reply == nil {
		p.Tries = open.tries
		p.fail(err)
		return
	}
	for range 3 {
		p.Tries++
		reply, err := r.session.Invite(ctx, session.InviteRequest{Flow: p.ID, Probe: p.ID})
		if err != nil {
			p.fail(fmt.Errorf("asking the responder for a call: %w", err))
			return
		}
		p.ReplySent = reply.Sent
		if r.answerCall(ctx, conn, p, d) {
			return
		}
	}
}

// inviteWait is how long the INVITE may take after the responder said that it
// sent it; the control call's own round trip has passed by then.
const inviteWait = 600 * time.Millisecond

// answerCall waits for the responder's INVITE and answers it twice (the second
// copy is the repetition that covers one lost packet).
func (r *run) answerCall(ctx context.Context, conn platform.UDPConn, p *Probe, d dialog) bool {
	if conn.SetReadDeadline(time.Now().Add(inviteWait)) != nil {
		return false
	}
	buf := make([]byte, 65536)
	for ctx.Err() == nil {
		dg, err := conn.ReadFrom(buf)
		var icmp *platform.ICMPError
		if errors.As(err, &icmp) {
			continue
		}
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				p.fail(err)
			}
			return false
		}
		m, err := sip.Parse(buf[:dg.N])
		if dg.From != p.Remote || err != nil || m.Method != "INVITE" {
			p.Strays++
			continue
		}
		p.Answered, p.ReplyCame = true, bytes.Clone(buf[:dg.N])
		p.Sent = answerTo(m, d)
		for range 2 {
			_ = conn.WriteTo(p.Sent, p.Remote, platform.SendOptions{})
		}
		return true
	}
	return false
}

func answerTo(m *sip.Message, d dialog) []byte {
	value := func(name string) string {
		if h := m.Get(name); h != nil {
			return string(h.Value)
		}
		return ""
	}
	return d.answer(value("via"), value("from"), value("to"), value("call-id"), value("cseq"))
}
