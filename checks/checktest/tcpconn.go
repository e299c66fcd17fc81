package checktest

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

const (
	// segmentSize is the usual maximum segment size of Ethernet with
	// timestamps. A Write of no more than this travels as one segment.
	segmentSize = 1448
	// window is how many segments a reader may be behind before Write blocks:
	// about 180 KiB, Linux's usual starting order.
	window = 128
	// ackEvery is how many segments are read between two acknowledgements; a
	// fraction of the window, so that the writer never starves.
	ackEvery = 32
)

type tcpState int

const (
	synSent tcpState = iota
	synReceived
	open
)

// tcpConn is one end of a TCP connection; guarded by the world's lock. Nothing
// is ever sent again: what a filter dropped once, it would drop again, and the
// world loses no TCP segments by chance.
type tcpConn struct {
	endpoint
	state    tcpState
	listener *listener // who waits for the end of the handshake
	err      error     // what ended the connection

	early map[uint64]*packet // arrived before their turn
	next  uint64             // the segment whose turn it is
	in    [][]byte
	eof   bool
	taken uint64 // segments read
	told  uint64 // segments acknowledged

	seq      uint64 // segments sent
	acked    uint64 // segments the other side has read
	finished bool   // a FIN was sent
	writing  bool   // one Write at a time

	read, write deadline
}

func (h *Host) newConn(local, remote netip.AddrPort) *tcpConn {
	c := &tcpConn{endpoint: h.endpoint(TCP, local, remote), early: map[uint64]*packet{}, next: 1}
	h.conns[connKey{local, remote}] = c
	return c
}

