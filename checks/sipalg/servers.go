package sipalg

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

// maxServers bounds how many SIP servers one run asks: a profile names a
// handful, and nobody's network is scanned.
const maxServers = 6

// observeServers asks ordinary SIP servers with one OPTIONS a transport, and
// STUN for our public address from the same local address.
func observeServers(ctx context.Context, env *checks.Env) ([]Server, []netip.Addr) {
	names := env.Inputs.SIPServers[:min(maxServers, len(env.Inputs.SIPServers))]
	servers := make([]Server, len(names))
	var public []netip.Addr
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { servers[i] = askServer(ctx, env, name) })
	}
	wg.Go(func() { public = publicAddrs(ctx, env) })
	wg.Wait()
	return servers, public
}

// target is one (transport, address) of a server.
type target struct {
	transport string
	addr      netip.AddrPort
}

func askServer(ctx context.Context, env *checks.Env, name string) Server {
	s := Server{Name: name}
	targets, err := resolve(ctx, env, name)
	if err != nil {
		s.Error = platform.Words(err)
		return s
	}
	s.Source = env.Inputs.Bind
	if !s.Source.IsValid() {
		if s.Source, err = env.Net.SourceFor(targets[0].addr.Addr()); err != nil {
			s.Error = fmt.Sprintf("no route to %s: %s", targets[0].addr.Addr(), platform.Words(err))
			return s
		}
	}
	s.Answers = make([]ServerAnswer, len(targets))
	var wg sync.WaitGroup
	for i, t := range targets {
		wg.Go(func() {
			if t.transport == "udp" {
				s.Answers[i] = askUDP(ctx, env, s.Source, t)
			} else {
				s.Answers[i] = askStream(ctx, env, s.Source, t, host(name))
			}
		})
	}
	wg.Wait()
	return s
}

func host(name string) string {
	at, _ := netinfo.ParseHostPort(name)
	return at.Host
}

