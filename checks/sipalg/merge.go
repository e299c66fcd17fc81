package sipalg

import (
	"bytes"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

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
