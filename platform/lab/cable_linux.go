package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// cableIndex is the interface number of the first end of the i-th cable. The
// kernel takes a pair whose ends have the same number in their namespaces for
// no pair at all, and lets up to a second pass before it believes that the
// cable is up (linkwatch_urgent_event of net/core/link_watch.c); IPv6 sends
// nothing until then. The second ends are numbered by the kernel, upwards from 2 or
// from one of these, and never reach the next.
func cableIndex(i int) int { return 10 * (i + 1) }

// cable makes a veth pair between two nodes.
// An mtu of 0 is the kernel's.
func cable(a *Node, ea endPlan, b *Node, eb endPlan, index, mtu int) error {
	err := a.Do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.Index = ea.dev, index
		attrs.HardwareAddr, attrs.MTU = ea.mac, mtu
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: eb.dev, PeerNamespace: netlink.NsFd(b.ns.net), PeerHardwareAddr: eb.mac})
	})
	if err != nil {
		return fmt.Errorf("creating the pair %s-%s: %w", ea.dev, eb.dev, err)
	}
	return errors.Join(a.Do(ea.configure), b.Do(eb.configure))
}

// configure gives the interface its addresses and brings it up.
func (e endPlan) configure() error {
	if err := realChecksums(e.dev); err != nil {
		return err
	}
	if len(e.addrs) == 0 {
		// A bare wire: the kernel must not speak on it by itself.
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+e.dev+"/disable_ipv6", []byte("1"), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("silencing %s: %w", e.dev, err)
		}
	}
	link, err := netlink.LinkByName(e.dev)
	if err != nil {
		return fmt.Errorf("finding %s: %w", e.dev, err)
	}
	for _, p := range e.addrs {
		a := &netlink.Addr{IPNet: ipNet(p)}
		if p.Addr().Is6() {
			a.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(link, a); err != nil && !noIPv6(p.Addr(), err) {
			return fmt.Errorf("adding %s to %s: %w", p, e.dev, err)
		}
	}
	return linkUp(e.dev)
}

func linkUp(dev string) error {
	link, err := netlink.LinkByName(dev)
	if err != nil {
		return fmt.Errorf("finding %s: %w", dev, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bringing %s up: %w", dev, err)
	}
	return nil
}

func (r routePlan) add() error {
	if r.refuse != 0 {
		return netlink.RouteAdd(&netlink.Route{Dst: ipNet(r.dst), Type: r.refuse.kernel(), Priority: r.metric, Table: r.table})
	}
	link, err := netlink.LinkByName(r.dev)
	if err != nil {
		return fmt.Errorf("finding %s: %w", r.dev, err)
	}
	route := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(r.dst), Scope: netlink.SCOPE_LINK, Priority: r.metric, Table: r.table}
	if r.via.IsValid() {
		route.Gw, route.Scope = r.via.AsSlice(), netlink.SCOPE_UNIVERSE
	}
	if err := netlink.RouteAdd(route); err != nil && !noIPv6(r.dst.Addr(), err) {
		return err
	}
	return nil
}

// waitIPv6 waits until the node's IPv6 addresses are in use. The kernel puts
// them into use some milliseconds after the cable is up, and a neighbour that
// asks too early asks again only after a second.
func waitIPv6(ctx context.Context) error {
	for {
		addrs, err := netlink.AddrList(nil, netlink.FAMILY_V6)
		if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
			return nil // no IPv6 here
		}
		tentative := func(a netlink.Addr) bool { return a.Flags&unix.IFA_F_TENTATIVE != 0 }
		if err == nil && !slices.ContainsFunc(addrs, tentative) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

// noIPv6 reports that the kernel has IPv6 switched off; the office then has
// IPv4 alone.
func noIPv6(a netip.Addr, err error) bool {
	if !a.Is6() {
		return false
	}
	if _, serr := os.Stat("/proc/sys/net/ipv6"); serr != nil {
		return true
	}
	return errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) // disable_ipv6 is set
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
