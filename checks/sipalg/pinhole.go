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
