package signalling

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/platform"
)

// request is one request and what became of it.
type request struct {
	bytes  []byte
	wanted func([]byte) bool
	reply  []byte         // nil: none came
	from   netip.AddrPort // who answered, when it is not who was asked
	tries  int
	rtt    time.Duration
}

// takes accepts the answer from any source: nobody else knows what r asked.
func (r *request) takes(b []byte, from, asked netip.AddrPort) bool {
	if !r.wanted(b) {
		return false
	}
	if from != asked {
		r.from = from
	}
	return true
}

func (r *request) answer() Answer {
	a := Answer{Tries: r.tries, Reply: r.reply, From: r.from}
	if r.reply != nil {
		a.Sent = r.bytes
		a.RTTMillis = float64(r.rtt.Microseconds()) / 1000
	}
	return a
}

// A flow is a socket or connection to one server (RFC 5626, section 3.2).
type flow interface {
	// ask sends the requests that have no reply yet and waits for their
	// replies as long as the schedule says. The error is what the path or the
	// far end reported; silence is not an error.
	ask(ctx context.Context, s probe.Schedule, list ...*request) error
	localAddr() netip.AddrPort
	close()
}

// connectTimeout bounds a TCP connection and what is built on it: the
// handshake survives two lost segments in it (initial RTO 1 s, RFC 6298).
const connectTimeout = 4 * time.Second

// open makes the flow; p takes what is learnt on the way.
func open(ctx context.Context, env *checks.Env, t target, p *Probe) (flow, error) {
	if t.transport == "udp" {
		local, err := probe.Source(env.Net, env.Inputs.Bind, t.addr.Addr()) // Via and Contact must name the true address
		if err != nil {
			return nil, err
		}
		conn, err := env.Net.OpenUDP(ctx, netip.AddrPortFrom(local, 0))
		if err != nil {
			return nil, fmt.Errorf("opening a UDP socket: %w", err)
		}
		return &udpFlow{conn: conn, to: t.addr, strays: &p.Strays}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := env.Net.DialTCP(ctx, netip.AddrPortFrom(env.Inputs.Bind, 0), t.addr)
	if err != nil {
		return nil, err
	}
	p.Connected = true
	f := &streamFlow{Conn: conn, tcp: conn}
	if t.transport == "tls" || t.transport == "wss" {
		var secure *tls.Conn
		if secure, p.TLS, err = handshake(ctx, conn, t); err != nil {
			conn.Close()
			return nil, fmt.Errorf("TLS handshake with %s: %w", t.addr, err)
		}
		f.Conn = secure
	}
	if t.transport == "ws" || t.transport == "wss" {
		w, err := upgrade(ctx, f.Conn, t, p)
		if err != nil {
			conn.Close()
			return nil, err
		}
		f.web = w
	}
	return f, nil
}

// udpFlow is an unconnected socket.
type udpFlow struct {
	conn   platform.UDPConn
	to     netip.AddrPort
	strays *int
}

func (f *udpFlow) localAddr() netip.AddrPort { return f.conn.LocalAddr() }
func (f *udpFlow) close()                    { f.conn.Close() }

func (f *udpFlow) ask(ctx context.Context, s probe.Schedule, list ...*request) error {
	var asks []*probe.Ask
	for _, r := range list {
		asks = append(asks, &probe.Ask{
			Payload: func() []byte { return r.bytes },
			Match:   func(b []byte, from netip.AddrPort) bool { return r.takes(b, from, f.to) },
			Reply:   r.reply,
		})
	}
	strays, err := probe.Exchange(ctx, f.conn, f.to, s, asks...)
	*f.strays += strays
	for i, r := range list {
		r.tries += asks[i].Tries
		if r.reply == nil && asks[i].Reply != nil {
			r.reply, r.rtt = asks[i].Reply, asks[i].RTT
		}
	}
	return err
}

// streamFlow is a TCP, TLS or WebSocket connection.
type streamFlow struct {
	net.Conn
	tcp    net.Conn
	web    *webSocket // nil: plain SIP framing
	framer sip.Framer
}

func (f *streamFlow) close() { f.tcp.Close() }

func (f *streamFlow) localAddr() netip.AddrPort {
	ap, _ := netip.ParseAddrPort(f.tcp.LocalAddr().String())
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

func (f *streamFlow) ask(ctx context.Context, s probe.Schedule, list ...*request) error {
	stop := context.AfterFunc(ctx, func() { _ = f.tcp.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	start := time.Now()
	if err := f.tcp.SetDeadline(start.Add(s.SendAt[len(s.SendAt)-1] + s.LastWait)); err != nil {
		return err
	}
	for _, r := range list {
		if r.tries > 0 { // TCP repeats what is lost
			continue
		}
		r.tries++
		if err := f.send(r.bytes); err != nil {
			return fmt.Errorf("sending: %w", err)
		}
	}
	for slices.ContainsFunc(list, func(r *request) bool { return r.reply == nil }) {
		b, err := f.next()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		for _, r := range list {
			if r.reply == nil && r.wanted(b) {
				r.reply, r.rtt = bytes.Clone(b), time.Since(start)
			}
		}
	}
	return nil
}

func (f *streamFlow) send(b []byte) error {
	if f.web != nil {
		return f.web.send(b)
	}
	_, err := f.Write(b)
	return err
}

// next returns the next whole SIP message.
func (f *streamFlow) next() ([]byte, error) {
	if f.web != nil {
		return f.web.next()
	}
	return probe.ReadMessage(f.Conn, &f.framer)
}
