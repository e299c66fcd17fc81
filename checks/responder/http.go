package responder

import (
	"context"
	"crypto/hmac"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/responder/reports"
)

func (s *Server) serveControl(ctx context.Context, l net.Listener) error {
	conf := s.tlsConfig()
	conf.NextProtos = []string{"http/1.1"}
	return s.serveHTTP(ctx, tls.NewListener(&limitedListener{Listener: l, s: s, size: tlsConnSize, refuse: s.sayBusy}, conf), s.control(ctx))
}

// tlsConfig has no session tickets: one would spare a handshake that hardly ever
// comes twice.
func (s *Server) tlsConfig() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{s.cert}, MinVersion: tls.VersionTLS12, SessionTicketsDisabled: true}
}

// control is the handler of the HTTPS control channel. stop ends calls that
// take time when the responder stops.
func (s *Server) control(stop context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+session.Path("{op}"), func(w http.ResponseWriter, r *http.Request) {
		status, body := s.httpCall(stop, r.PathValue("op"), w, r)
		s.write(w, status, body)
	})
	if s.cfg.Reports != nil {
		mux.HandleFunc(reports.Path, s.report)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(session.HeaderProtocol, strconv.Itoa(session.Protocol))
		mux.ServeHTTP(w, r)
	})
}

// report is a call about the reports of offices. It takes from the budget of its
// address, and counts as memory in use as long as it lasts.
func (s *Server) report(w http.ResponseWriter, r *http.Request) {
	defer s.recoverPanic()
	s.counters.calls.Add(1)
	from := parseAddrPort(r.RemoteAddr).Addr()
	if !s.callers.allow(from, time.Now()) {
		status, body := s.encode(nil, refuseBusy(http.StatusTooManyRequests, "too many calls from %s; try again in a few seconds", from))
		s.write(w, status, body)
		return
	}
	if !s.sessions.reserve(reports.MaxBody) {
		status, body := s.encode(nil, refuseBusy(http.StatusServiceUnavailable, "its memory is in use"))
		s.write(w, status, body)
		return
	}
	defer s.sessions.bytes.Add(-reports.MaxBody)
	s.cfg.Reports.ServeHTTP(w, r)
}

func (s *Server) httpCall(stop context.Context, op string, w http.ResponseWriter, r *http.Request) (status int, body []byte) {
	s.counters.calls.Add(1)
	now := time.Now()
	c := &controlCall{op: op, id: r.Header.Get(session.HeaderCall), seen: parseAddrPort(r.RemoteAddr), reached: reached(r)}
	c.id = c.id[:min(len(c.id), 64)]
	id, secret, ok := session.ParseBearer(r.Header.Get("Authorization"))
	conv := s.sessions.find(id, now)
	known := ok && conv != nil && hmac.Equal(secret, conv.secret)
	// A session's calls have a budget of their own; any other takes from that of
	// its address, which a TCP handshake has shown.
	if known && !conv.tokens.AllowN(now, 1) || !known && !s.callers.allow(c.seen.Addr(), now) {
		return s.encode(nil, refuseBusy(http.StatusTooManyRequests, "too many calls from %s; try again in a few seconds", c.seen.Addr()))
	}
	var err error
	if c.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, session.MaxBody)); err != nil {
		return s.encode(nil, refuse(http.StatusRequestEntityTooLarge, "the request is longer than %d bytes or incomplete", session.MaxBody))
	}
	if op == session.OpOpen {
		opened, info, err := s.open(c, now)
		if err == nil {
			connOf(r).belongs(opened)
		}
		return s.encode(info, err)
	}
	if !known {
		return s.encode(nil, s.sessions.gone(id))
	}
	if !connOf(r).belongs(conv) {
		w.Header().Set("Connection", "close")
	}
	conv.touch(now)
	conv.prove(c.seen.Addr()) // the TCP handshake has
	if op == session.OpArrivals || op == session.OpLimits || op == session.OpBitmap || op == session.OpClose || c.id == "" {
		s.lists <- struct{}{}
		defer func() { <-s.lists }()
		return s.encode(s.perform(stop, c, conv))
	}
	kept, pending := s.run(stop, c, conv, false)
	if pending {
		return s.encode(nil, refuse(http.StatusConflict, "this very call is being done already"))
	}
	return kept.status, kept.body
}

// maxLists bounds the lists of arrivals that are made at a time: each takes a
// few times its length while it is written as JSON.
const maxLists = 8

// write sends a reply. What waits for a client that reads slowly counts as
// memory in use.
func (s *Server) write(w http.ResponseWriter, status int, body []byte) {
	if n := len(body); n > bigReply {
		if !s.sessions.reserve(n) {
			status, body = s.encode(nil, refuseBusy(http.StatusServiceUnavailable, "its memory is in use"))
		} else {
			defer s.sessions.bytes.Add(-int64(n))
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client repeats what it does not get
}

// connOf is the connection that a request came by; the zero value belongs to
// nobody and refuses nothing.
func connOf(r *http.Request) *limitedConn {
	c, _ := r.Context().Value(connKey{}).(*limitedConn)
	return c
}

type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

func reached(r *http.Request) netip.Addr {
	a, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return addrPort(a).Addr()
}
