package checktest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
)

// SIPOptions describes a plain SIP server; the zero value listens on UDP and
// TCP port 5060 of every IPv4 address.
type SIPOptions struct {
	Addr netip.Addr
	Port uint16 // 0 is 5060
	// TLS, when set, also serves TLS on TLSPort (0 is 5061).
	TLS     *tls.Config
	TLSPort uint16
	// Status is the answer to a method; what is missing is 200 to OPTIONS,
	// 401 to REGISTER, 404 to INVITE and 405 to the rest.
	Status map[string]int
	// NoRport makes it a server of before RFC 3581: rport stays empty.
	NoRport bool
	// NoReceived makes it a server that never says where a request came from.
	NoReceived bool
	// AnswerPort is where answers over UDP leave from, 0 is Port.
	AnswerPort uint16
	// DropEvery loses every n-th request; 0 loses none.
	DropEvery int
}

// maxSIP bounds a message in a stream, bytes.
const maxSIP = 65536

// ServeSIP answers every request without keeping state, as a registrar that
// does not know the caller: no responder, just what is out there. The caller
// closes the server.
func ServeSIP(ctx context.Context, n platform.Network, o SIPOptions) (*Server, error) {
	o.Port, o.TLSPort = cmp.Or(o.Port, 5060), cmp.Or(o.TLSPort, 5061)
	s := &Server{}
	if err := s.listenSIP(ctx, n, o); err != nil {
		s.Close()
		return nil, fmt.Errorf("starting the SIP server: %w", err)
	}
	return s, nil
}

func (s *Server) listenSIP(ctx context.Context, n platform.Network, o SIPOptions) error {
	at := netip.AddrPortFrom(o.Addr, o.Port)
	if !o.Addr.IsValid() {
		at = netip.AddrPortFrom(netip.IPv4Unspecified(), o.Port)
	}
	u, err := n.OpenUDP(ctx, at)
	if err != nil {
		return err
	}
	out := u
	if o.AnswerPort != 0 {
		if out, err = n.OpenUDP(ctx, netip.AddrPortFrom(at.Addr(), o.AnswerPort)); err != nil {
			return err
		}
		s.hold(out, func() { datagrams(out, func([]byte, platform.Datagram) {}) })
	}
	s.hold(u, func() {
		datagrams(u, func(b []byte, d platform.Datagram) {
			if answer := s.answerSIP(o, Heard{UDP, d.From, d.TTL, b}); answer != nil {
				_ = out.WriteTo(answer, d.From, platform.SendOptions{From: d.To}) // the client repeats what it misses
			}
		})
	})
	l, err := n.ListenTCP(ctx, at)
	if err != nil {
		return err
	}
	s.hold(l, func() { s.connections(l, func(c net.Conn) { s.streamSIP(o, c, TCP) }) })
	if o.TLS == nil {
		return nil
	}
	secure, err := n.ListenTCP(ctx, netip.AddrPortFrom(at.Addr(), o.TLSPort))
	if err != nil {
		return err
	}
	s.hold(secure, func() {
		s.connections(secure, func(c net.Conn) { s.streamSIP(o, tls.Server(c, o.TLS), "tls") })
	})
	return nil
}

// streamSIP answers the messages of one connection, and its pings (RFC 5626
// section 3.5.1).
func (s *Server) streamSIP(o SIPOptions, c net.Conn, transport string) {
	from := netip.MustParseAddrPort(c.RemoteAddr().String())
	b := make([]byte, 4096)
	var buf []byte
	for len(buf) < maxSIP {
		n, err := c.Read(b)
		buf = append(buf, b[:n]...)
		if err != nil {
			return
		}
		for len(buf) > 0 {
			if rest, found := bytes.CutPrefix(buf, []byte("\r\n\r\n")); found {
				buf = rest
				_, err = c.Write([]byte("\r\n"))
			} else if _, size, found := readText(buf, true); found {
				if answer := s.answerSIP(o, Heard{transport, from, 0, bytes.Clone(buf[:size])}); answer != nil {
					_, err = c.Write(answer)
				}
				buf = buf[size:]
			} else {
				break
			}
			if err != nil {
				return
			}
		}
	}
}

// answerSIP makes the response to a request; nil where there is none.
func (s *Server) answerSIP(o SIPOptions, h Heard) []byte {
	s.hear(h)
	m, _, ok := readText(h.Raw, false)
	if n := s.requests.Add(1); o.DropEvery > 0 && n%int64(o.DropEvery) == 0 {
		return nil
	}
	method := m.method()
	if !ok || m.cutOff || m.code() != 0 || method == "ACK" || m.find("via") < 0 {
		return nil
	}
	return m.answer(statusOf(o, method), func(via string) string {
		if o.NoReceived {
			return via
		}
		return noteReceived(via, h.From, !o.NoRport)
	})
}

func statusOf(o SIPOptions, method string) int {
	usual := map[string]int{"OPTIONS": 200, "REGISTER": 401, "INVITE": 404}
	return cmp.Or(o.Status[method], usual[method], 405)
}

// answer is RFC 3261 section 8.2.6.2, with the headers as they came but for what
// becomes of the topmost Via.
func (m *sipText) answer(code int, top func(string) string) []byte {
	reason := map[int]string{200: "OK", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed", 486: "Busy Here"}[code]
	out := sipText{start: fmt.Sprintf("SIP/2.0 %d %s", code, reason)}
	first := true
	for _, h := range m.headers {
		switch longName(h) {
		case "via":
			if first {
				h = top(h)
			}
			first = false
		case "to":
			if !strings.Contains(strings.ToLower(h), ";tag=") {
				tag := fnv.New32a()
				tag.Write([]byte(m.value("call-id")))
				h += fmt.Sprintf(";tag=%08x", tag.Sum32())
			}
		case "contact":
			if m.method() != "REGISTER" || code/100 != 2 {
				continue
			}
		case "from", "call-id", "cseq":
		default:
			continue
		}
		out.headers = append(out.headers, h)
	}
	if code == 401 {
		out.headers = append(out.headers, `WWW-Authenticate: Digest realm="lab", nonce="6d5f0b7c", algorithm=MD5`)
	}
	out.headers = append(out.headers, "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER", "Content-Length: 0")
	return out.bytes()
}

// noteReceived fills the topmost Via in: rport and received where ";rport" asks
// for it (RFC 3581 section 4), received where the sender is not where the Via
// says (RFC 3261 section 18.2.1).
func noteReceived(via string, from netip.AddrPort, rport bool) string {
	rest := ""
	if comma := strings.IndexByte(via, ','); comma >= 0 {
		via, rest = via[:comma], via[comma:]
	}
	list := strings.Split(via, ";")
	if rport {
		for i, p := range list {
			if strings.EqualFold(strings.TrimSpace(p), "rport") {
				list[i] = fmt.Sprintf("received=%s;rport=%d", from.Addr(), from.Port())
				return strings.Join(list, ";") + rest
			}
		}
	}
	host := strings.TrimSpace(list[0][len(viaProtocol.FindString(list[0])):])
	if at, ok := readHost(host); !ok || at.Addr() != from.Addr() {
		list = append(list, "received="+from.Addr().String())
	}
	return strings.Join(list, ";") + rest
}
