package netinfo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/routes"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Options are the settings of Gather. The zero value serves.
type Options struct {
	// Bind is the local address the user chose to check from; the uplink is
	// then the interface that has it. Invalid: the default route decides.
	Bind netip.Addr
	// Budget bounds the whole gathering; 0 means two seconds: a user waits for
	// nothing else meanwhile, and what a router in the same LAN has not
	// answered by then after three questions it does not know.
	Budget time.Duration
	// Quiet asks the router nothing.
	Quiet bool
}

// Gather learns what it can about a machine, its way to the Internet and the
// router in front of it. What could not be learnt is a note, never an error; the
// error is ctx's, when it ended before anything was known.
func Gather(ctx context.Context, sys platform.System, n platform.Network, o Options) (*Host, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if o.Budget == 0 {
		o.Budget = 2 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, o.Budget)
	defer cancel()
	filter := make(chan filterFacts, 1)
	go func() { filter <- readFilter(ctx, sys) }()
	h, w := readHost(ctx, sys, o.Bind)
	if !o.Quiet {
		h.meetRouter(ctx, sys, n, w)
	}
	h.takeFilter(ctx, filter)
	return h, nil
}

// ReadHost reads what a machine knows by itself: nothing is sent, and its packet
// filter is not read. bind is as in Options.
func ReadHost(ctx context.Context, sys platform.System, bind netip.Addr) *Host {
	h, _ := readHost(ctx, sys, bind)
	return h
}

func readHost(ctx context.Context, sys platform.System, bind netip.Addr) (*Host, way) {
	h := &Host{Root: sys.Root()}
	h.OS, h.Arch = platform.OSOf(sys)
	var err error
	h.Hostname, err = platform.Hostname(ctx, sys)
	h.note(err)
	if c, _ := ReadConntrack(sys); c.Max > 0 && c.Count >= 0 {
		h.Tracking = &Tracking{Max: c.Max, Count: c.Count}
	}
	var w way
	var unrouted error
	w.interfaces, err = routes.Interfaces(ctx, sys)
	w.tables, unrouted = routes.Read(ctx, sys)
	h.note(err, unrouted)
	h.Uplink, h.Networks = w.uplink(bind), w.networks()
	h.Uplink.Unread = err != nil || unrouted != nil
	neighbours, err := routes.Neighbours(ctx, sys)
	h.note(err)
	h.takeNeighbour(neighbours)
	return h, w
}

// filterFacts are what the packet filter says of SIP helpers.
type filterFacts struct {
	helpers []SIPHelper
	errs    []error
}

// takeFilter waits for the packet filter's rules. A firewall program that hangs
// is left behind.
func (h *Host) takeFilter(ctx context.Context, filter <-chan filterFacts) {
	var f filterFacts
	select {
	case f = <-filter:
	default:
		select {
		case f = <-filter:
		case <-ctx.Done():
			f.errs = []error{errors.New("reading the packet filter: it took too long")}
		}
	}
	h.SIPHelpers = f.helpers
	h.note(f.errs...)
}

// note keeps the reasons why something is not known.
func (h *Host) note(errs ...error) {
	for _, err := range errs {
		if err != nil {
			for line := range strings.SplitSeq(string(platform.Words(err)), "\n") {
				h.Notes = append(h.Notes, words.Cause(line))
			}
		}
	}
}

// meetRouter asks the gateway what it is, and meanwhile watches for its
// hardware address: the questions themselves make the system resolve it.
func (h *Host) meetRouter(ctx context.Context, sys platform.System, n platform.Network, w way) {
	u := &h.Uplink
	if !u.Gateway.IsValid() && !u.Gateway6.IsValid() {
		return
	}
	d := discovery{net: n, local: w.localFor(u), gateway: u.Gateway, vendor: Vendor(u.GatewayMAC)}
	var parts []part
	asking, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	if u.Gateway.Is4() && d.local.IsValid() && n != nil {
		wg.Go(func() { parts = d.run(ctx); stop() })
		if !u.VPN { // the way out is the tunnel's
			wg.Go(func() { h.Beyond = d.beyond(ctx) })
		}
	} else {
		h.note(errors.New("the router was not asked what it is: it has no IPv4 address in this network"))
		stop()
	}
	h.watchNeighbour(asking, sys)
	wg.Wait()
	h.introduce(parts)
}

