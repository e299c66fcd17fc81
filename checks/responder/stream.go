package responder

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

const (
	// maxStrangerRest is how much of a message is waited for before a token has
	// been seen, bytes: no probe is as long.
	maxStrangerRest = 16 << 10
	// sessionIdle is longer than any check keeps a connection silent.
	sessionIdle = 30 * time.Second
	// restTimeout is how long the rest of a message may take: a lost segment
	// comes again within 3 s (RFC 6298). After it what has come is recorded,
	// for then somebody has cut the message or changed its Content-Length.
	restTimeout = 4 * time.Second
	// writeTimeout drops who does not read.
	writeTimeout = 5 * time.Second
	// handshakeTimeout drops who does not speak.
	handshakeTimeout = 5 * time.Second
)

// serveSIP accepts SIP over TCP, or over TLS when conf is given.
func (s *Server) serveSIP(ctx context.Context, l net.Listener, conf *tls.Config) error {
	limited := &limitedListener{Listener: l, s: s, size: plainConnSize}
	if conf != nil {
		limited.size = tlsConnSize
	}
	for {
		conn, err := limited.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				continue
			}
			return fmt.Errorf("accepting on %s: %w", l.Addr(), err)
		}
		// The connection itself is counted, so Serve waits for its end.
		go s.serveConn(ctx, conn, conf)
	}
}

func (s *Server) serveConn(ctx context.Context, conn net.Conn, conf *tls.Config) {
	defer func() { _ = conn.Close() }()
	defer s.recoverPanic()
	st := &stream{s: s, conn: conn, transport: "tcp", split: newSplitter()}
	st.limited, _ = conn.(*limitedConn)
	if conf != nil {
		t := tls.Server(conn, conf)
		hctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
		defer cancel()
		if t.HandshakeContext(hctx) != nil {
			return
		}
		st.conn, st.transport = t, "tls"
	}
	st.run()
}

type stream struct {
	s         *Server
	conn      net.Conn
	limited   *limitedConn // the TCP connection below
	transport string
	split     splitter
	conv      *conversation // of the latest message with a token
	probe     int
}

func (st *stream) run() {
	buf := make([]byte, 4096)
	for {
		_ = st.conn.SetReadDeadline(time.Now().Add(st.patience()))
		n, err := st.conn.Read(buf)
		if n > 0 {
			st.split.Write(buf[:n])
			if !st.drain() || st.conv == nil && len(st.split.Rest()) > maxStrangerRest {
				return
			}
		}
		if err != nil {
			st.leftover()
			return
		}
	}
}

func (st *stream) patience() time.Duration {
	switch {
	case len(st.split.Rest()) > 0:
		return restTimeout
	case st.conv == nil:
		return strangerLife
	}
	return sessionIdle
}

// drain handles every item that is complete; false ends the connection.
func (st *stream) drain() bool {
	for {
		it, err := st.split.next()
		if err != nil {
			st.leftover()
			return false
		}
		if it.kind == "" {
			return true
		}
		reply := []byte("\r\n")
		if it.kind != "ping" {
			reply = st.handle(it, true)
		}
		if len(reply) == 0 {
			continue
		}
		_ = st.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := st.conn.Write(reply); err != nil {
			return false
		}
	}
}

func (st *stream) leftover() {
	if n := len(st.split.Rest()); n > 0 {
		st.handle(item{raw: st.split.Take(n)}, false)
	}
}

func (st *stream) handle(it item, whole bool) []byte {
	m := &message{whole: whole, conv: st.conv, Arrival: session.Arrival{
		Probe: st.probe, Transport: st.transport, From: addrPort(st.conn.RemoteAddr()), Local: addrPort(st.conn.LocalAddr()),
		TOS: -1, Raw: it.raw, Masked: it.kind == "masked", Segments: st.split.Segments,
	}}
	reply := st.s.handle(m, time.Now())
	if m.conv != nil && m.conv != st.conv && !st.limited.belongs(m.conv) {
		_ = st.conn.Close() // the session has too many; it is told with its limits
		return nil
	}
	st.conv, st.probe = m.conv, m.Probe
	if reply == nil || !m.Masked {
		return reply
	}
	masked := session.Mask(reply, rand.Uint32())
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(masked))), masked...)
}

// What a stream carries, one after the other:
//
//	message  SIP, its body as long as Content-Length says (RFC 3261, 18.3)
//	masked   uint32 length | Mask(message); the first byte is 0, as in no SIP message
//	ping     CR LF CR LF, answered with CR LF (RFC 5626, 3.5.1)
const (
	// maxHead is the longest header of a message that is waited for, bytes.
	maxHead = 16 << 10
	// maxBody is the longest body, bytes.
	maxBody = maxRaw - maxHead
)

// An item is one thing cut out of a stream.
type item struct {
	kind string // "": more bytes are needed
	raw  []byte // unmasked; valid until the next Write
}

// A splitter cuts a stream into items.
type splitter struct{ sip.Framer }

func newSplitter() splitter {
	return splitter{sip.Framer{MaxHead: maxHead, MaxBody: maxBody}}
}

// next returns the next item. After an error the stream cannot be followed any
// further; Rest is what is left.
func (f *splitter) next() (it item, err error) {
	if rest := f.Rest(); len(rest) > 0 && rest[0] == 0 {
		return f.masked(rest)
	}
	it.raw, it.kind, _, err = f.Next()
	return it, err
}

func (f *splitter) masked(rest []byte) (item, error) {
	if len(rest) < 4 {
		return item{}, nil
	}
	n := int(binary.BigEndian.Uint32(rest))
	if n < session.MaskOverhead || n > maxRaw {
		return item{}, fmt.Errorf("a masked frame of %d bytes", n)
	}
	if len(rest) < 4+n {
		return item{}, nil
	}
	p, ok := session.Unmask(f.Take(4 + n)[4:])
	if !ok {
		return item{}, errors.New("a frame that is not masked")
	}
	return item{"masked", p}, nil
}
