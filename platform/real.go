package platform

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// RealOptions narrows what Real uses. The zero value is the machine as its
// owner set it up.
type RealOptions struct {
	// DNSServer ("host:port") is asked instead of the system's resolvers; the
	// hosts file is still respected.
	DNSServer string

	// BindDevice names the interface that every socket is tied to, whatever
	// the routing table says. On systems without such an option (FreeBSD)
	// opening a socket fails with errors.ErrUnsupported.
	BindDevice string
}

// Real is the operating system's network.
func Real(o RealOptions) Network {
	return &realNetwork{opts: o}
}

type realNetwork struct {
	opts RealOptions
}

// OpenUDP leaves SO_REUSEADDR unset, so that a port which a softphone or a PBX
// owns is reported as in use instead of being shared with it.
func (r *realNetwork) OpenUDP(ctx context.Context, local netip.AddrPort) (UDPConn, error) {
	local = unmapped(local)
	v6 := local.Addr().Is6()
	if !local.Addr().IsValid() {
		local = netip.AddrPortFrom(netip.IPv4Unspecified(), local.Port())
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return onSocket(c, func(fd uintptr) error {
			if err := tieToDevice(fd, v6, r.opts.BindDevice); err != nil {
				return err
			}
			return prepareUDP(fd, v6)
		})
	}}
	pc, err := lc.ListenPacket(ctx, family("udp", local.Addr()), local.String())
	if err != nil {
		return nil, fmt.Errorf("opening UDP %s: %w", local, err)
	}
	conn := pc.(*net.UDPConn)
	u, err := newUDPConn(conn, v6)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("opening UDP %s: %w", local, err)
	}
	return u, nil
}

// DialTCP from a fixed local port sets SO_REUSEADDR on Unix: without it the
// port of the previous probe stays taken for the minute of TIME-WAIT, and a
// port that another program listens on is refused with it as well. To reach
// the same peer from the same port again within that minute, the caller closes
// with SetLinger(0).
func (r *realNetwork) DialTCP(ctx context.Context, local, remote netip.AddrPort) (net.Conn, error) {
	local, remote = unmapped(local), unmapped(remote)
	v6 := remote.Addr().Is6()
	var icmp icmpWatch
	defer icmp.close()
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return onSocket(c, func(fd uintptr) error {
			if local.Port() != 0 {
				if err := reuseTimeWait(fd); err != nil {
					return err
				}
			}
			icmp.watch(fd, v6)
			return tieToDevice(fd, v6, r.opts.BindDevice)
		})
	}}
	if local != (netip.AddrPort{}) {
		d.LocalAddr = net.TCPAddrFromAddrPort(local)
	}
	conn, err := d.DialContext(ctx, family("tcp", remote.Addr()), remote.String())
	if err != nil {
		if told := icmp.message(remote); told != nil {
			return nil, fmt.Errorf("connecting to %s: %w", remote, told)
		}
		return nil, err
	}
	return conn, nil
}

// ListenTCP listens without multipath TCP, which Go's listeners offer on Linux:
// what arrives here must be what a plain SIP server would have seen.
func (r *realNetwork) ListenTCP(ctx context.Context, local netip.AddrPort) (net.Listener, error) {
	local = unmapped(local)
	if !local.Addr().IsValid() {
		local = netip.AddrPortFrom(netip.IPv4Unspecified(), local.Port())
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return onSocket(c, func(fd uintptr) error {
			return tieToDevice(fd, local.Addr().Is6(), r.opts.BindDevice)
		})
	}}
	lc.SetMultipathTCP(false)
	return lc.Listen(ctx, family("tcp", local.Addr()), local.String())
}

// SourceFor connects a UDP socket, which makes the system choose the source
// address and sends nothing.
func (r *realNetwork) SourceFor(remote netip.Addr) (netip.Addr, error) {
	remote = remote.Unmap()
	if !remote.IsValid() {
		return netip.Addr{}, fmt.Errorf("finding the source address: no address to reach")
	}
	d := net.Dialer{Control: r.tieDialer()}
	const discard = 9 // any port will do; RFC 863's harms nobody
	conn, err := d.Dial(family("udp", remote), netip.AddrPortFrom(remote, discard).String())
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err // without the port that nobody asked for
		}
		return netip.Addr{}, fmt.Errorf("finding the source address for %s: %w", remote, err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}

// tieDialer is the Dialer.Control function that ties a socket to the wanted
// device; nil when there is none.
func (r *realNetwork) tieDialer() func(network, address string, c syscall.RawConn) error {
	if r.opts.BindDevice == "" {
		return nil
	}
	return func(network, _ string, c syscall.RawConn) error {
		return onSocket(c, func(fd uintptr) error {
			return tieToDevice(fd, network == "udp6" || network == "tcp6", r.opts.BindDevice)
		})
	}
}

// onSocket runs f on the descriptor of a socket that is not bound yet.
func onSocket(c syscall.RawConn, f func(fd uintptr) error) error {
	var err error
	if cerr := c.Control(func(fd uintptr) { err = f(fd) }); cerr != nil {
		return cerr
	}
	return err
}

// family is the network name for package net that never mixes IPv4 and IPv6.
func family(proto string, a netip.Addr) string {
	if a.Is6() {
		return proto + "6"
	}
	return proto + "4"
}

// unmapped takes the IPv4 address out of an IPv4-mapped IPv6 one.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
