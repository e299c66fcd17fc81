package signalling

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// dialogue is what the requests on one flow share.
type dialogue struct {
	callID    string
	tag       string
	transport string // udp tcp tls ws wss
	local     netip.AddrPort
	uri       string // of the server's domain: sip:example.net
	address   string // of record: sipdoctor@example.net
	cseq      int
}

func newDialogue(t target, local netip.AddrPort, address string) *dialogue {
	word := probe.Token()
	return &dialogue{callID: word, tag: word[:10], transport: t.transport, local: local, uri: "sip:" + t.uri, address: address}
}

// sentBy is where answers are to be sent. A WebSocket client does not know and
// uses a name that does not exist (RFC 7118, section 5.2.2).
func (d *dialogue) sentBy() string {
	if d.transport == "ws" || d.transport == "wss" {
		return d.tag + ".invalid"
	}
	return d.local.String()
}

// request builds the next request; extra are header fields.
func (d *dialogue) request(method string, extra ...string) *request {
	d.cseq++
	user, _, _ := strings.Cut(d.address, "@")
	contact := "<sip:" + user + "@" + d.sentBy() + ";transport=" + strings.Replace(d.transport, "wss", "ws", 1) + ">"
	to := "<" + d.uri + ">"
	if method == "REGISTER" {
		to = "<sip:" + d.address + ">"
	}
	lines := []string{
		method + " " + d.uri + " SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/%s %s;branch=z9hG4bK%s%d;rport", strings.ToUpper(d.transport), d.sentBy(), d.callID, d.cseq),
		"Max-Forwards: 70",
		"From: <sip:" + d.address + ">;tag=" + d.tag,
		"To: " + to,
		"Call-ID: " + d.callID,
		fmt.Sprintf("CSeq: %d %s", d.cseq, method),
		"Contact: " + contact,
		"User-Agent: sipdoctor",
	}
	lines = append(lines, extra...)
	lines = append(lines, "Content-Length: 0")
	r := &request{bytes: []byte(strings.Join(lines, "\r\n") + "\r\n\r\n")}
	want := fmt.Sprintf("%d %s", d.cseq, method)
	r.wanted = func(b []byte) bool { return finalFor(b, d.callID, want) }
	return r
}

// finalFor accepts the final response to the request with that Call-ID and
// CSeq.
func finalFor(b []byte, callID, cseq string) bool {
	m, err := sip.Parse(b)
	if err != nil || m.Status < 200 {
		return false
	}
	id, seq := m.Get("call-id"), m.Get("cseq")
	return id != nil && seq != nil && bytes.Equal(id.Value, []byte(callID)) &&
		strings.Join(strings.Fields(string(seq.Value)), " ") == cseq
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
