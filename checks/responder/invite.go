package responder

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// An invite is one call that the responder made to a client.
type invite struct {
	sent     []byte
	masked   bool // it goes out unreadable
	asked    int  // how often the client wanted it; under the session's lock
	once     sync.Once
	answered chan struct{} // closed when any response has come
}

// wire is the call as it goes out; every repetition of a masked one looks
// different.
func (i *invite) wire() []byte {
	if i.masked {
		return session.Mask(i.sent, rand.Uint32())
	}
	return i.sent
}

// call is the INVITE to a client on the flow that it opened. The token stands
// where whatever comes back will carry it.
func (a *answerer) call(token string) []byte {
	body := a.sdp()
	return fmt.Appendf(nil, "INVITE sip:%[1]s@%[2]s SIP/2.0\r\n"+
		"Via: SIP/2.0/UDP %[3]s;rport;branch=z9hG4bK%[1]s\r\n"+
		"Max-Forwards: 70\r\n"+
		"From: <sip:sipdoctor@%[3]s>;tag=%[4]s\r\n"+
		"To: <sip:%[1]s@%[2]s>\r\n"+
		"Call-ID: %[1]s@%[5]s\r\nCSeq: 1 INVITE\r\n%[6]s\r\n"+
		"Content-Type: application/sdp\r\nContent-Length: %[7]d\r\n\r\n%[8]s",
		token, a.from, a.visible, a.tag, bracketed(a.visible.Addr()), a.contact(), len(body), body)
}

// ack acknowledges a final response to our INVITE: for a success a request of
// its own to the address in Contact (RFC 3261, 13.2.2.4), for anything else
// with the branch of the INVITE (17.1.1.3). It returns nil for what needs
// none.
func (a *answerer) ack(m *sip.Message, token string) []byte {
	cseq, to := m.Get("cseq"), m.Get("to")
	if m.Status < 200 || cseq == nil || to == nil || !bytes.HasSuffix(bytes.TrimSpace(cseq.Value), []byte("INVITE")) {
		return nil
	}
	target, branch := fmt.Sprintf("sip:%s@%s", token, a.from), "z9hG4bK"+token
	if m.Status < 300 {
		branch += "ack"
		if c := m.Get("contact"); c != nil {
			target = cmp.Or(uriOf(c.Value), target)
		}
	}
	return fmt.Appendf(nil, "ACK %[1]s SIP/2.0\r\n"+
		"Via: SIP/2.0/UDP %[2]s;rport;branch=%[3]s\r\n"+
		"Max-Forwards: 70\r\n"+
		"From: <sip:sipdoctor@%[2]s>;tag=%[4]s\r\n%[5]s\r\n"+
		"Call-ID: %[6]s@%[7]s\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
		target, a.visible, branch, a.tag, to.Raw, token, bracketed(a.visible.Addr()))
}

// uriOf takes the URI out of a Contact value; "" when it is not one that may
// stand in a request line.
func uriOf(v []byte) string {
	uri, _ := sip.Address(string(v))
	unfit := func(c rune) bool { return c <= ' ' || c >= 0x7f }
	if len(uri) > 256 || !strings.HasPrefix(strings.ToLower(uri), "sip") || strings.ContainsFunc(uri, unfit) {
		return ""
	}
	return uri
}

// bracketed is an address as it stands in a URI.
func bracketed(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}
