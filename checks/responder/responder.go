// Package responder is the far end of the network checks: it answers probes,
// remembers exactly what reached it, and tells the session that sent them.
// One responder serves many clients and is made to stand on the Internet: it
// answers strangers with next to nothing, and sends more than it received only
// to addresses that have proved that they want it.
package responder

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform"
)

// AnyPort in a Config takes a fresh port that the system chooses, the same one
// on every address.
const AnyPort = -1

// Config says what a responder serves. Everything but Net may be zero.
type Config struct {
	Net platform.Network
	// System tells who else listens on this machine; nil: nobody asks. The
	// responder then believes that it gets what is sent to a port that it bound.
	System platform.System
	Listen []netip.Addr // own addresses; none: all of this machine, IPv4 and, where there is, IPv6

	Control     netip.Addr // the address of the HTTPS control channel; invalid: those of Listen
	ControlPort int        // 0: 8765
	PlainTCP    int        // 0: the control port plus one
	SIPPorts    []int      // UDP and TCP; nil: 5060 and 5080
	SIPSPort    int        // TLS; 0: 5061
	STUNPort    int        // 0: 3478
	STUNAltPort int        // 0: 3479
	RTPPort     int        // UDP, even; 0: the first free one from 8770

	// RTPFirst and RTPLast are the ports where RTP probes are answered; both 0:
	// DefaultRTPFirst to DefaultRTPLast; -1: none.
	RTPFirst, RTPLast int

	Certificate *tls.Certificate // nil: New makes a self-signed one
	Limits      Limits
	Metrics     netip.AddrPort // Prometheus text over HTTP; invalid: none
	Reports     http.Handler   // answers below reports.Path on the control channel; nil: nobody
	// MoreMetrics writes metrics besides the responder's own; nil: there are none.
	MoreMetrics func(io.Writer)
	Probe       http.Handler // answers GET /probe beside Metrics; nil: nobody
	Tool        string       // name and version, told to clients
	Log         func(string) // takes a line for each session opened or refused; nil: silence
}

// Server is a responder. Listen, then Serve; both once.
type Server struct {
	cfg   Config
	cert  tls.Certificate
	print session.Fingerprint

	sessions *store
	limits   *limiter // of datagrams that anybody may send in anybody's name
	unproven *strangers
	callers  *limiter // of calls over TCP
	sources  *sources
	backlog  backlogMeter
	others   udpSources
	late     atomic.Int64
	lists    chan struct{} // one element for each list of arrivals being made
	cookies  cookieJar
	counters counters

	machine machine

	mu    sync.Mutex
	ports ports // what was bound
	tcp   []boundTCP

	conns     *connTable
	farewells atomic.Int32

	rtp     *rtpRange
	inbound *inbound
	calls   *calls

	running sync.WaitGroup // what goes on after a call was answered; ends with Serve's context
	stopped bool           // under mu: nothing more is started
}

// New prepares a responder; it opens nothing yet.
func New(cfg Config) (*Server, error) {
	if cfg.Net == nil {
		return nil, errors.New("the responder needs a network")
	}
	cfg = cfg.withDefaults()
	s := &Server{
		cfg: cfg, sessions: newStore(cfg.Limits), limits: newLimiter(cfg.Limits), callers: newLimiter(cfg.Limits), sources: newSources(cfg.Limits),
		unproven: newStrangers(cfg.Limits.Strangers), machine: machine{sys: cfg.System}, lists: make(chan struct{}, maxLists),
	}
	s.conns = &connTable{s: s, open: map[*limitedConn]struct{}{}, strangers: map[netip.Addr][]*limitedConn{}}
	s.sessions.joined, s.sessions.left = s.joined, s.left
	if cfg.Certificate != nil {
		s.cert = *cfg.Certificate
	} else {
		c, err := selfSigned(time.Now(), cfg.Listen)
		if err != nil {
			return nil, err
		}
		s.cert = c
	}
	if len(s.cert.Certificate) == 0 {
		return nil, errors.New("the responder's certificate is empty")
	}
	s.print = session.FingerprintOf(s.cert.Certificate[0])
	_, _ = rand.Read(s.cookies.key[:]) // never returns an error
	s.rtp = newRTPRange(s)
	s.inbound = &inbound{s: s, targets: map[netip.Addr]*inboundTarget{}}
	s.calls = &calls{s: s, bySource: map[netip.Addr]int{}}
	return s, nil
}

