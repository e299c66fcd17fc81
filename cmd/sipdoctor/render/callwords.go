package render

import (
	"fmt"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/capture"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// callTitle says who called whom, and what came of it.
func (p speech) callTitle(l *capture.Ladder) string {
	return p.say("ladder-title", words.Args{"from": Quote(l.From), "to": Quote(l.To), "outcome": l.Outcome, "code": l.Code})
}

// callName is the Call-ID, and when the call began.
func callName(l *capture.Ladder) string {
	if l.Begin.IsZero() {
		return Quote(l.CallID)
	}
	return Quote(l.CallID) + ", " + l.Begin.Format("2006-01-02 15:04:05 UTC")
}

func (p speech) endName(e capture.LadderEnd) string {
	if e.Address == "" {
		return p.say("ladder-here", nil)
	}
	return Quote(e.Address)
}

// messageLabel is what stands on the arrow of a message.
func messageLabel(m *capture.Sent) string {
	s := Quote(m.Method)
	if m.Status > 0 {
		s = strings.TrimSpace(fmt.Sprintf("%d %s", m.Status, Quote(m.Phrase)))
	}
	if m.Media != "" {
		s += " (SDP)"
	}
	if m.Again > 0 {
		s = fmt.Sprintf("%d× %s", m.Again+1, s)
	}
	return s
}

// refused reports whether a message is an answer that ends what was asked. The question
// for a password is the ordinary beginning of most calls (RFC 3261, 22.2 and 22.3).
func refused(m *capture.Sent) bool { return m.Status >= 400 && m.Status != 401 && m.Status != 407 }

// sessionLine says what is in force from here on; empty where one side has not said
// what it wants.
func (p speech) sessionLine(s *capture.Session) string {
	if s.Caller == "" || s.Called == "" {
		return ""
	}
	arrow := "✗"
	switch {
	case s.Up && s.Down:
		arrow = "↔"
	case s.Up:
		arrow = "→"
	case s.Down:
		arrow = "←"
	}
	return p.say("ladder-session", words.Args{"early": s.Early, "held": !s.Up || !s.Down, "codec": Quote(s.Codec), "caller": Quote(s.Caller), "arrow": arrow, "called": Quote(s.Called)})
}

// audioLine says how a stream went.
func (p speech) audioLine(a *capture.Carried) string {
	arrow := "←"
	if a.Up {
		arrow = "→"
	}
	return p.say("ladder-audio", words.Args{"arrow": arrow, "from": Quote(a.From), "to": Quote(a.To), "payload": Quote(a.Payload), "n": a.Packets,
		"lost": a.Lost, "loss": words.Percent(lossOf(a)), "jitter": a.Jitter, "mos": a.MOS, "until": a.UntilS, "astray": a.Astray})
}

// lossOf is in percent.
func lossOf(a *capture.Carried) float64 {
	return 100 * float64(a.Lost) / float64(max(1, a.Packets+a.Lost))
}

// troubled reports whether a stream is to be looked at.
func troubled(a *capture.Carried) bool { return a.Astray || lossOf(a) >= lossLevels[1] }
