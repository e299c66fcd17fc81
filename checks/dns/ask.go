package dns

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"time"

	"github.com/miekg/dns"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/platform"
)

// patience is when a question goes out. A resolver answers from memory within
// 100 ms and seldom takes a second to find out. All six are lost once in a
// million times at 5 % loss each way, once in 20,000 at 10 %, and whether port
// 53 is open rests on three resolvers.
func patience() probe.Schedule { return probe.At(900, 0, 300, 700, 1100, 1600, 2100) }

// tcpTimeout bounds one question over TCP: the handshake survives a lost
// segment in it (initial RTO 1 s, RFC 6298).
const tcpTimeout = 2500 * time.Millisecond

type client struct {
	env  *checks.Env
	to   netip.AddrPort
	edns bool
}

// local is the address to send from: the wanted one, unless the resolver is on
// this machine or of the other family.
func (c client) local() netip.AddrPort {
	wanted, far := c.env.Inputs.Bind, c.to.Addr()
	if far.IsLoopback() || wanted.Is4() != far.Is4() {
		wanted = netip.Addr{}
	}
	return netip.AddrPortFrom(probe.Bind(wanted, far), 0)
}

// pending is one question on its way. Every repetition has an id of its own,
// so that the time of the very one that was answered is known.
type pending struct {
	q    *Question
	ask  *probe.Ask
	sent map[uint16]time.Time
	rtt  time.Duration
	got  reply
}

func (c client) prepare(q *Question) *pending {
	p := &pending{q: q, sent: map[uint16]time.Time{}}
	p.ask = &probe.Ask{
		Payload: func() []byte {
			id := uint16(rand.Uint32())
			p.sent[id] = time.Now()
			b, err := query(q.Name, q.Type, id, c.edns)
			if err != nil {
				q.Error = platform.Words(err)
			}
			return b
		},
		Match: func(b []byte, from netip.AddrPort) bool {
			id, ok := answerID(b)
			at, mine := p.sent[id]
			if !ok || !mine || from != c.to {
				return false
			}
			r, err := readReply(b, q.Name, q.Type)
			if err != nil {
				return false
			}
			if p.q.Rcode == "" {
				p.got, p.rtt, p.q.Rcode = r, time.Since(at), r.rcode
			}
			return true
		},
	}
	return p
}

// ask puts all questions at once, over one socket, and fills them in.
func (c client) ask(ctx context.Context, questions []*Question) {
	conn, err := c.env.Net.OpenUDP(ctx, c.local())
	if err != nil {
		for _, q := range questions {
			q.fail(fmt.Errorf("opening a UDP socket: %w", err))
		}
		return
	}
	defer conn.Close()
	list := make([]*pending, len(questions))
	asks := make([]*probe.Ask, len(questions))
	for i, q := range questions {
		q.Transport = "udp"
		list[i] = c.prepare(q)
		asks[i] = list[i].ask
	}
	_, err = probe.Exchange(ctx, conn, c.to, patience(), asks...)
	var plain []*Question
	for _, p := range list {
		p.q.Tries += p.ask.Tries
		switch {
		case p.ask.Reply == nil:
			p.q.fail(err)
		case c.edns && (p.got.rcode == "FORMERR" || p.got.rcode == "NOTIMP" || p.got.rcode == "BADVERS"):
			p.q.NoEDNS, p.q.Rcode = true, ""
			plain = append(plain, p.q)
		case p.got.truncated:
			c.askTCP(ctx, p.q)
		default:
			p.q.took(p.got, p.rtt)
		}
	}
	if len(plain) > 0 { // RFC 6891, section 7: a server that does not know EDNS
		client{c.env, c.to, false}.ask(ctx, plain)
	}
}

func (c client) askTCP(ctx context.Context, q *Question) {
	q.Transport, q.Rcode = "tcp", ""
	ctx, cancel := context.WithTimeout(ctx, tcpTimeout)
	defer cancel()
	start := time.Now()
	f, err := probe.Dial(ctx, c.env.Net, c.local(), c.to, nil)
	if err != nil {
		q.fail(err)
		return
	}
	defer f.Close()
	f.Messages = framed{&dns.Conn{Conn: f.Messages.(*probe.Stream).Conn}}
	p := c.prepare(q)
	if err := f.Ask(ctx, probe.Schedule{SendAt: []time.Duration{0}, LastWait: tcpTimeout}, p.ask); p.ask.Reply == nil {
		q.fail(cmp.Or(err, os.ErrDeadlineExceeded))
		return
	}
	q.took(p.got, time.Since(start))
}

// framed carries DNS over TCP: the length goes before the message.
type framed struct{ *dns.Conn }

func (f framed) Send(b []byte) error {
	_, err := f.Write(b)
	return err
}

func (f framed) Receive() ([]byte, error) {
	b := make([]byte, dns.MaxMsgSize)
	n, err := f.Read(b)
	return b[:n], err
}

func (q *Question) took(r reply, rtt time.Duration) {
	q.Rcode, q.Records, q.RTTMillis = r.rcode, r.records, probe.Millis(rtt)
	q.Error, q.ErrorClass = "", ""
}

func (q *Question) fail(err error) {
	if err == nil {
		return // silence
	}
	q.Error, q.ErrorClass, q.ErrorHop = probe.Failure(err)
}
