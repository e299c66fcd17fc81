package platform

import (
	"context"
	"net/netip"
)

// RawUDPOptions say which datagrams a RawUDP hears.
type RawUDPOptions struct {
	Local       netip.Addr // own address; unspecified: all of its family
	First, Last uint16     // destination ports
	// Magic stands, big-endian, at MagicOffset of the payload of every datagram
	// that is meant; the kernel drops all others for this socket, and programs
	// that own one of the ports lose nothing.
	Magic       uint32
	MagicOffset int
}

// RawUDP hears a range of UDP ports without binding them. The packet filter of
// this machine has its say before.
type RawUDP interface {
	// Answer hands every datagram to answer and sends what that returns back to
	// from, as if it came from the port asked; nil sends nothing. payload is
	// only valid during the call, and answer may reuse it. It returns nil after
	// Close.
	Answer(answer func(payload []byte, from, to netip.AddrPort) []byte) error
	// Taken are the ports of the range that programs of this machine own at the
	// moment, sorted. What is sent there reaches those programs as well.
	Taken() ([]int, error)
	Close() error
}

// RawNetwork is a Network that can also hear whole port ranges.
type RawNetwork interface {
	// OpenRawUDP fails with ErrPrivilege for a user who may not, and with
	// errors.ErrUnsupported on systems or families without such a socket.
	OpenRawUDP(ctx context.Context, o RawUDPOptions) (RawUDP, error)
}
