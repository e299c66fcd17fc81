package platform

import (
	"context"
	"net/netip"
)

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
