package session

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// Who answers at a port of the responder's address.
const (
	Responder = "responder"
	Stranger  = "stranger" // a SIP server that is not the responder
	Nobody    = "nobody"   // no answer, and nothing reached the responder
)

// An Owner says who answers at one port of the responder's address. The
// responder's own word is not enough: a rule on its machine, or a router in
// front of it, may take the port to a PBX, and a PBX must not get test calls.
type Owner struct {
	Transport string `json:"transport"` // udp tcp tls
	Port      int    `json:"port"`
	Who       string `json:"who"`
	Tries     int    `json:"tries"`            // datagrams, or connections
	Requests  int    `json:"requests"`         // of these, in readable SIP: one at most
	Reply     string `json:"reply,omitempty"`  // the first line of a stranger's answer
	Subject   string `json:"subject,omitzero"` // of a certificate that is not the responder's
}

// The first questions to a port. Two are masked, which no SIP server takes for
// a request; the third is one OPTIONS, so that a network which passes nothing
// but SIP, or a stranger's server, shows itself.
const (
	confirmProbe  = 0xd000 // the first probe number; those of all checks differ from it
	confirmStream = 2000 * time.Millisecond
)

func confirmSchedule() probe.Schedule {
	const ms = time.Millisecond
	return probe.Schedule{SendAt: []time.Duration{0, 300 * ms, 700 * ms}, LastWait: 900 * ms}
}

// owners remembers whom the ports of a session belong to, so that all checks of
// a run together ask once.
type owners struct {
	mu   sync.Mutex
	list []*ownerOnce
}

type ownerOnce struct {
	found chan struct{} // closed when owner is known
	owner Owner
}

// Owner finds out who answers at a port, once a session. Before the responder
// has shown itself there, nothing else may be sent to the port in readable SIP.
func (c *Client) Owner(ctx context.Context, transport string, port int) Owner {
	if c.way.net == nil {
		return Owner{Transport: transport, Port: port, Who: Responder}
	}
	nobody := Owner{Transport: transport, Port: port, Who: Nobody}
	c.owners.mu.Lock()
	i := slices.IndexFunc(c.owners.list, func(o *ownerOnce) bool { return o.owner.Transport == transport && o.owner.Port == port })
	first := i < 0
	if first {
		i = len(c.owners.list)
		c.owners.list = append(c.owners.list, &ownerOnce{make(chan struct{}), nobody})
	}
	o := c.owners.list[i]
	c.owners.mu.Unlock()
	if first {
		c.findOwner(ctx, &o.owner, confirmProbe+i)
		close(o.found)
	}
	select {
	case <-o.found:
		return o.owner
	case <-ctx.Done():
		return nobody
	}
}

// Translated reports whether something may translate addresses in front of the
// responder or on its machine; then single ports may lead to another program.
func (c *Client) Translated() bool { return c.Info.Reached != c.Addr || !c.Info.PortsChecked }

func (c *Client) findOwner(ctx context.Context, o *Owner, number int) {
	q := question{token: c.Token(number), transport: o.Transport, remote: netip.AddrPortFrom(c.Addr, uint16(o.Port))}
	local, err := probe.Source(c.way.net, c.way.bind, c.Addr)
	if err != nil {
		return
	}
	if o.Transport == "udp" {
		c.askUDP(ctx, o, q, local)
	} else {
		c.askStream(ctx, o, q, local)
	}
	if o.Who == Responder || o.Tries == 0 {
		return
	}
	// The answer may have been lost or rewritten; what counts is what arrived.
	list, err := c.Arrivals(ctx)
	if err != nil && !errors.Is(err, ErrIncomplete) {
		return
	}
	if slices.ContainsFunc(list, func(a Arrival) bool { return a.Probe == number }) {
		o.Who = Responder
	}
}

type question struct {
	token, transport string
	local, remote    netip.AddrPort
}

func (q question) bytes() []byte {
	uri := fmt.Sprintf("sip:%s", q.remote)
	return options(uri, q.transport, q.local, q.token, q.token, 1)
}

