package responder

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// handle takes one message other than a control call, records it when it
// belongs to a session, and returns what goes back to where it came from, nil
// for silence. It neither sends nor waits.
func (s *Server) handle(m *message, now time.Time) []byte {
	s.counters.messages.Add(1)
	s.counters.bytesIn.Add(uint64(len(m.Raw)))
	if !s.belongs(m, now) {
		return s.stranger(m, now)
	}
	c := m.conv
	if m.Transport == "udp" {
		c.udp.Add(1)
	}
	if !c.allow(now) {
		s.counters.limited.Add(1)
		return nil
	}
	s.counters.probes.Add(1)
	key := m.key()
	sent, done := s.unrecorded(m, now)
	if !done {
		sent, done = c.known(key, now)
	}
	if done {
		if !s.affords(m, sent, now) {
			return nil
		}
		return s.counters.sending(sent)
	}
	if m.whole {
		sent = s.answer(c, m)
	}
	if !s.affords(m, sent, now) {
		c.count(func(l *session.Limits) { l.Records++ })
		s.counters.dropped.Add(1)
		return nil // a message that is recorded without its answer would look like a lost answer
	}
	m.At, m.Sent = now, sent
	if !c.record(key, m.Arrival) {
		s.counters.dropped.Add(1)
		return nil // an answer that is not in the record would look like a forgery
	}
	return s.counters.sending(sent)
}

// affords takes an answer to a session's message from the budget of strangers
// when it goes to an address that has not shown itself: who holds one session
// may write any source address into its packets.
func (s *Server) affords(m *message, answer []byte, now time.Time) bool {
	if answer == nil || m.Transport != "udp" || m.conv.isProved(m.From.Addr()) {
		return true
	}
	if !s.unproven.may(strangerProbe, len(m.Raw), len(answer), now) {
		s.counters.refused.Add(1)
		m.conv.count(withheld)
		return false
	}
	return true
}

// belongs finds the session whose token the message carries, and the probe.
func (s *Server) belongs(m *message, now time.Time) bool {
	t, ok := session.FindToken(m.Raw)
	if !ok {
		return m.conv != nil && s.sessions.find(m.conv.id, now) == m.conv
	}
	c := s.sessions.find(t.Session, now)
	if c == nil || !t.Valid(c.secret) {
		return false
	}
	m.conv, m.Probe = c, t.Probe
	return true
}

// answer is what a session's message deserves, within the bound: an address
// that has not shown that it is this client's gets no more than it sent.
func (s *Server) answer(c *conversation, m *message) []byte {
	if m.socket != nil && m.socket.kind == mediaSocket {
		return nil // RTP is recorded, not answered
	}
	msg, err := sip.Parse(m.Raw)
	if err != nil {
		return nil
	}
	a := s.answerer(c, m.From, m.Local, m.Transport, m.Probe)
	if msg.Status != 0 {
		return c.answered(a, msg, m)
	}
	reply := a.full(msg)
	if m.Transport != "udp" || c.isProved(m.From.Addr()) {
		return reply // a finished TCP handshake proves the source as well
	}
	if len(reply) > len(m.Raw) {
		reply = a.short(msg)
	}
	if len(reply) > len(m.Raw) {
		s.counters.refused.Add(1)
		c.count(withheld)
		return nil
	}
	return reply
}

// answered handles a SIP response: one to a call of ours is acknowledged.
func (c *conversation) answered(a *answerer, msg *sip.Message, m *message) []byte {
	c.mu.Lock()
	call := c.invites[m.Probe]
	c.mu.Unlock()
	if call == nil {
		return nil
	}
	call.once.Do(func() { close(call.answered) })
	ack := a.ack(msg, session.NewToken(c.id, c.secret, m.Probe))
	if m.Transport == "udp" && len(ack) > len(m.Raw) && !c.isProved(m.From.Addr()) {
		c.count(withheld)
		return nil
	}
	return ack
}

func (s *Server) answerer(c *conversation, from, local netip.AddrPort, transport string, probe int) *answerer {
	return &answerer{
		from: from, visible: netip.AddrPortFrom(c.visible(local.Addr()), local.Port()), transport: transport,
		media: s.mediaPort(c, probe),
		// The last 8 of the token's digits: the same in every repetition, and
		// another one in every probe.
		tag: session.ReplyTag(session.NewToken(c.id, c.secret, probe)),
	}
}

// stranger answers who has no session: OPTIONS with less than it brought, so
// that a person can see with any SIP tool that somebody is home; nothing else.
func (s *Server) stranger(m *message, now time.Time) []byte {
	if m.Masked || !m.whole || m.socket != nil && m.socket.kind == mediaSocket || !bytes.HasPrefix(m.Raw, []byte("OPTIONS ")) {
		return nil
	}
	if !s.limits.allow(m.From.Addr(), now) {
		s.counters.limited.Add(1)
		return nil
	}
	msg, err := sip.Parse(m.Raw)
	if err != nil || msg.Method != "OPTIONS" {
		return nil
	}
	a := &answerer{from: m.From, tag: "sdr0"}
	reply := a.short(msg)
	if reply == nil || !s.unproven.may(strangerSIP, len(m.Raw), len(reply), now) {
		return nil
	}
	s.counters.strangers.Add(1)
	return s.counters.sending(reply)
}
