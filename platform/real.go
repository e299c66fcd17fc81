package platform

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// RealOptions narrows what Real uses. The zero value is the machine as its
// owner set it up.
type RealOptions struct {
	// DNSServers ("host:port") are asked in turn instead of the system's
	// resolvers; the hosts file is still respected.
	DNSServers []string

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
	local = bindable(local)
	lc := net.ListenConfig{Control: r.control(prepareUDP)}
	pc, err := lc.ListenPacket(ctx, family("udp", local.Addr()), local.String())
	if err != nil {
		return nil, fmt.Errorf("opening UDP %s: %w", local, err)
	}
	conn := pc.(*net.UDPConn)
	u, err := newUDPConn(conn, local.Addr().Is6())
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
	var icmp icmpWatch
	defer icmp.close()
	d := net.Dialer{Control: r.control(func(fd uintptr, v6 bool) error {
		icmp.watch(fd, v6)
		if local.Port() == 0 {
			return nil
		}
		return reuseTimeWait(fd)
	})}
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
	local = bindable(local)
	lc := net.ListenConfig{Control: r.control(nil)}
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
	d := net.Dialer{Control: r.control(nil)}
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

// control ties every new socket to the wanted device and does with it what
// prepare does, which may be nil.
func (r *realNetwork) control(prepare func(fd uintptr, v6 bool) error) func(network, address string, c syscall.RawConn) error {
	return func(network, _ string, c syscall.RawConn) error {
		return onSocket(c, func(fd uintptr) error {
			v6 := strings.HasSuffix(network, "6")
			if err := tieToDevice(fd, v6, r.opts.BindDevice); err != nil || prepare == nil {
				return err
			}
			return prepare(fd, v6)
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

// bindable is unmapped for a local address: all of IPv4 when it is invalid.
func bindable(a netip.AddrPort) netip.AddrPort {
	if !a.Addr().IsValid() {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), a.Port())
	}
	return unmapped(a)
}
