package sipalg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/platform"
)

// sendAt are the moments of the first sending and its repetitions. RFC 3261
// starts at 500 ms and doubles; a tester that must answer within seconds asks
// a little sooner and as often. With 5 % loss each way all five fail once in
// 100,000 probes, and no verdict rests on one probe alone.
var sendAt = []time.Duration{0, 400 * time.Millisecond, 1000 * time.Millisecond, 1800 * time.Millisecond, 2700 * time.Millisecond}

// lastWait is how long the last repetition may take: longer than any round
// trip on which a call would be bearable.
const lastWait = 900 * time.Millisecond

// An ask is one question on a socket: what to send (made anew for every
// repetition) and what counts as its answer.
type ask struct {
	payload func() []byte
	match   func([]byte, netip.AddrPort) bool

	reply []byte // a copy; nil: none came
	tries int
	rtt   time.Duration
}

// exchange sends every ask until it is answered or the tries are used up.
// Datagrams that answer nothing are counted as strays; an ICMP error is kept
// but does not end the waiting, since it can be forged or transient.
func exchange(ctx context.Context, conn platform.UDPConn, to netip.AddrPort, asks ...*ask) (strays int, lastErr error) {
	x := exchanger{conn: conn, buf: make([]byte, 65536), asks: asks}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	start := time.Now()
	for i := range sendAt {
		x.send(to)
		until := start.Add(sendAt[i] + lastWait)
		if i+1 < len(sendAt) {
			until = start.Add(sendAt[i+1])
		}
		x.read(ctx, until)
		if x.open() == 0 || ctx.Err() != nil {
			break
		}
	}
	return x.strays, x.err
}

type exchanger struct {
	conn   platform.UDPConn
	buf    []byte
	asks   []*ask
	sentAt time.Time
	strays int
	err    error // the last error of the local system or from a router
}

func (x *exchanger) open() (n int) {
	for _, a := range x.asks {
		if a.reply == nil {
			n++
		}
	}
	return n
}

func (x *exchanger) send(to netip.AddrPort) {
	x.sentAt = time.Now()
	for _, a := range x.asks {
		if a.reply != nil {
			continue
		}
		a.tries++
		if err := x.conn.WriteTo(a.payload(), to, platform.SendOptions{}); err != nil {
			x.err = err
		}
	}
}

// read takes datagrams until every ask is answered or the moment has come.
func (x *exchanger) read(ctx context.Context, until time.Time) {
	if x.conn.SetReadDeadline(until) != nil || ctx.Err() != nil {
		return
	}
	for x.open() > 0 {
		d, err := x.conn.ReadFrom(x.buf)
		var icmp *platform.ICMPError
		switch {
		case errors.As(err, &icmp):
			x.err = err
		case errors.Is(err, os.ErrDeadlineExceeded):
			return
		case err != nil:
			x.err = err
			// A socket that fails at once must not spin: wait the step out.
			select {
			case <-time.After(time.Until(until)):
			case <-ctx.Done():
			}
			return
		case !x.take(x.buf[:d.N], d.From):
			x.strays++
		}
	}
}

func (x *exchanger) take(b []byte, from netip.AddrPort) bool {
	for _, a := range x.asks {
		if a.match(b, from) {
			if a.reply == nil {
				a.reply, a.rtt = bytes.Clone(b), time.Since(x.sentAt)
			}
			return true // a second answer to a repeated question is no stray
		}
	}
	return false
}

func (p *Probe) fail(err error) {
	if err == nil {
		return
	}
	p.Error, p.ErrorClass = err.Error(), string(platform.Classify(err))
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
	asks := make([]*ask, len(group))
	dialogs := make([]dialog, len(group))
	for i, p := range group {
		p.Local = conn.LocalAddr()
		dialogs[i] = r.dialog(p, p.Local)
		p.Sent = dialogs[i].request(p.Message, p.Variant)
		asks[i] = &ask{
			payload: func() []byte { return payload(p) },
			match:   replyTo(dialogs[i].token, p.Message, p.Masked, p.Remote),
		}
	}
	strays, err := exchange(ctx, conn, group[0].Remote, asks...)
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

func (p *Probe) took(a *ask, strays int, err error) {
	p.Tries, p.Strays = a.tries, strays
	if a.reply == nil {
		p.fail(err)
		return
	}
	p.Answered, p.RTTMillis = true, float64(a.rtt.Microseconds())/1000
	p.ReplyCame = a.reply
	if p.Masked {
		p.ReplyCame, _ = session.Unmask(a.reply)
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
