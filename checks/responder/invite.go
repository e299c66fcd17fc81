package responder

import (
	"bytes"
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
	b := &bytes.Buffer{}
	fmt.Fprintf(b, "INVITE sip:%s@%s SIP/2.0\r\n", token, a.from)
	fmt.Fprintf(b, "Via: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s\r\n", a.visible, token)
	fmt.Fprintf(b, "Max-Forwards: 70\r\n")
	fmt.Fprintf(b, "From: <sip:sipdoctor@%s>;tag=%s\r\n", a.visible, a.tag)
	fmt.Fprintf(b, "To: <sip:%s@%s>\r\n", token, a.from)
	fmt.Fprintf(b, "Call-ID: %s@%s\r\n", token, bracketed(a.visible.Addr()))
	fmt.Fprintf(b, "CSeq: 1 INVITE\r\n")
	fmt.Fprintf(b, "%s\r\n", a.contact())
	fmt.Fprintf(b, "Content-Type: application/sdp\r\n")
	fmt.Fprintf(b, "Content-Length: %d\r\n\r\n", len(body))
	b.Write(body)
	return b.Bytes()
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
			if uri := uriOf(c.Value); uri != "" {
				target = uri
			}
		}
	}
	b := &bytes.Buffer{}
	fmt.Fprintf(b, "ACK %s SIP/2.0\r\n", target)
	fmt.Fprintf(b, "Via: SIP/2.0/UDP %s;rport;branch=%s\r\n", a.visible, branch)
	fmt.Fprintf(b, "Max-Forwards: 70\r\n")
	fmt.Fprintf(b, "From: <sip:sipdoctor@%s>;tag=%s\r\n", a.visible, a.tag)
	b.Write(to.Raw)
	fmt.Fprintf(b, "\r\nCall-ID: %s@%s\r\n", token, bracketed(a.visible.Addr()))
	fmt.Fprintf(b, "CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n")
	return b.Bytes()
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
