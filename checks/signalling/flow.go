package signalling

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
)

// connectTimeout bounds a TCP connection and what is built on it: the
// handshake survives two lost segments in it (initial RTO 1 s, RFC 6298).
const connectTimeout = 4 * time.Second

// open makes a flow to t; p takes what is learnt on the way.
func open(ctx context.Context, env *checks.Env, t target, p *Probe) (*probe.Flow, error) {
	if t.transport == "udp" {
		return probe.OpenUDP(ctx, env.Net, env.Inputs.Bind, t.addr)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := env.Net.DialTCP(ctx, netip.AddrPortFrom(env.Inputs.Bind, 0), t.addr)
	if err != nil {
		return nil, err
	}
	p.Connected = true
	f := probe.OnStream(conn, t.addr)
	if err := raise(ctx, f, conn, t, p); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// raise puts what the transport has above TCP on a connection.
func raise(ctx context.Context, f *probe.Flow, conn net.Conn, t target, p *Probe) (err error) {
	if t.transport == "tls" || t.transport == "wss" {
		if conn, p.TLS, err = handshake(ctx, conn, t); err != nil {
			return fmt.Errorf("TLS handshake with %s: %w", t.addr, err)
		}
		f.Messages = &probe.Stream{Conn: conn}
	}
	if t.transport == "ws" || t.transport == "wss" {
		f.Messages, err = upgrade(ctx, conn, t, p)
	}
	return err
}