// options is an OPTIONS request with everything that a server may want.
func options(uri, transport string, from netip.AddrPort, token, branch string, seq int) []byte {
	return fmt.Appendf(nil, "OPTIONS %[1]s SIP/2.0\r\n"+
		"Via: SIP/2.0/%[2]s %[3]s;branch=z9hG4bK%[5]s;rport\r\n"+
		"Max-Forwards: 70\r\n"+
		"From: <sip:sipdoctor@%[3]s>;tag=%[6]s\r\n"+
		"To: <%[1]s>\r\nCall-ID: %[4]s\r\nCSeq: %[7]d OPTIONS\r\n"+
		"Contact: <sip:sipdoctor@%[3]s>\r\nUser-Agent: sipdoctor\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n",
		uri, strings.ToUpper(transport), from, token, branch, token[len(token)-12:], seq)
}

// answered notes whose answer b is; it is false if b is not an answer.
func (q question) answered(o *Owner, b []byte, masked bool) bool {
	m, err := sip.Parse(b)
	t, found := FindToken(b)
	if err != nil || m.Status < 200 || !found || t.String() != q.token {
		return false
	}
	o.Who = Responder
	if !masked && !bytes.Contains(b, []byte(ReplyTag(q.token))) {
		o.Who, o.Reply = Stranger, string(m.Start)
	}
	return true
}

// ReplyTag is the tag of the To header field in all answers of the responder
// to the messages of a token.
func ReplyTag(token string) string { return "sdr" + token[len(token)-8:] }

func (c *Client) askUDP(ctx context.Context, o *Owner, q question, local netip.Addr) {
	conn, err := c.way.net.OpenUDP(ctx, netip.AddrPortFrom(local, 0))
	if err != nil {
		return
	}
	defer conn.Close()
	q.local = netip.AddrPortFrom(local, conn.LocalAddr().Port())
	a := &probe.Ask{}
	a.Payload = func() []byte {
		if a.Tries < len(confirmSchedule().SendAt) {
			return Mask(q.bytes(), rand.Uint32())
		}
		o.Requests++
		return q.bytes()
	}
	a.Match = func(b []byte, from netip.AddrPort) bool {
		p, masked := Unmask(b)
		if masked {
			b = p
		}
		return from == q.remote && q.answered(o, b, masked)
	}
	_, _ = probe.Exchange(ctx, conn, q.remote, confirmSchedule(), a)
	o.Tries = a.Tries
}

// askStream connects twice at most: for masked bytes, or to see the
// certificate, and for an OPTIONS when that proved nothing.
func (c *Client) askStream(ctx context.Context, o *Owner, q question, local netip.Addr) {
	for _, readable := range []bool{false, true} {
		o.Tries++
		connected := c.connect(ctx, o, q, local, readable)
		if o.Who != Nobody || !connected && o.Transport == "tcp" || ctx.Err() != nil {
			return
		}
	}
}

func (c *Client) connect(ctx context.Context, o *Owner, q question, local netip.Addr, readable bool) (connected bool) {
	ctx, cancel := context.WithTimeout(ctx, confirmStream)
	defer cancel()
	raw, err := c.way.net.DialTCP(ctx, netip.AddrPortFrom(local, 0), q.remote)
	if err != nil {
		return false
	}
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if a, err := netip.ParseAddrPort(raw.LocalAddr().String()); err == nil {
		q.local = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	var conn net.Conn = raw
	if o.Transport == "tls" {
		if conn = c.handshake(ctx, o, raw); conn == nil || o.Who == Responder {
			return conn != nil
		}
	}
	q.exchange(conn, o, readable)
	return true
}

// exchange sends the question over a stream, masked or readable, and notes whose
// answer comes.
func (q question) exchange(conn net.Conn, o *Owner, readable bool) {
	if readable {
		o.Requests++
		if _, err := conn.Write(q.bytes()); err == nil {
			_, _ = probe.ReadFinal(conn, func(b []byte) bool { return q.answered(o, b, false) })
		}
		return
	}
	if WriteMasked(conn, q.bytes()) == nil {
		if b, err := ReadMasked(conn); err == nil {
			q.answered(o, b, true)
		}
	}
}

// handshake looks at the certificate: the responder's own is proof enough.
func (c *Client) handshake(ctx context.Context, o *Owner, raw net.Conn) net.Conn {
	t := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, ServerName: c.Addr.String()})
	if t.HandshakeContext(ctx) != nil {
		return nil
	}
	leaf := t.ConnectionState().PeerCertificates[0]
	if FingerprintOf(leaf.Raw).String() == c.Info.Fingerprint {
		o.Who = Responder
	} else {
		o.Subject = leaf.Subject.String()
	}
	return t
}
