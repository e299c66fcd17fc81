package sipalg

import (
	"cmp"
	"context"
	"crypto/tls"
	"os"
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

// streamSchedule leaves it to TCP to repeat what is lost.
func streamSchedule() probe.Schedule {
	return probe.Schedule{SendAt: []time.Duration{0}, LastWait: streamTimeout}
}

func (r *run) connectOnce(whole context.Context, p *Probe) {
	ctx, cancel := context.WithTimeout(whole, streamTimeout)
	defer cancel()
	f, err := r.connect(ctx, p)
	if err != nil {
		p.Tries = 1
		p.fail(err)
		return
	}
	defer f.Close()
	p.Local = f.Local
	if p.Message == connectOnly {
		p.Tries, p.Answered = 1, true
		return
	}
	d := r.dialog(p, p.Local)
	p.Sent = d.request(p.Message, p.Variant)
	q := &probe.Ask{Payload: func() []byte { return p.Sent }, Match: p.replied(d.token)}
	err = f.Ask(ctx, streamSchedule(), q)
	p.took(q, 0, cmp.Or(err, os.ErrDeadlineExceeded))
	switch {
	case !p.Answered || p.Masked:
	case p.Message == "INVITE":
		if p.Transport == "tcp" && p.Variant == "" {
			r.pinhole(whole, p, d)
		}
		_, d.toTag = statusAndTag(p.ReplyCame)
		f.Post(append(d.request("ACK", ""), d.request("BYE", "")...))
	case p.Message == "REGISTER":
		f.Post(d.request("REGISTER", variantLeave))
	}
}

// unnamed stands for the subject of a certificate that has none.
const unnamed = "unnamed"

// connect opens the connection of a probe. Over TLS any certificate is accepted:
// what matters is whether it is the one the responder showed on its control
// channel. Another one means that somebody opens TLS on the way.
func (r *run) connect(ctx context.Context, p *Probe) (*probe.Flow, error) {
	var secure *tls.Config
	if p.Transport == "tls" {
		secure = &tls.Config{InsecureSkipVerify: true, ServerName: p.Remote.Addr().String(), VerifyConnection: func(s tls.ConnectionState) error {
			leaf, want := s.PeerCertificates[0], r.session.Info.Fingerprint
			if want != "" && want != session.FingerprintOf(leaf.Raw).String() {
				p.TLSForeign = cmp.Or(leaf.Subject.String(), unnamed)
			}
			return nil
		}}
	}
	f, err := probe.Dial(ctx, r.env.Net, r.from(p), p.Remote, secure)
	if err != nil {
		return nil, err
	}
	switch stream := f.Messages.(*probe.Stream); {
	case p.Masked:
		f.Messages = masked{stream}
	case p.Variant == variantSplit:
		f.Messages = halves{stream}
	}
	return f, nil
}

// masked carries unreadable messages.
type masked struct{ *probe.Stream }

func (m masked) Send(b []byte) error      { return session.WriteMasked(m, b) }
func (m masked) Receive() ([]byte, error) { return session.ReadMasked(m) }

// halves sends each message in two segments.
type halves struct{ *probe.Stream }

func (h halves) Send(b []byte) error {
	if err := h.Stream.Send(b[:len(b)/2]); err != nil {
		return err
	}
	time.Sleep(splitPause)
	return h.Stream.Send(b[len(b)/2:])
}
