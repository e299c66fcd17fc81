package allowlist

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// options is the plain request that any SIP server answers with something. It
// carries no credentials and no body.
func options(token string, local, remote netip.AddrPort) []byte {
	return []byte(strings.Join([]string{
		fmt.Sprintf("OPTIONS sip:%s SIP/2.0", remote),
		fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport", local, token),
		"Max-Forwards: 70",
		fmt.Sprintf("From: <sip:probe@%s>;tag=%s", local, token),
		fmt.Sprintf("To: <sip:%s>", remote),
		fmt.Sprintf("Call-ID: %s@%s", token, local.Addr()),
		"CSeq: 1 OPTIONS",
		fmt.Sprintf("Contact: <sip:probe@%s>", local),
		"User-Agent: sipdoctor",
		"Content-Length: 0",
	}, "\r\n") + "\r\n\r\n")
}

// answerTo reads the status of a response to the request with that token. A
// provisional one counts: the way there and back is open. A helper on the way
// may have changed the address in the Call-ID, not the token.
func answerTo(b []byte, token string) (code int, ok bool) {
	m, err := sip.Parse(b)
	if err != nil || m.Status < 100 {
		return 0, false
	}
	id := m.Get("call-id")
	return m.Status, id != nil && bytes.HasPrefix(id.Value, []byte(token))
}
