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

// WatchUDPOptions say which datagrams a UDPWatch sees.
type WatchUDPOptions struct {
	// Magic stands, big-endian, at MagicOffset of the payload of every datagram
	// that is meant; the kernel hands out no others.
	Magic       uint32
	MagicOffset int
}

// UDPWatch sees the datagrams that reach this machine, whoever owns their
// ports and whatever its own packet filter does with them later. It takes
// nothing from anybody.
type UDPWatch interface {
	// Watch hands every datagram to see until Close, and then returns nil.
	// payload is only valid during the call.
	Watch(see func(payload []byte, from, to netip.AddrPort)) error
	Close() error
}

// WatchNetwork is a Network that can also watch what arrives.
type WatchNetwork interface {
	// WatchUDP fails with ErrPrivilege for a user who may not, and with
	// errors.ErrUnsupported on systems without such a socket. IPv4 only.
	WatchUDP(ctx context.Context, o WatchUDPOptions) (UDPWatch, error)
}
