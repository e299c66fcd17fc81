package sipalg

import (
	"context"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

// pinholeWait is how long the responder's RTP may take after it said that it
// sent it.
const pinholeWait = 400 * time.Millisecond

// pinhole asks the responder for RTP to the port that only our SDP named, and
// to one that no SDP ever named. We send nothing from either, so a stateful
// filter or NAT lets nothing in, unless a helper read the SDP.
func (r *run) pinhole(ctx context.Context, p *Probe, d dialog) {
	h := Pinhole{Probe: p.ID, Port: p.Port, Plain: p.Plain}
	defer func() {
		r.mu.Lock()
		r.pinholes = append(r.pinholes, h)
		r.mu.Unlock()
	}()
	control := r.env.FreshRTPPort()
	named, err := r.env.Net.OpenUDP(ctx, netip.AddrPortFrom(r.local, uint16(d.rtp)))
	if err != nil {
		h.Error = platform.Words(err)
		return
	}
	defer named.Close()
	other, err := r.env.Net.OpenUDP(ctx, netip.AddrPortFrom(r.local, uint16(control)))
	if err != nil {
		h.Error = platform.Words(err)
		return
	}
	defer other.Close()
	for range 2 { // the responder sends several packets each time; two rounds outlive a burst of loss
		h.Tries++
		reply, err := r.session.RTP(ctx, session.RTPRequest{Probe: p.ID})
		if err != nil {
			h.Error = platform.Words(err)
			return
		}
		h.SentTo = reply.To
		if _, err := r.session.RTP(ctx, session.RTPRequest{Probe: p.ID, Port: control}); err == nil {
			h.ControlOK = true
		}
		until := time.Now().Add(pinholeWait)
		h.Named = h.Named || heard(named, d.token, until)
		h.Control = h.Control || heard(other, d.token, until)
		if h.Named {
			return
		}
	}
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
