package sipalg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/platform"
)

// call lets the responder call back on a flow that something has opened, and
// answers the INVITE as a phone would. For this probe "reply" is the responder's
// request (what it sent, what came here) and "sent" our answer. A call that is
// lost gets its control, the same call unreadable, and where that passes a
// second try.
func (f *flow) call(ctx context.Context, p *Probe) {
	opener := f.opener()
	if opener == nil {
		p.Local = f.conn.LocalAddr()
		return
	}
	if f.takeCall(ctx, p, opener) || ctx.Err() != nil || p.Error != "" {
		return
	}
	if f.takeCall(ctx, f.r.controlOf(p), opener) {
		if again := f.r.more(*p); f.takeCall(ctx, again, opener) {
			f.r.replace(p, again)
		}
	}
}

// opener is something whose answer came back on this flow.
func (f *flow) opener() *Probe {
	for _, d := range f.done {
		if d.Answered && !d.Inbound {
			return d.Probe
		}
	}
	return nil
}

// calls is how often the responder is asked to call, and how long each call
// may take after it said that it sent one; the control call's own round trip
// has passed by then. Two probes that are called so often outlive a loss of
// 10 % with a chance below falseAlarm.
const (
	calls      = 4
	inviteWait = 600 * time.Millisecond
)

// takeCall lets the responder call until a call is answered and acknowledged;
// false means that something of it is missing.
func (f *flow) takeCall(ctx context.Context, p, opener *Probe) bool {
	d := f.dialog(p)
	for range calls {
		p.Tries++
		reply, err := f.r.session.Invite(ctx, session.InviteRequest{Flow: opener.ID, Probe: p.ID, Masked: p.Masked})
		if err != nil {
			p.fail(fmt.Errorf("asking the responder for a call: %w", err))
			return false
		}
		p.ReplySent = reply.Sent
		if raw, m := p.await(ctx, f.conn, "INVITE", time.Now().Add(inviteWait)); m != nil {
			p.Answered, p.ReplyCame = true, raw
			p.Sent = d.answer(m)
			return p.answerCall(ctx, f.conn)
		}
	}
	return false
}

// answerAt are the moments at which our answer is sent: as RFC 3261, 13.3.1.4
// wants it, every T1 (500 ms), but twice at first and no longer than a few
// seconds.
var answerAt = []time.Duration{0, 0, 500 * time.Millisecond, 1000 * time.Millisecond, 1500 * time.Millisecond, 2000 * time.Millisecond}

func (p *Probe) answerCall(ctx context.Context, conn platform.UDPConn) bool {
	start := time.Now()
	for i := range answerAt {
		p.Answers++
		_ = conn.WriteTo(payload(p), p.Remote, platform.SendOptions{})
		until := start.Add(answerAt[i] + probe.SIP().LastWait)
		if i+1 < len(answerAt) {
			until = start.Add(answerAt[i+1])
		}
		if _, ack := p.await(ctx, conn, "ACK", until); ack != nil {
			return true
		}
	}
	return false
}

// await reads until a request of that method comes from the responder; nil
// when none has come until the moment.
func (p *Probe) await(ctx context.Context, conn platform.UDPConn, method string, until time.Time) ([]byte, *sip.Message) {
	if conn.SetReadDeadline(until) != nil {
		return nil, nil
	}
	buf := make([]byte, 65536)
	for ctx.Err() == nil {
		d, err := conn.ReadFrom(buf)
		if _, isICMP := errors.AsType[*platform.ICMPError](err); isICMP {
			continue
		}
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				p.fail(err) // this machine's fault is not the network's silence
			}
			return nil, nil
		}
		raw := bytes.Clone(buf[:d.N])
		if p.Masked {
			raw = unmasked(raw)
		}
		m, err := sip.Parse(raw)
		t, ours := session.FindToken(raw) // another call on the same flow has another one
		switch {
		case err != nil || m.Status != 0 || !ours || t.Probe != p.ID:
			p.Strays++
		case m.Method == method:
			return raw, m
		}
	}
	return nil, nil
}

// pinholeWait is how long the responder's RTP may take after it said that it
// sent it.
const pinholeWait = 400 * time.Millisecond

// pinhole asks the responder for RTP to the port that only our SDP named, and
// to one that no SDP ever named. We send nothing from either, so a stateful
// filter or NAT lets nothing in, unless a helper read the SDP.
func (r *run) pinhole(ctx context.Context, p *Probe, d dialog) {
	h := Pinhole{Probe: p.ID, Port: p.Port, Plain: p.Plain}
	if err := r.knock(ctx, &h, d); err != nil {
		h.Error = platform.Words(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pinholes = append(r.pinholes, h)
}

func (r *run) knock(ctx context.Context, h *Pinhole, d dialog) error {
	control := r.env.FreshRTPPort()
	named, err := r.env.Net.OpenUDP(ctx, netip.AddrPortFrom(r.local, uint16(d.rtp)))
	if err != nil {
		return err
	}
	defer named.Close()
	other, err := r.env.Net.OpenUDP(ctx, netip.AddrPortFrom(r.local, uint16(control)))
	if err != nil {
		return err
	}
	defer other.Close()
	for h.Tries < 2 && !h.Named { // the responder sends several packets each time; two rounds outlive a burst of loss
		h.Tries++
		reply, err := r.session.RTP(ctx, session.RTPRequest{Probe: h.Probe})
		if err != nil {
			return err
		}
		h.SentTo = reply.To
		if _, err := r.session.RTP(ctx, session.RTPRequest{Probe: h.Probe, Port: control}); err == nil {
			h.ControlOK = true
		}
		until := time.Now().Add(pinholeWait)
		h.Named = heard(named, d.token, until)
		h.Control = h.Control || heard(other, d.token, until)
	}
	return nil
}

// heard reports whether a datagram with the token arrives before the moment.
func heard(conn platform.UDPConn, token string, until time.Time) bool {
	if conn.SetReadDeadline(until) != nil {
		return false
	}
	for b := range probe.Datagrams(conn, nil) {
		if t, ok := session.FindToken(b); ok && t.String() == token {
			return true
		}
	}
	return false
}
