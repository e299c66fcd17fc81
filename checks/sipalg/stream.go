package sipalg

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

// streamTimeout bounds one TCP or TLS probe: the handshake survives three lost
// segments in it (initial RTO 1 s, RFC 6298), and the whole check stays under
// five seconds.
const streamTimeout = 4 * time.Second

// splitPause separates the two halves of a split message, so that they leave
// as two segments and a helper sees two packets.
const splitPause = 30 * time.Millisecond

// runStream sends one probe over TCP or TLS, and again what is lost.
func (r *run) runStream(ctx context.Context, p *Probe) {
	r.connectOnce(ctx, p)
	r.askStreams(ctx, p)
}

// sendStream is a sender; every probe has a connection of its own.
func (r *run) sendStream(ctx context.Context, probes ...*Probe) {
	for _, p := range probes {
		r.connectOnce(ctx, p)
	}
}

// connectOnce sends one probe and fills in what this end saw.
func (r *run) connectOnce(whole context.Context, p *Probe) {
	ctx, cancel := context.WithTimeout(whole, streamTimeout)
	defer cancel()
	p.Tries = 1
	local := netip.AddrPortFrom(r.local, 0)
	if p.Source == "5060" {
		local = netip.AddrPortFrom(r.local, 5060)
	}
	conn, err := r.env.Net.DialTCP(ctx, local, p.Remote)
	if err != nil {
		p.fail(err)
		return
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if a, err := netip.ParseAddrPort(conn.LocalAddr().String()); err == nil {
		p.Local = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	if p.Message == connectOnly {
		p.Answered = true
		return
	}
	var stream net.Conn = conn
	if p.Transport == "tls" {
		if stream, err = r.startTLS(ctx, conn, p); err != nil {
			p.fail(fmt.Errorf("TLS handshake with %s: %w", p.Remote, err))
			return
		}
	}
	d := r.dialog(p, p.Local)
	p.Sent = d.request(p.Message, p.Variant)
	start := time.Now()
	if err := writeProbe(stream, p); err != nil {
		p.fail(err)
		return
	}
	reply, err := readStream(stream, p, d.token)
	if err != nil {
		p.fail(err)
		return
	}
	p.Answered, p.ReplyCame = true, reply
	p.RTTMillis = float64(time.Since(start).Microseconds()) / 1000
	if p.Message == "INVITE" && !p.Masked {
		stop() // the rest of the call is not bound to the time of its answer
		if p.Transport == "tcp" && p.Variant == "" {
			r.pinhole(whole, p, d)
		}
		_, d.toTag = statusAndTag(reply)
		_, _ = stream.Write(append(d.request("ACK", ""), d.request("BYE", "")...))
	}
	if p.Message == "REGISTER" && !p.Masked {
		_, _ = stream.Write(d.request("REGISTER", variantLeave))
	}
}

// unnamed stands for the subject of a certificate that has none.
const unnamed = "unnamed"

// startTLS accepts any certificate: what matters is whether it is the one the
// responder showed on its control channel. Another one means that somebody
// opens TLS on the way.
func (r *run) startTLS(ctx context.Context, conn net.Conn, p *Probe) (net.Conn, error) {
	t := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: p.Remote.Addr().String()})
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	leaf := t.ConnectionState().PeerCertificates[0]
	if want := r.session.Info.Fingerprint; want != "" && want != session.FingerprintOf(leaf.Raw).String() {
		p.TLSForeign = cmp.Or(leaf.Subject.String(), unnamed)
	}
	return t, nil
}

func writeProbe(w io.Writer, p *Probe) error {
	switch {
	case p.Masked:
		return session.WriteMasked(w, p.Sent)
	case p.Variant == variantSplit:
		half := len(p.Sent) / 2
		if _, err := w.Write(p.Sent[:half]); err != nil {
			return err
		}
		time.Sleep(splitPause)
		_, err := w.Write(p.Sent[half:])
		return err
	}
	_, err := w.Write(p.Sent)
	return err
}

// readStream reads up to the final response to p.
func readStream(rd io.Reader, p *Probe, token string) ([]byte, error) {
	if p.Masked {
		return session.ReadMasked(rd)
	}
	final := p.replied(token)
	b, err := probe.ReadFinal(rd, func(b []byte) bool { return final(b, p.Remote) })
	if err != nil {
		return nil, fmt.Errorf("reading the answer from %s: %w", p.Remote, err)
	}
	return b, nil
}
