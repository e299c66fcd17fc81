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
	s.counters.bytesIn.Add(uint64(len(m.raw)))
	if !s.belongs(m, now) {
		return s.stranger(m, now)
	}
	c, probe := m.conv, m.probe
	if m.transport == "udp" {
		c.udp.Add(1)
	}
	if !c.allow(now) {
		s.counters.limited.Add(1)
		return nil
	}
	s.counters.probes.Add(1)
	key := m.key(probe)
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
		sent = s.answer(c, m, probe)
	}
	if !s.affords(m, sent, now) {
		c.count(func(l *session.Limits) { l.Records++ })
		s.counters.dropped.Add(1)
		return nil // a message that is recorded without its answer would look like a lost answer
	}
	if !c.record(key, m.arrival(probe, now, sent)) {
		s.counters.dropped.Add(1)
		return nil // an answer that is not in the record would look like a forgery
	}
	return s.counters.sending(sent)
}

// affords takes an answer to a session's message from the budget of strangers
// when it goes to an address that has not shown itself: who holds one session
// may write any source address into its packets.
func (s *Server) affords(m *message, answer []byte, now time.Time) bool {
	if answer == nil || m.transport != "udp" || m.conv.isProved(m.from.Addr()) {
		return true
	}
	if !s.unproven.may(strangerProbe, len(m.raw), len(answer), now) {
		s.counters.refused.Add(1)
		m.conv.count(withheld)
		return false
	}
	return true
}

// belongs finds the session whose token the message carries, and the probe.
func (s *Server) belongs(m *message, now time.Time) bool {
	t, ok := session.FindToken(m.raw)
	if !ok {
		return m.conv != nil && s.sessions.find(m.conv.id, now) == m.conv
	}
	c := s.sessions.find(t.Session, now)
	if c == nil || !t.Valid(c.secret) {
		return false
	}
	m.conv, m.probe = c, t.Probe
	return true
}

// answer is what a session's message deserves, within the bound: an address
// that has not shown that it is this client's gets no more than it sent.
func (s *Server) answer(c *conversation, m *message, probe int) []byte {
	if m.socket != nil && m.socket.kind == mediaSocket {
		return nil // RTP is recorded, not answered
	}
	msg, err := sip.Parse(m.raw)
	if err != nil {
		return nil
	}
	a := s.answerer(c, m.from, m.local, m.transport, probe)
	if msg.Status != 0 {
		return c.answered(a, msg, m, probe)
	}
	reply := a.full(msg)
	if m.transport != "udp" || c.isProved(m.from.Addr()) {
		return reply // a finished TCP handshake proves the source as well
	}
	if len(reply) > len(m.raw) {
		reply = a.short(msg)
	}
	if len(reply) > len(m.raw) {
		s.counters.refused.Add(1)
		c.count(withheld)
		return nil
	}
	return reply
}

// answered handles a SIP response: one to a call of ours is acknowledged.
func (c *conversation) answered(a *answerer, msg *sip.Message, m *message, probe int) []byte {
	c.mu.Lock()
	call := c.invites[probe]
	c.mu.Unlock()
	if call == nil {
		return nil
	}
	call.once.Do(func() { close(call.answered) })
	ack := a.ack(msg, session.NewToken(c.id, c.secret, probe))
	if m.transport == "udp" && len(ack) > len(m.raw) && !c.isProved(m.from.Addr()) {
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
	if m.masked || !m.whole || m.socket != nil && m.socket.kind == mediaSocket || !bytes.HasPrefix(m.raw, []byte("OPTIONS ")) {
		return nil
	}
	if !s.limits.allow(m.from.Addr(), now) {
		s.counters.limited.Add(1)
		return nil
	}
	msg, err := sip.Parse(m.raw)
	if err != nil || msg.Method != "OPTIONS" {
		return nil
	}
	a := &answerer{from: m.from, tag: "sdr0"}
	reply := a.short(msg)
	if reply == nil || !s.unproven.may(strangerSIP, len(m.raw), len(reply), now) {
		return nil
	}
	s.counters.strangers.Add(1)
	return s.counters.sending(reply)
}
