package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A Flow is a socket or connection to one server (RFC 5626, section 3.2).
type Flow struct {
	Local, Remote netip.AddrPort
	Strays        int // datagrams that answered nothing

	// Messages carries whole messages over a connection; nil over UDP.
	Messages Messages

	udp platform.UDPConn
	tcp net.Conn // below TLS and whatever else
}

// Messages sends and receives whole messages on a connection. What Receive returns
// is valid until the next call.
type Messages interface {
	Send([]byte) error
	Receive() ([]byte, error)
}

// OpenUDP opens a socket of its own to ask a server from. Its local address is
// the true one, which Via and Contact must name.
func OpenUDP(ctx context.Context, n platform.Network, wanted netip.Addr, remote netip.AddrPort) (*Flow, error) {
	local, err := Source(n, wanted, remote.Addr())
	if err != nil {
		return nil, err
	}
	conn, err := n.OpenUDP(ctx, netip.AddrPortFrom(local, 0))
	if err != nil {
		return nil, fmt.Errorf("opening a UDP socket: %w", err)
	}
	return &Flow{Local: conn.LocalAddr(), Remote: remote, udp: conn}, nil
}

// OnStream makes the flow of a TCP connection, with the framing of SIP.
func OnStream(tcp net.Conn, remote netip.AddrPort) *Flow {
	local, _ := netip.ParseAddrPort(tcp.LocalAddr().String())
	return &Flow{
		Local: netip.AddrPortFrom(local.Addr().Unmap(), local.Port()), Remote: remote,
		tcp: tcp, Messages: &Stream{Conn: tcp},
	}
}

// Dial connects to a server, over TLS if secure is not nil.
func Dial(ctx context.Context, n platform.Network, local, remote netip.AddrPort, secure *tls.Config) (*Flow, error) {
	tcp, err := n.DialTCP(ctx, local, remote)
	if err != nil {
		return nil, err
	}
	f := OnStream(tcp, remote)
	if secure == nil {
		return f, nil
	}
	t := tls.Client(tcp, secure)
	if err := t.HandshakeContext(ctx); err != nil {
		f.Close()
		return nil, fmt.Errorf("TLS handshake with %s: %w", remote, err)
	}
	f.Messages = &Stream{Conn: t}
	return f, nil
}

// Close closes the socket or connection.
func (f *Flow) Close() {
	if f.udp != nil {
		f.udp.Close()
		return
	}
	f.tcp.Close()
}

// Post sends a message for which no answer is awaited. What becomes of it is
// not known.
func (f *Flow) Post(b []byte) {
	if f.udp != nil {
		_ = f.udp.WriteTo(b, f.Remote, platform.SendOptions{})
		return
	}
	_ = f.Messages.Send(b)
}

// Ask sends what has no reply yet, and waits for replies as long as the schedule
// says. The error is what the path or the far end reported; silence is not an
// error. On a connection nothing is sent twice: TCP repeats what is lost.
func (f *Flow) Ask(ctx context.Context, s Schedule, asks ...*Ask) error {
	if f.udp != nil {
		strays, err := Exchange(ctx, f.udp, f.Remote, s, asks...)
		f.Strays += strays
		return err
	}
	x := exchanger{to: f.Remote, asks: asks, sentAt: time.Now()}
	if err := f.tcp.SetDeadline(x.sentAt.Add(s.SendAt[len(s.SendAt)-1] + s.LastWait)); err != nil {
		return err
	}
	defer f.tcp.SetDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { _ = f.tcp.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	for _, a := range asks {
		if a.Tries > 0 {
			continue
		}
		a.Tries++
		if err := f.Messages.Send(a.Payload()); err != nil {
			return fmt.Errorf("sending: %w", err)
		}
	}
	for x.open() > 0 {
		b, err := f.Messages.Receive()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("reading the answer from %s: %w", f.Remote, err)
		}
		x.take(b, f.Remote)
	}
	return nil
}

// A Stream carries SIP over TCP or TLS: messages end where their Content-Length
// says.
type Stream struct {
	net.Conn
	framer sip.Framer
}

// Send writes one message.
func (s *Stream) Send(b []byte) error {
	_, err := s.Write(b)
	return err
}

// ErrClosed means that the far end closed the stream before it answered.
var ErrClosed = errors.New("the connection was closed without an answer")

// Receive reads the next message; keep-alives are left out.
func (s *Stream) Receive() ([]byte, error) {
	buf := make([]byte, 4096)
	for {
		b, kind, ok, err := s.framer.Next()
		if err != nil || ok && kind == "message" {
			return b, err
		}
		if ok {
			continue
		}
		n, err := s.Read(buf)
		s.framer.Write(buf[:n])
		switch {
		case n > 0:
		case errors.Is(err, io.EOF):
			return nil, ErrClosed
		case err != nil:
			return nil, err
		}
	}
}

// ReadFinal reads SIP messages from a stream up to the one that is wanted. The
// returned slice belongs to the caller.
func ReadFinal(conn net.Conn, wanted func([]byte) bool) ([]byte, error) {
	s := Stream{Conn: conn}
	for {
		b, err := s.Receive()
		if err != nil || wanted(b) {
			return bytes.Clone(b), err
		}
	}
}

// Failure is what an observation keeps of an error: its text, its class, and the
// router that reported it; invalid where none did.
func Failure(err error) (text words.Cause, class string, hop netip.Addr) {
	if icmp, ok := errors.AsType[*platform.ICMPError](err); ok {
		hop = icmp.Hop
	}
	return platform.Words(err), string(platform.Classify(err)), hop
}

// Millis is a round trip as observations keep it, in milliseconds to three
// places.
func Millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
