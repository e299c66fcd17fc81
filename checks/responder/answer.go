package responder

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// An answerer makes the SIP answers of one flow. It is pure: bytes in, bytes
// out. What is copied from the request is copied byte for byte, so that the
// client can compare it with what it sent.
type answerer struct {
	from      netip.AddrPort // who asked
	visible   netip.AddrPort // our address as the client knows it, and the port asked
	transport string         // udp tcp tls
	media     int            // the RTP port that the SDP names
	tag       string         // of the To header field
}

// full is the answer of a proper SIP server, nil where there is none.
func (a *answerer) full(m *sip.Message) []byte {
	switch m.Method {
	case "ACK":
		return nil
	case "OPTIONS":
		return a.response(m, "200 OK", []string{"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER"}, nil)
	case "BYE", "CANCEL":
		return a.response(m, "200 OK", nil, nil)
	case "REGISTER":
		return a.response(m, "200 OK", contacts(m), nil)
	case "INVITE":
		return a.response(m, "200 OK", []string{a.contact(), "Content-Type: application/sdp"}, a.sdp())
	}
	return a.response(m, "501 Not Implemented", nil, nil)
}

// short is the answer with nothing but what RFC 3261, 8.2.6.2 demands.
func (a *answerer) short(m *sip.Message) []byte {
	switch m.Method {
	case "OPTIONS", "REGISTER", "INVITE":
		return a.response(m, "200 OK", nil, nil)
	}
	return a.full(m)
}

// response builds a response with extra header fields and a body. It returns
// nil for a request that lacks what a response must copy.
func (a *answerer) response(m *sip.Message, status string, extra []string, body []byte) []byte {
	b := &bytes.Buffer{}
	b.WriteString("SIP/2.0 " + status + "\r\n")
	vias, need := 0, 0
	for i := range m.Headers {
		h := &m.Headers[i]
		switch sip.Canonical(h.Name) {
		case "via":
			if vias++; vias == 1 {
				b.Write(received(h.Raw, a.from))
			} else {
				b.Write(h.Raw)
			}
		case "to":
			need++
			b.Write(h.Raw)
			if _, params := sip.Address(string(h.Value)); sip.Param(params, "tag") == "" {
				b.WriteString(";tag=" + a.tag)
			}
		case "from", "call-id", "cseq":
			need++
			b.Write(h.Raw)
		case "record-route":
			b.Write(h.Raw)
		default:
			continue
		}
		b.WriteString("\r\n")
	}
	if vias == 0 || need < 4 {
		return nil
	}
	for _, e := range extra {
		b.WriteString(e + "\r\n")
	}
	fmt.Fprintf(b, "Content-Length: %d\r\n\r\n", len(body))
	b.Write(body)
	return b.Bytes()
}

// received adds what RFC 3261, 18.2.1 and RFC 3581, 4 want to the topmost Via
// value, and leaves every other byte as it is.
func received(raw []byte, from netip.AddrPort) []byte {
	colon := bytes.IndexByte(raw, ':') + 1
	v, ok := sip.ParseVia(raw[colon:])
	if !ok {
		return raw
	}
	end := colon + len(sip.FirstValue(string(raw[colon:])))
	top, rest := raw[colon:end], raw[end:]
	sentBy, literal := sip.HostPort(v.SentBy, 5060)
	if at := rportName.FindSubmatchIndex(top); v.HasRPort && v.RPort == "" && at != nil {
		top = slices.Concat(top[:at[2]], fmt.Appendf(nil, "=%d", from.Port()), top[at[2]:])
	}
	if v.Received == "" && (v.HasRPort || !literal || sentBy.Addr() != from.Addr()) {
		top = slices.Concat(bytes.TrimRight(top, " \t\r\n"), []byte(";received="+from.Addr().WithZone("").String()))
	}
	return slices.Concat(raw[:colon], top, rest)
}

// rportName is an rport parameter without a value; its group is where the value
// goes.
var rportName = regexp.MustCompile(`(?i);[ \t]*rport()[ \t\r\n]*(?:;|$)`)

// contacts are the bindings as they arrived, each with the lifetime that a
// registrar adds (RFC 3261, 10.3 step 8). After "Expires: 0" there are none, and
// a helper forgets what it expects for them.
func contacts(m *sip.Message) []string {
	var out []string
	if e := m.Get("expires"); e != nil && string(bytes.TrimSpace(e.Value)) == "0" {
		return nil
	}
	for _, h := range m.All("contact") {
		c := string(h.Raw)
		if _, params := sip.Address(string(h.Value)); sip.Param(params, "expires") == "" && string(h.Value) != "*" {
			c += ";expires=60"
		}
		out = append(out, c)
	}
	return out
}

func (a *answerer) contact() string {
	param := ""
	if a.transport != "udp" {
		param = ";transport=" + a.transport
	}
	return fmt.Sprintf("Contact: <sip:sipdoctor@%s%s>", a.visible, param)
}

// sdp offers or accepts one G.711 stream (RFC 4566).
func (a *answerer) sdp() []byte {
	family := "IP4"
	if a.visible.Addr().Is6() {
		family = "IP6"
	}
	addr := a.visible.Addr().String()
	return fmt.Appendf(nil, "v=0\r\no=sipdoctor 1 1 IN %[1]s %[2]s\r\ns=-\r\nc=IN %[1]s %[2]s\r\nt=0 0\r\n"+
		"m=audio %[3]d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n", family, addr, a.media)
}

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

func bracketed(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}