// resolve finds where a server answers. With a port in the name, or an address,
// DNS has no say (RFC 3263, 4.2); otherwise SRV records go before the default
// ports, and only the first address of a record is asked.
func resolve(ctx context.Context, env *checks.Env, name string) ([]target, error) {
	named, err := netinfo.ParseHostPort(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	host := named.Host
	_, literal := netip.ParseAddr(host)
	var out []target
	defaults := map[string]uint16{"udp": 5060, "tcp": 5060, "tls": 5061}
	for _, transport := range []string{"udp", "tcp", "tls"} {
		at, p := host, defaults[transport]
		switch {
		case named.Port != 0:
			if transport != "tls" || named.Port == 5061 {
				p = uint16(named.Port)
			}
		case literal != nil:
			if srv, err := lookupSRV(ctx, env, transport, host); err == nil && len(srv) > 0 {
				at, p = srv[0].Target, srv[0].Port
			}
		}
		addrs, err := env.Net.LookupAddrs(ctx, at)
		if err != nil {
			if transport == "udp" {
				return nil, err
			}
			continue
		}
		if a, ok := sameFamily(addrs, env.Inputs.Bind); ok {
			out = append(out, target{transport, netip.AddrPortFrom(a, p)})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no address of the family of %s", name, env.Inputs.Bind)
	}
	return out, nil
}

// sameFamily picks the first address that the local one can talk to.
func sameFamily(addrs []netip.Addr, local netip.Addr) (netip.Addr, bool) {
	for _, a := range addrs {
		if !local.IsValid() || a.Is4() == local.Is4() {
			return a, true
		}
	}
	return netip.Addr{}, false
}

func askUDP(ctx context.Context, env *checks.Env, local netip.Addr, t target) ServerAnswer {
	a := ServerAnswer{Transport: t.transport, Remote: t.addr}
	conn, err := env.Net.OpenUDP(ctx, netip.AddrPortFrom(local, 0))
	if err != nil {
		a.fail(fmt.Errorf("opening a UDP socket: %w", err))
		return a
	}
	defer conn.Close()
	a.Local = conn.LocalAddr()
	token := randomToken()
	a.Sent = options(token, t, a.Local)
	q := &probe.Ask{
		Payload: func() []byte { return a.Sent },
		Match:   func(b []byte, from netip.AddrPort) bool { return from == t.addr && finalFor(b, token) },
	}
	_, err = probe.Exchange(ctx, conn, t.addr, probe.SIP(), q)
	a.Tries = q.Tries
	if q.Reply == nil {
		a.fail(err)
		return a
	}
	a.Reply, a.RTTMillis = q.Reply, float64(q.RTT.Microseconds())/1000
	return a
}

func askStream(ctx context.Context, env *checks.Env, local netip.Addr, t target, serverName string) ServerAnswer {
	a := ServerAnswer{Transport: t.transport, Remote: t.addr, Tries: 1}
	ctx, cancel := context.WithTimeout(ctx, streamTimeout)
	defer cancel()
	conn, err := env.Net.DialTCP(ctx, netip.AddrPortFrom(local, 0), t.addr)
	if err != nil {
		a.fail(err)
		return a
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if ap, err := netip.ParseAddrPort(conn.LocalAddr().String()); err == nil {
		a.Local = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	stream := conn
	if t.transport == "tls" {
		// The certificate is the signalling check's business; here only the
		// answer's Via counts, and nothing secret is sent.
		tc := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: serverName})
		if err := tc.HandshakeContext(ctx); err != nil {
			a.fail(fmt.Errorf("TLS handshake with %s: %w", t.addr, err))
			return a
		}
		stream = tc
	}
	token := randomToken()
	a.Sent = options(token, t, a.Local)
	start := time.Now()
	if _, err := stream.Write(a.Sent); err != nil {
		a.fail(err)
		return a
	}
	a.Reply, err = probe.ReadFinal(stream, func(b []byte) bool { return finalFor(b, token) })
	if err != nil {
		a.fail(fmt.Errorf("reading the answer from %s: %w", t.addr, err))
		return a
	}
	a.RTTMillis = float64(time.Since(start).Microseconds()) / 1000
	return a
}

// options is the plain request that any SIP server answers with something. It
// carries no credentials and no body.
func options(token string, t target, local netip.AddrPort) []byte {
	d := dialog{token: token, transport: t.transport, local: local, remote: t.addr}
	return d.request("OPTIONS", "")
}

// finalFor accepts a final response to the request with that Call-ID.
func finalFor(b []byte, token string) bool {
	m, err := sip.Parse(b)
	if err != nil || m.Status < 200 {
		return false
	}
	id := m.Get("call-id")
	return id != nil && bytes.HasPrefix(id.Value, []byte(token))
}

// publicAddrs asks the STUN servers, all at once, for the address that the
// Internet sees.
func publicAddrs(ctx context.Context, env *checks.Env) []netip.Addr {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	sock, err := stun.Open(ctx, env.Net, netip.AddrPortFrom(env.Inputs.Bind, 0))
	if err != nil {
		return nil
	}
	defer sock.Close()
	var (
		mu  sync.Mutex
		out []netip.Addr
		wg  sync.WaitGroup
	)
	for _, name := range env.STUNServers() {
		wg.Go(func() {
			at, err := netinfo.ParseHostPort(name)
			if err != nil {
				return
			}
			addrs, err := env.Net.LookupAddrs(ctx, at.Host)
			if err != nil || len(addrs) == 0 || !addrs[0].Is4() {
				return
			}
			o := sock.Ask(ctx, stun.Question{To: netip.AddrPortFrom(addrs[0], uint16(at.PortOr(3478))), Plan: stun.Patient()})
			if o.Answered {
				mu.Lock()
				defer mu.Unlock()
				out = append(out, o.Response.Seen().Addr())
				if len(out) == 2 {
					cancel() // two that agree are enough; the nat check asks the rest
				}
			}
		})
	}
	wg.Wait()
	return out
}

// lookupSRV asks for the SIP service of a domain over one transport (RFC 3263,
// 4.1).
func lookupSRV(ctx context.Context, env *checks.Env, transport, domain string) ([]platform.SRV, error) {
	if transport == "tls" {
		return env.Net.LookupSRV(ctx, "sips", "tcp", domain)
	}
	return env.Net.LookupSRV(ctx, "sip", transport, domain)
}

func (a *ServerAnswer) fail(err error) {
	if err != nil {
		a.Error, a.ErrorClass = platform.Words(err), string(platform.Classify(err))
	}
}
