package checktest

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/sipdoctor/sipdoctor/platform"
)

// A Server is a running test server. It works over any platform.Network, the
// real one included.
type Server struct {
	mu       sync.Mutex
	closed   bool
	open     map[io.Closer]bool
	running  sync.WaitGroup
	heard    []Heard
	requests atomic.Int64
}

// Heard is one request as it arrived.
type Heard struct {
	Transport string // udp, tcp, tls
	From      netip.AddrPort
	TTL       int // 0: unknown
	Raw       []byte
}

// maxHeard bounds what Requests keeps.
const maxHeard = 1024

// Requests returns what arrived so far, the oldest first: the first thousand
// or so.
func (s *Server) Requests() []Heard {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Heard(nil), s.heard...)
}

func (s *Server) hear(h Heard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.heard) < maxHeard {
		s.heard = append(s.heard, h)
	}
}

// Close stops the server and waits for its goroutines.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.open {
		_ = c.Close() // what is closed already is closed
	}
	s.mu.Unlock()
	s.running.Wait()
}

// hold runs f, with c closed when the server or f ends.
func (s *Server) hold(c io.Closer, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return
	}
	if s.open == nil {
		s.open = map[io.Closer]bool{}
	}
	s.open[c] = true
	s.running.Go(func() {
		f()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, c)
		_ = c.Close()
	})
}

// datagrams reads until the socket is closed.
func datagrams(c platform.UDPConn, handle func([]byte, platform.Datagram)) {
	b := make([]byte, 65536)
	for {
		d, err := c.ReadFrom(b)
		var icmp *platform.ICMPError
		switch {
		case errors.As(err, &icmp):
		case err != nil:
			return
		default:
			handle(append([]byte(nil), b[:d.N]...), d)
		}
	}
}

// connections accepts until the listener is closed.
func (s *Server) connections(l net.Listener, handle func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s.hold(c, func() { handle(c) })
	}
}
