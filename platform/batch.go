package platform

import (
	"context"
	"net/netip"
	"time"
)

// BatchNetwork is a Network with sockets for many datagrams a second. Callers
// ask for it with a type assertion and use OpenUDP elsewhere.
type BatchNetwork interface {
	// OpenBatch is OpenUDP for such a socket. It fails with
	// errors.ErrUnsupported where the system has none.
	OpenBatch(ctx context.Context, local netip.AddrPort) (BatchConn, error)
}

// BatchConn is an unconnected UDP socket that takes and gives many datagrams in
// one system call: a batch of 16 to 32 has all the gain there is. One goroutine
// at a time may read and one may write. Closing wakes both.
type BatchConn interface {
	// WriteBatch sends the Buf of each message to its Peer, in order. When one
	// fails, err is about ms[sent], and none of those after it has been tried.
	WriteBatch(ms []Message) (sent int, err error)

	// ReadBatch takes as many datagrams as there are and ms has room for, each
	// into a Buf. It waits up to wait for the first; when none has come, n is 0
	// without an error. What a hop said about an earlier datagram is returned
	// as an *ICMPError; reading may go on after it.
	ReadBatch(ms []Message, wait time.Duration) (n int, err error)

	// SetReadBuffer asks for so many bytes of room for what has not been read
	// yet. The system may give less, more of it to root than to others.
	SetReadBuffer(bytes int) error

	LocalAddr() netip.AddrPort
	Close() error
}

// A Message is one datagram of a batch.
type Message struct {
	Buf  []byte         // what to send, or where to put what comes
	N    int            // read: how many bytes of Buf; a longer datagram is cut
	Peer netip.AddrPort // where to, or from; IPv4 addresses are never IPv4-mapped IPv6
}

// Backlog is what a socket's reader has not kept up with.
type Backlog struct {
	Dropped uint64 // datagrams that the system dropped for lack of room, since the socket was opened
	Waiting int    // bytes in the receive queue
}

// BacklogMeter is a socket that knows its backlog. Callers ask for it with a
// type assertion: only Linux tells.
type BacklogMeter interface{ Backlog() (Backlog, error) }
