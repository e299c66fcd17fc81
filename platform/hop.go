package platform

import (
	"errors"
	"net"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// hopSettings are a socket's TTL and traffic class in either family, for
// systems that do not take them with a datagram.
type hopSettings struct{ ttl, tos setting }

type setting struct {
	get func() (int, error)
	set func(int) error
}

func hopOf(conn *net.UDPConn, v6 bool) hopSettings {
	if v6 {
		c := ipv6.NewPacketConn(conn)
		return hopSettings{setting{c.HopLimit, c.SetHopLimit}, setting{c.TrafficClass, c.SetTrafficClass}}
	}
	c := ipv4.NewPacketConn(conn)
	return hopSettings{setting{c.TTL, c.SetTTL}, setting{c.TOS, c.SetTOS}}
}

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
	set := func(want int, s setting) error {
		old, err := s.get()
		if err == nil {
			err = s.set(want)
		}
		if err == nil {
			undo = append(undo, func() error { return s.set(old) })
		}
		return err
	}
	if o.TTL != 0 {
		if err := set(o.TTL, h.ttl); err != nil {
			return restore, err
		}
	}
	if o.TOS != 0 {
		if !classWorks {
			return restore, errors.ErrUnsupported
		}
		if err := set(o.TOS, h.tos); err != nil {
			return restore, err
		}
	}
	return restore, nil
}
