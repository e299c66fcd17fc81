package probe

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// A Dialogue is what the requests on one flow share.
type Dialogue struct {
	CallID    string
	tag       string
	transport string // udp tcp tls ws wss
	local     netip.AddrPort
	uri       string // of the server's domain: sip:example.net
	address   string // of record: sipdoctor@example.net
	Body      string
	cseq      int
}

// NewDialogue begins one with the server that requests name as uri, "example.net".
// address is who we say that we are: "sipdoctor@example.net".
func NewDialogue(transport string, local netip.AddrPort, uri, address string) *Dialogue {
	word := Token()
	return &Dialogue{CallID: word, tag: word[:10], transport: transport, local: local, uri: "sip:" + uri, address: address}
}

// sentBy is where answers are to be sent. A WebSocket client does not know and
// uses a name that does not exist (RFC 7118, section 5.2.2).
func (d *Dialogue) sentBy() string {
	if d.transport == "ws" || d.transport == "wss" {
		return d.tag + ".invalid"
	}
	return d.local.String()
}

// Request builds the next request; extra are header fields. Its final response is
// taken from wherever it comes: nobody else knows the Call-ID.
func (d *Dialogue) Request(method string, extra ...string) *Ask {
	d.cseq++
	user, _, _ := strings.Cut(d.address, "@")
	contact := "<sip:" + user + "@" + d.sentBy() + ";transport=" + strings.Replace(d.transport, "wss", "ws", 1) + ">"
	to := "<" + d.uri + ">"
	if method == "REGISTER" {
		to = "<sip:" + d.address + ">"
	}
	lines := []string{
		method + " " + d.uri + " SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/%s %s;branch=z9hG4bK%s%d;rport", strings.ToUpper(d.transport), d.sentBy(), d.CallID, d.cseq),
		"Max-Forwards: 70",
		"From: <sip:" + d.address + ">;tag=" + d.tag,
		"To: " + to,
		"Call-ID: " + d.CallID,
		fmt.Sprintf("CSeq: %d %s", d.cseq, method),
		"Contact: " + contact,
		"User-Agent: sipdoctor",
	}
	lines = append(lines, extra...)
	lines = append(lines, fmt.Sprintf("Content-Length: %d", len(d.Body)))
	message, want := []byte(strings.Join(lines, "\r\n")+"\r\n\r\n"+d.Body), fmt.Sprintf("%d %s", d.cseq, method)
	return &Ask{
		Payload: func() []byte { return message },
		Match:   func(b []byte, _ netip.AddrPort) bool { return finalFor(b, d.CallID, want) },
	}
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