func (c Config) withDefaults() Config {
	c.ControlPort = cmp.Or(c.ControlPort, session.DefaultControlPort)
	if c.ControlPort == AnyPort {
		c.PlainTCP = cmp.Or(c.PlainTCP, AnyPort)
	}
	c.PlainTCP = cmp.Or(c.PlainTCP, c.ControlPort+1)
	c.SIPSPort = cmp.Or(c.SIPSPort, 5061)
	c.STUNPort = cmp.Or(c.STUNPort, session.DefaultSTUNPort)
	c.STUNAltPort = cmp.Or(c.STUNAltPort, session.DefaultSTUNAltPort)
	switch {
	case c.RTPFirst < 0:
		c.RTPFirst, c.RTPLast = 0, 0
	case c.RTPFirst == 0:
		c.RTPFirst, c.RTPLast = DefaultRTPFirst, DefaultRTPLast
	}
	if c.SIPPorts == nil {
		c.SIPPorts = []int{5060, 5080}
	}
	c.Tool = cmp.Or(c.Tool, "sipdoctor")
	c.Limits = c.Limits.withDefaults()
	return c
}

// Fingerprint is the SHA-256 of the certificate, 64 hex digits.
func (s *Server) Fingerprint() string { return s.print.String() }

// FingerprintOf is the SHA-256 of a certificate, 64 hex digits.
func FingerprintOf(c *tls.Certificate) string {
	return session.FingerprintOf(c.Certificate[0]).String()
}

// Serve answers until ctx ends, then closes everything and returns nil. It
// calls Listen when that was not done.
func (s *Server) Serve(ctx context.Context) error {
	s.mu.Lock()
	listening := len(s.ports.sockets)+len(s.tcp) > 0
	s.mu.Unlock()
	if !listening {
		if err := s.Listen(ctx); err != nil {
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, u := range s.ports.sockets {
		if b, ok := u.conn.(interface{ SetReadBuffer(int) error }); ok {
			_ = b.SetReadBuffer(udpBuffer) // with less room more is dropped, and counted
		}
		g.Go(func() error { return s.serveUDP(ctx, u) })
	}
	for _, t := range s.tcp {
		g.Go(func() error { return t.serve(ctx, t.listener) })
	}
	s.rtp.serve(g)
	g.Go(func() error { s.sweep(ctx); return nil })
	g.Go(func() error { s.watchLateness(ctx); return nil })
	context.AfterFunc(ctx, s.close)
	err := g.Wait()
	s.close()
	s.conns.wg.Wait()
	s.running.Wait()
	if ctx.Err() != nil && (err == nil || errors.Is(err, net.ErrClosed)) {
		return nil
	}
	return err
}

// udpBuffer is the receive buffer of each UDP port, bytes: 0.4 s of 10 MB/s.
const udpBuffer = 4 << 20

// background runs f beside the loops, unless the responder is stopping.
func (s *Server) background(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.running.Go(f)
	}
}

func (s *Server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	s.closePorts()
	s.conns.closeAll()
}

func (s *Server) closePorts() {
	for _, u := range s.ports.sockets {
		_ = u.conn.Close()
	}
	for _, t := range s.tcp {
		_ = t.listener.Close()
	}
	s.rtp.close()
}

// sweep forgets sessions that are over, and sources that were silent.
func (s *Server) sweep(ctx context.Context) {
	for probe.Sleep(ctx, 5*time.Second) == nil {
		now := time.Now()
		for _, c := range s.sessions.expire(now) {
			s.rtp.drop(c)
			s.calls.drop(c)
		}
		s.limits.forget(now)
		s.unproven.forget(now)
		s.callers.forget(now)
		s.others.forget(now)
		s.inbound.forget(now)
	}
}

// recoverPanic is deferred around the handling of one message or connection: a
// message that finds a mistake in this program must not end everybody's
// session.
func (s *Server) recoverPanic() {
	if p := recover(); p != nil {
		s.counters.panics.Add(1)
		s.logf("internal error: %v\n%s", p, debug.Stack())
	}
}

func (s *Server) logf(format string, args ...any) {
	if s.cfg.Log != nil {
		s.cfg.Log(fmt.Sprintf(format, args...))
	}
}
