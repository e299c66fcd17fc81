package responder

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"
)

// counters are what --metrics shows. They only grow.
type counters struct {
	messages, bytesIn  atomic.Uint64 // datagrams and stream messages other than control calls
	answers, bytesOut  atomic.Uint64
	probes             atomic.Uint64 // messages with a valid token
	strangers          atomic.Uint64 // answers to messages without one
	limited, refused   atomic.Uint64 // over the source's rate; longer than an unproved source may get
	dropped            atomic.Uint64 // no memory left
	calls, callRefused atomic.Uint64 // control calls
	stun, rtp          atomic.Uint64
	connRefused        atomic.Uint64
	panics             atomic.Uint64
}

// sending counts an answer and returns it.
func (c *counters) sending(b []byte) []byte {
	if b != nil {
		c.answers.Add(1)
		c.bytesOut.Add(uint64(len(b)))
	}
	return b
}

// write puts out the Prometheus text format, version 0.0.4.
func (s *Server) writeMetrics(w io.Writer) {
	open, ever := s.sessions.count()
	c := &s.counters
	metric := func(kind, name, help string, v any) {
		fmt.Fprintf(w, "# HELP sipdoctor_%[2]s %[3]s\n# TYPE sipdoctor_%[2]s %[1]s\nsipdoctor_%[2]s %[4]d\n", kind, name, help, v)
	}
	gauge := func(name, help string, v int64) { metric("gauge", name, help, v) }
	counter := func(name, help string, v uint64) { metric("counter", name, help, v) }
	gauge("sessions_open", "Open sessions.", int64(open))
	gauge("recorded_bytes", "Messages kept for open sessions, bytes.", s.sessions.bytes.Load())
	counter("sessions_total", "Sessions opened.", ever)
	counter("messages_received_total", "Datagrams and stream messages received on the probe ports.", c.messages.Load())
	counter("received_bytes_total", "Bytes of those messages.", c.bytesIn.Load())
	counter("probes_total", "Messages with the token of an open session.", c.probes.Load())
	counter("answers_total", "Answers sent.", c.answers.Load())
	counter("sent_bytes_total", "Bytes of those answers.", c.bytesOut.Load())
	counter("strangers_answered_total", "Answers to messages without a token.", c.strangers.Load())
	counter("rate_limited_total", "Messages dropped because their session or source sent too many.", c.limited.Load())
	counter("socket_overflow_total", "Datagrams dropped because the sockets were full.", s.backlog.look(s).Dropped)
	counter("late_total", "Moments at which the responder came to its work too late.", uint64(s.late.Load()))
	counter("refused_total", "Answers not given because they would be longer than the request.", c.refused.Load())
	counter("dropped_total", "Messages of sessions not kept for lack of memory.", c.dropped.Load())
	counter("stun_answers_total", "STUN answers sent.", c.stun.Load())
	counter("rtp_packets_total", "RTP packets sent.", c.rtp.Load())
	counter("control_calls_total", "Control calls.", c.calls.Load())
	counter("control_refused_total", "Control calls refused.", c.callRefused.Load())
	counter("connections_refused_total", "TCP connections refused by the limits.", c.connRefused.Load())
	counter("internal_errors_total", "Messages whose handling met a mistake of this program.", c.panics.Load())
}

// How many connections the metrics port has at a time; others wait. One of a probe
// is held for as long as a silent server is waited for.
const (
	maxMetricsConns = 16
	maxProbeConns   = 256
)

func (s *Server) serveMetrics(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		s.writeMetrics(w)
		if s.cfg.MoreMetrics != nil {
			s.cfg.MoreMetrics(w)
		}
	})
	most := maxMetricsConns
	if s.cfg.Probe != nil {
		mux.Handle("GET /probe", s.cfg.Probe)
		most = maxProbeConns
	}
	return s.serveHTTP(ctx, netutil.LimitListener(l, most), mux)
}

// serveHTTP serves h until ctx ends, with timeouts against clients that send
// or read slowly.
func (s *Server) serveHTTP(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second, // an arrivals reply of 1 MB over a slow line
		// Short, so that the memory of TLS connections is not held for sessions
		// that say nothing; clients connect anew when they need to.
		IdleTimeout:    15 * time.Second,
		MaxHeaderBytes: 8 << 10,
		ErrorLog:       log.New(io.Discard, "", 0), // strangers cause what it complains about
		ConnContext:    withConn,
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(l); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serving HTTP on %s: %w", l.Addr(), err)
	}
	return nil
}
