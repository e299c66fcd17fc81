package platform

import (
	"errors"
	"net"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// hopSettings are a socket's TTL and traffic class in either family, for
// systems that do not take them with a datagram.
type hopSettings interface {
	ttl() (int, error)
	setTTL(int) error
	tos() (int, error)
	setTOS(int) error
}

func hopOf(conn *net.UDPConn, v6 bool) hopSettings {
	if v6 {
		return v6Hop{ipv6.NewPacketConn(conn)}
	}
	return v4Hop{ipv4.NewPacketConn(conn)}
}

type v4Hop struct{ c *ipv4.PacketConn }

func (h v4Hop) ttl() (int, error)  { return h.c.TTL() }
func (h v4Hop) setTTL(n int) error { return h.c.SetTTL(n) }
func (h v4Hop) tos() (int, error)  { return h.c.TOS() }
func (h v4Hop) setTOS(n int) error { return h.c.SetTOS(n) }

type v6Hop struct{ c *ipv6.PacketConn }

func (h v6Hop) ttl() (int, error)  { return h.c.HopLimit() }
func (h v6Hop) setTTL(n int) error { return h.c.SetHopLimit(n) }
func (h v6Hop) tos() (int, error)  { return h.c.TrafficClass() }
func (h v6Hop) setTOS(n int) error { return h.c.SetTrafficClass(n) }

// withHop sets what o asks for; restore, never nil, puts the old values back.
// A class that the system would not send is refused with errors.ErrUnsupported.
func withHop(h hopSettings, o SendOptions, classWorks bool) (restore func() error, err error) {
	var undo []func() error
	restore = func() error {
		var errs []error
		for _, f := range undo {
			errs = append(errs, f())
		}
		return errors.Join(errs...)
	}
	set := func(want int, get func() (int, error), put func(int) error) error {
		old, err := get()
		if err == nil {
			err = put(want)
		}
		if err == nil {
			undo = append(undo, func() error { return put(old) })
		}
		return err
	}
	if o.TTL != 0 {
		if err := set(o.TTL, h.ttl, h.setTTL); err != nil {
			return restore, err
		}
	}
	if o.TOS != 0 {
		if !classWorks {
			return restore, errors.ErrUnsupported
		}
		if err := set(o.TOS, h.tos, h.setTOS); err != nil {
			return restore, err
		}
	}
	return restore, nil
}
