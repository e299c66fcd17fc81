package sipalg

import (
	"bytes"
	"math/rand/v2"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

func (p *Probe) fail(err error) {
	if err == nil {
		return
	}
	p.Error, p.ErrorClass, p.ErrorHop = probe.Failure(err)
}

// replied accepts the final response to p's request: right token, right method.
// Where it comes from is noted and not demanded: the token is nobody else's.
func (p *Probe) replied(token string) func([]byte, netip.AddrPort) bool {
	return func(b []byte, _ netip.AddrPort) bool {
		if p.Masked && p.Transport == "udp" { // a stream has unmasked it
			if b = unmasked(b); b == nil {
				return false
			}
		}
		t, ok := session.FindToken(b)
		m, err := sip.Parse(b)
		if !ok || err != nil || m.Status < 200 || t.String() != token {
			return false
		}
		h := m.Get("cseq")
		return h != nil && bytes.HasSuffix(h.Value, []byte(p.Message))
	}
}

func unmasked(b []byte) []byte {
	text, ok := session.Unmask(b)
	if !ok {
		return nil
	}
	return text
}

// payload is what goes on the wire for p. Every repetition of a masked probe
// looks different, so that nothing on the way can have learnt it.
func payload(p *Probe) []byte {
	if p.Masked {
		return session.Mask(p.Sent, rand.Uint32())
	}
	return p.Sent
}

func tagOf(value []byte) string {
	_, after, ok := bytes.Cut(value, []byte(";tag="))
	if !ok {
		return ""
	}
	tag, _, _ := bytes.Cut(after, []byte(";"))
	return string(bytes.TrimSpace(tag))
}

// merge adds to each probe what the responder says about it. Bytes that came
// through unchanged are not stored twice. When the responder could not keep
// everything (complete is false), a missing arrival proves nothing.
func merge(probes []Probe, arrivals []session.Arrival, complete bool) {
	for i := range probes {
		p := &probes[i]
		p.Known = complete
		if a := arrivalOf(p, arrivals); a != nil {
			p.Known, p.Arrived, p.SeenFrom = true, true, a.From
			p.ArrivedAs = Wire(a.Raw)
			if !p.Inbound {
				p.ReplySent = Wire(a.Sent)
			}
		}
		if bytes.Equal(p.ArrivedAs, p.Sent) {
			p.ArrivedAs = nil
		}
		if bytes.Equal(p.ReplyCame, p.ReplySent) {
			p.ReplyCame = nil
		}
	}
}

// arrivalOf finds the arrival of p's own message: same probe, same form, same
// method, since ACK and BYE carry the token too.
func arrivalOf(p *Probe, arrivals []session.Arrival) *session.Arrival {
	for _, a := range arrivals {
		if a.Probe != p.ID || a.Masked != p.Masked {
			continue
		}
		m, err := sip.Parse(a.Raw)
		switch {
		case err != nil:
			return &a // too badly damaged to parse as SIP, but still ours
		case p.Inbound && m.Status >= 200:
			return &a
		case !p.Inbound && m.Method == p.Message:
			return &a
		}
	}
	return nil
}