func (c *tcpConn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c *tcpConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

func (c *tcpConn) packet(s segment, payload []byte) *packet {
	s.ack = c.taken
	return &packet{proto: TCP, src: c.local, dst: c.remote, ttl: defaultTTL, seg: s, payload: bytes.Clone(payload)}
}

// transmit sends a segment. An error of the local filter is silence here, as a
// real kernel would go on repeating it.
func (c *tcpConn) transmit(s segment, payload []byte) {
	_ = c.h.output(c.packet(s, payload))
}

// input takes in a segment of this connection.
func (c *tcpConn) input(p *packet) {
	flags := p.seg.flags
	switch {
	case flags&flagRST != 0 && c.state == synSent:
		c.fail(os.NewSyscallError("connect", syscall.ECONNREFUSED))
		return
	case flags&flagRST != 0:
		c.fail(os.NewSyscallError("read", syscall.ECONNRESET))
		return
	case c.state == synSent && flags == flagSYN|flagACK:
		c.state = open
		c.transmit(segment{flags: flagACK}, nil)
		c.wake.Broadcast()
		return
	case flags&flagSYN != 0, c.state == synSent:
		return
	case c.state == synReceived:
		c.establish()
	}
	c.acked = max(c.acked, p.seg.ack)
	c.wake.Broadcast()
	if len(p.payload) == 0 && flags&flagFIN == 0 {
		return
	}
	if c.closed && len(p.payload) > 0 {
		c.reset()
		return
	}
	c.arrange(p)
}

func (c *tcpConn) establish() {
	c.state = open
	l := c.listener
	c.listener = nil
	l.half--
	if l.closed {
		c.reset()
		return
	}
	l.ready = append(l.ready, c)
	l.wake.Broadcast()
}

// arrange puts the segments into their order.
func (c *tcpConn) arrange(p *packet) {
	c.early[p.seg.seq] = p
	for {
		p := c.early[c.next]
		if p == nil {
			break
		}
		delete(c.early, c.next)
		c.next++
		if len(p.payload) > 0 {
			c.in = append(c.in, p.payload)
		}
		c.eof = c.eof || p.seg.flags&flagFIN != 0
	}
	if c.eof && c.closed {
		c.remove()
	}
}

func (c *tcpConn) Read(b []byte) (n int, err error) {
	c.h.w.mu.Lock()
	defer c.h.w.mu.Unlock()
	err = c.until(&c.read, func() (bool, error) {
		switch {
		case len(b) == 0:
			return true, nil
		case len(c.in) > 0:
			n = c.take(b)
			return true, nil
		case c.eof:
			return false, io.EOF
		}
		return false, c.err
	})
	c.h.w.drain()
	if err == io.EOF {
		return 0, err
	}
	return n, c.opError("read", err)
}

// take moves bytes to the reader and tells the writer how far it got.
func (c *tcpConn) take(b []byte) int {
	n := 0
	for n < len(b) && len(c.in) > 0 {
		m := copy(b[n:], c.in[0])
		n += m
		if c.in[0] = c.in[0][m:]; len(c.in[0]) == 0 {
			c.in = c.in[1:]
			c.taken++
		}
	}
	if c.taken-c.told >= ackEvery && c.err == nil {
		c.told = c.taken
		c.transmit(segment{flags: flagACK}, nil)
	}
	return n
}

func (c *tcpConn) Write(b []byte) (int, error) {
	c.h.w.mu.Lock()
	defer c.h.w.mu.Unlock()
	if err := c.waitWrite(func() bool { return !c.writing }); err != nil {
		return 0, c.opError("write", err)
	}
	c.writing = true
	defer func() { c.writing = false; c.wake.Broadcast() }()
	sent := 0
	for sent < len(b) {
		if err := c.waitWrite(func() bool { return c.seq-c.acked < window }); err != nil {
			return sent, c.opError("write", err)
		}
		part := b[sent:min(len(b), sent+segmentSize)]
		c.seq++
		c.transmit(segment{flags: flagACK, seq: c.seq}, part)
		sent += len(part)
		c.h.w.drain()
	}
	return sent, nil
}

// waitWrite waits until may is true or writing has become impossible.
func (c *tcpConn) waitWrite(may func() bool) error {
	return c.until(&c.write, func() (bool, error) {
		switch {
		case c.err != nil:
			return false, c.err
		case c.finished:
			return false, os.NewSyscallError("write", syscall.EPIPE)
		}
		return may(), nil
	})
}

// CloseWrite sends what net.TCPConn calls so: the end of our half.
func (c *tcpConn) CloseWrite() error { return c.unlessClosed("close", c.finish) }

func (c *tcpConn) finish() {
	if c.finished || c.err != nil {
		return
	}
	c.finished = true
	c.seq++
	c.transmit(segment{flags: flagACK | flagFIN, seq: c.seq}, nil)
	c.wake.Broadcast()
}

// Close ends the connection; with bytes left unread the other side sees a
// reset, as with real sockets.
func (c *tcpConn) Close() error {
	return c.unlessClosed("close", func() {
		if c.err == nil && len(c.in) > 0 {
			c.reset()
		} else {
			c.finish()
		}
		c.closed = true
		if c.eof || c.err != nil {
			c.remove()
		}
		c.read.stop()
		c.write.stop()
		c.wake.Broadcast()
	})
}

// reset tells the other side and forgets the connection.
func (c *tcpConn) reset() {
	c.transmit(segment{flags: flagRST | flagACK}, nil)
	c.fail(os.NewSyscallError("write", syscall.ECONNRESET))
}

// fail ends the connection without a word to the other side.
func (c *tcpConn) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	if c.listener != nil {
		c.listener.half--
		c.listener = nil
	}
	c.remove()
	c.wake.Broadcast()
}

func (c *tcpConn) remove() {
	if k := (connKey{c.local, c.remote}); c.h.conns[k] == c {
		delete(c.h.conns, k)
	}
}

// abort is what the end of the world does to a connection.
func (c *tcpConn) abort(err error) {
	c.read.stop()
	c.write.stop()
	c.fail(err)
}

func (c *tcpConn) SetDeadline(t time.Time) error      { return c.setDeadlines(t, &c.read, &c.write) }
func (c *tcpConn) SetReadDeadline(t time.Time) error  { return c.setDeadlines(t, &c.read) }
func (c *tcpConn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, &c.write) }
