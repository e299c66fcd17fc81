package signalling

import (
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// answerOf is what came of a request.
func answerOf(r *probe.Ask) Answer {
	a := Answer{Tries: r.Tries, Reply: r.Reply, From: r.From}
	if r.Reply != nil {
		a.Sent, a.RTTMillis = r.Payload(), probe.Millis(r.RTT)
	}
	return a
}

// maxText bounds what is kept of a text that a server chose, in runes.
const maxText = 200

// readResponse reads what the report shows of a reply.
func readResponse(b []byte) (r Response, ok bool) {
	m, err := sip.Parse(b)
	if err != nil || m.Status == 0 {
		return Response{}, false
	}
	r.Code = m.Status
	if parts := strings.SplitN(string(m.Start), " ", 3); len(parts) == 3 {
		r.Phrase = cut(parts[2])
	}
	for _, name := range []string{"server", "user-agent"} {
		if h := m.Get(name); h != nil && r.Server == "" {
			r.Server = cut(string(h.Value))
		}
	}
	if h := m.Get("warning"); h != nil {
		r.Warning = cut(string(h.Value))
	}
	for _, c := range m.Challenges() {
		r.Stale = r.Stale || c.Stale
	}
	return r, true
}

func cut(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if r := []rune(s); len(r) > maxText {
		return string(r[:maxText]) + "…"
	}
	return s
}
