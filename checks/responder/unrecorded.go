package responder

import (
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

// unrecorded answers what the checks of time and size send: many messages of
// which only a number matters, so that they would fill the record for nothing.
// ok is false for every other message. No answer is longer than its request
// unless the address has shown that it is the client's.
func (s *Server) unrecorded(m *message, now time.Time) (reply []byte, ok bool) {
	if m.socket == nil || m.socket.kind != probeSocket {
		return nil, false
	}
	switch {
	case session.IsLater(m.raw):
		reply = s.laterFlow(m, now)
	case session.IsSize(m.raw):
		reply = s.sizeProbe(m)
	default:
		return nil, false
	}
	m.conv.touch(now)
	return reply, true
}
