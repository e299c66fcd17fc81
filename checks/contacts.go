package checks

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

// contacts notes who was asked during a run, and who answered, whatever check
// asked: one silent server is a fault of that server or of the way to it, a
// silent world is the uplink's.
type contacts struct {
	mu    sync.Mutex
	list  map[netip.Addr]*netinfo.Contact
	first map[netip.Addr]time.Time // when the first datagram went there
}

// maxContacts bounds the list: what is asked comes from DNS, and that is a
// stranger's.
const maxContacts = 100

func newContacts() *contacts {
	return &contacts{list: map[netip.Addr]*netinfo.Contact{}, first: map[netip.Addr]time.Time{}}
}

// note lets f change what is known of an address.
func (c *contacts) note(a netip.Addr, f func(*netinfo.Contact)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a = a.Unmap().WithZone("")
	known := c.list[a]
	if known == nil {
		if len(c.list) == maxContacts || !a.IsValid() || a.IsUnspecified() {
			return
		}
		known = &netinfo.Contact{Addr: a}
		c.list[a] = known
	}
	f(known)
}

// all are the contacts so far, sorted by address.
func (c *contacts) all() (list []netinfo.Contact) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for a, known := range c.list {
		one := *known
		one.Refusals = slices.Clone(one.Refusals)
		if t, ok := c.first[a]; ok {
			one.WaitedMS = time.Since(t).Milliseconds()
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b netinfo.Contact) int { return a.Addr.Compare(b.Addr) })
	return list
}

// sent notes a datagram, or why it did not leave.
func (c *contacts) sent(to netip.Addr, err error) {
	c.note(to, func(k *netinfo.Contact) {
		switch platform.Classify(err) {
		case platform.ClassNone:
			k.Sent++
			if a := k.Addr; c.first[a].IsZero() {
				c.first[a] = time.Now()
			}
		case platform.ClassLocalFilter:
			k.Filtered++
		case platform.ClassUnreachable:
			k.NoRoute++
		}
	})
}

// told notes an ICMP message. One from the address itself shows that it is
// there; one about size or a spent hop limit says nothing about it.
func (c *contacts) told(e *platform.ICMPError) {
	if e.TimeExceeded() || e.TooBig() {
		return
	}
	c.note(e.To.Addr(), func(k *netinfo.Contact) {
		if e.Hop == k.Addr {
			k.Answers++
			return
		}
		meaning := e.Meaning()
		for i := range k.Refusals {
			if r := &k.Refusals[i]; r.Hop == e.Hop && r.Meaning == meaning {
				r.Count++
				return
			}
		}
		k.Refusals = append(k.Refusals, netinfo.ICMPNote{Hop: e.Hop, Meaning: meaning, Prohibited: e.Prohibited(), Count: 1})
	})
}

// dialled notes what became of a connection. One that was given up proves
// nothing.
func (c *contacts) dialled(ctx context.Context, to netip.Addr, err error) {
	if icmp, ok := errors.AsType[*platform.ICMPError](err); ok {
		c.told(icmp)
		return
	}
	given := ctx.Err() != nil && !errors.Is(context.Cause(ctx), context.DeadlineExceeded)
	c.note(to, func(k *netinfo.Contact) {
		switch platform.Classify(err) {
		case platform.ClassNone:
			k.Answers++
		case platform.ClassRefused, platform.ClassReset:
			k.Resets++
		case platform.ClassTimeout:
			if !given {
				k.Silent++
			}
		case platform.ClassLocalFilter:
			k.Filtered++
		case platform.ClassUnreachable:
			k.NoRoute++
		}
	})
}

// notedNetwork is a Network that notes its contacts. Sockets for many datagrams
// a second (platform.As) pass it by: they go only where others went before.
type notedNetwork struct {
	platform.Network
	c *contacts
}

func (n notedNetwork) Unwrap() platform.Network { return n.Network }

func (n notedNetwork) OpenUDP(ctx context.Context, local netip.AddrPort) (platform.UDPConn, error) {
	conn, err := n.Network.OpenUDP(ctx, local)
	if err != nil {
		return nil, err
	}
	return notedUDP{conn, n.c}, nil
}

func (n notedNetwork) DialTCP(ctx context.Context, local, remote netip.AddrPort) (net.Conn, error) {
	conn, err := n.Network.DialTCP(ctx, local, remote)
	n.c.dialled(ctx, remote.Addr(), err)
	return conn, err
}

// LookupAddrs notes on the check that a name was not found, for where the DNS
// servers turn out to be the cause.
func (n notedNetwork) LookupAddrs(ctx context.Context, host string) ([]netip.Addr, error) {
	addrs, err := n.Network.LookupAddrs(ctx, host)
	if err != nil && ctx.Err() != context.Canceled {
		usesOf(ctx).missed(host)
	}
	return addrs, err
}

type notedUDP struct {
	platform.UDPConn
	c *contacts
}

func (u notedUDP) WriteTo(b []byte, to netip.AddrPort, o platform.SendOptions) error {
	err := u.UDPConn.WriteTo(b, to, o)
	u.c.sent(to.Addr(), err)
	return err
}

func (u notedUDP) ReadFrom(b []byte) (platform.Datagram, error) {
	d, err := u.UDPConn.ReadFrom(b)
	if icmp, ok := errors.AsType[*platform.ICMPError](err); ok {
		u.c.told(icmp)
	} else if err == nil {
		u.c.note(d.From.Addr(), func(k *netinfo.Contact) { k.Answers++ })
	}
	return d, err
}