// localFor picks the address to ask from: the one in the gateway's network, or
// the first IPv4 address.
func (w way) localFor(u *Uplink) netip.Addr {
	for _, i := range w.interfaces {
		if i.Name != u.Interface {
			continue
		}
		for _, p := range i.Addrs {
			if p.Contains(u.Gateway) {
				return p.Addr()
			}
		}
	}
	for _, a := range u.Local {
		if a.Is4() {
			return a
		}
	}
	return netip.Addr{}
}

// neighbourPoll is how often the neighbour table is read while the gateway's
// entry is missing: often enough to use a quick answer, seldom enough for
// systems where reading it runs a program.
const neighbourPoll = 200 * time.Millisecond

// watchNeighbour reads the neighbour table until the gateway's hardware address
// stands there or the router has been asked everything.
func (h *Host) watchNeighbour(ctx context.Context, sys platform.System) {
	for h.Uplink.GatewayMAC == "" {
		over := ctx.Err() != nil
		list, err := routes.Neighbours(context.WithoutCancel(ctx), sys)
		if h.takeNeighbour(list); over {
			h.note(err)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(neighbourPoll):
		}
	}
}

// takeNeighbour takes the gateway's hardware address from a neighbour table.
func (h *Host) takeNeighbour(list []routes.Neighbour) {
	u := &h.Uplink
	for _, gateway := range []netip.Addr{u.Gateway, u.Gateway6} {
		for _, n := range list {
			elsewhere := n.Interface != "" && n.Interface != u.Interface
			if !gateway.IsValid() || n.Addr != gateway || elsewhere {
				continue
			}
			if gateway == u.Gateway || !u.Gateway.IsValid() {
				u.GatewayUnresolved = n.Unresolved
			}
			if n.MAC != "" {
				u.GatewayMAC, u.GatewayVendor, u.GatewayUnresolved = n.MAC, Vendor(n.MAC), false
				return
			}
		}
	}
}

// introduce joins what the methods learnt into the router's description. Names
// and models are taken from the method that knows best, in the order of
// discovery.run.
func (h *Host) introduce(parts []part) {
	u := &h.Uplink
	r := Router{}
	if u.GatewayVendor != "" {
		r.Clues = append(r.Clues, Clue{Method: "oui", Value: u.GatewayVendor})
	}
	for _, p := range parts {
		for _, dev := range p.announce {
			if dev.MAC == u.GatewayMAC && len(p.clues) == 0 {
				p.mndpClue(dev)
			}
		}
		for _, e := range p.external {
			if why := notOuter(e.Addr, u); why != "" {
				h.note(fmt.Errorf("the router's outer address is %s according to %s: ignored, because it is %s", e.Addr, e.Method, why))
				continue
			}
			r.External = append(r.External, e)
		}
		r.take(p)
		h.note(p.errs...)
	}
	if len(r.Clues) == 0 {
		return
	}
	maker := r.Vendor // as UPnP has it
	r.recognise()
	if r.Platform == "" {
		r.Vendor = cmp.Or(u.GatewayVendor, maker)
	}
	h.Router = &r
	if len(r.Clues) > 1 || u.GatewayVendor == "" {
		u.GatewayUnresolved = false // it answered: it is there, whatever ARP says
	}
}

// take adds what a method learnt; names are the first's that knows one.
func (r *Router) take(p part) {
	r.Clues = append(r.Clues, p.clues...)
	r.Model = cmp.Or(r.Model, p.model)
	r.Version = cmp.Or(r.Version, p.version)
	r.Name = cmp.Or(r.Name, p.name)
	r.Vendor = cmp.Or(r.Vendor, p.vendor)
}
