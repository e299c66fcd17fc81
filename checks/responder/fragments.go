package responder

import "github.com/sipdoctor/sipdoctor/checks/internal/session"

// sizeProbe answers a datagram of a certain length with one of the length that
// it wants. No answer is longer than its request unless the session has sent
// us as many bytes before from an address that is its own: over all, it gets no
// more than it sent.
func (s *Server) sizeProbe(m *message) []byte {
	p, ok := session.ParseSizeProbe(m.raw)
	arrived := len(m.raw) + session.MaskOverhead
	if !ok || !m.masked || p.Want > session.MaxSize || arrived < session.MinSize {
		return nil
	}
	r := session.SizeReply{Token: p.Token, Seq: p.Seq, Got: arrived}
	c := m.conv
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.provedLocked(m.from.Addr()) {
		if p.Want <= arrived {
			r.Want = p.Want
		}
		return r.Bytes()
	}
	c.credit += arrived
	if p.Want <= c.credit {
		r.Want = p.Want
	}
	b := r.Bytes()
	c.credit -= len(b) + session.MaskOverhead
	return b
}
