package netinfo

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// nowhere is where the question goes that dies at the second router: a public
// address that routes exist for, and a port that nobody serves, as traceroute's. With
// a hop limit of two it gets to nobody.
var nowhere = netip.MustParseAddrPort("1.1.1.1:33434")

// secondWaits are the pauses after each sending: routers limit how many errors they
// send (RFC 1812, 4.3.2.8).
func secondWaits() []time.Duration {
	return []time.Duration{150 * time.Millisecond, 250 * time.Millisecond, 400 * time.Millisecond}
}

// second returns the router after the gateway, if it has an address of a private
// network: a modem that routes, or the core of a larger office. A carrier's router is
// nobody's to configure.
func (d discovery) second(ctx context.Context) (netip.Addr, bool) {
	c, done, err := d.open(ctx, netip.AddrPortFrom(d.local, 0))
	if err != nil {
		return netip.Addr{}, false
	}
	defer done()
	buf := make([]byte, 512)
	for _, wait := range secondWaits() {
		if c.WriteTo([]byte{0}, nowhere, platform.SendOptions{TTL: 2}) != nil || c.SetReadDeadline(time.Now().Add(wait)) != nil {
			return netip.Addr{}, false
		}
		for ctx.Err() == nil {
			_, err := c.ReadFrom(buf)
			if icmp, ok := errors.AsType[*platform.ICMPError](err); ok {
				if a := icmp.Hop.Unmap(); icmp.TimeExceeded() && icmp.To == nowhere && a != d.gateway {
					return a, a.IsPrivate() && a != d.local
				}
				continue
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return netip.Addr{}, false
			}
		}
	}
	return netip.Addr{}, false
}

// beyond asks the second router what it is, by its web page alone: it may be somebody
// else's.
func (d discovery) beyond(ctx context.Context) *Beyond {
	a, ok := d.second(ctx)
	if !ok {
		return nil
	}
	next := discovery{net: d.net, local: d.local, gateway: a}
	r := &Beyond{Addr: a}
	r.Router.take(next.web(ctx))
	r.Router.recognise()
	return r
}

// OnlyRouter returns h as if the router with that address were the only one, for
// where it is known which of several is meant. It returns h itself where it has no
// such router. It may be called on nil.
func (h *Host) OnlyRouter(a netip.Addr) *Host {
	if h == nil || h.Beyond == nil || a != h.Uplink.Gateway && a != h.Beyond.Addr {
		return h
	}
	only := *h
	only.Beyond = nil
	if a == h.Beyond.Addr {
		only.Router = &h.Beyond.Router
	}
	return &only
}
