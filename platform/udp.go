package platform

import (
	"fmt"
	"net"
	"net/netip"
	"time"
)

// boundUDP is what every system's UDPConn has in common.
type boundUDP struct {
	conn  *net.UDPConn
	local netip.AddrPort
	v6    bool
}

func bound(conn *net.UDPConn, v6 bool) boundUDP {
	return boundUDP{conn: conn, local: unmapped(conn.LocalAddr().(*net.UDPAddr).AddrPort()), v6: v6}
}

func (u *boundUDP) LocalAddr() netip.AddrPort { return u.local }

func (u *boundUDP) SetReadDeadline(t time.Time) error { return u.conn.SetReadDeadline(t) }

func (u *boundUDP) Close() error { return u.conn.Close() }

// check refuses what no system could send, before a system's own words for it.
func (u *boundUDP) check(to netip.AddrPort, o SendOptions) error {
	switch {
	case !to.Addr().IsValid() || to.Port() == 0:
		return fmt.Errorf("sending to %s: not an address and port", to)
	case to.Addr().Is6() != u.v6:
		return fmt.Errorf("sending to %s from %s: one is IPv4, the other IPv6", to, u.local)
	case o.From.IsValid() && o.From.Is6() != u.v6:
		return fmt.Errorf("sending to %s with source %s: one is IPv4, the other IPv6", to, o.From)
	case o.TTL < 0 || o.TTL > 255:
		return fmt.Errorf("sending to %s: TTL %d is outside 1-255", to, o.TTL)
	case o.TOS < 0 || o.TOS > 255:
		return fmt.Errorf("sending to %s: traffic class %d is outside 0-255", to, o.TOS)
	}
	return nil
}

// A full transmit queue of this machine is not the path's fault: the sender
// waits for it this often and this long before it gives up. A millisecond
// drains a dozen datagrams even at 100 Mbit/s.
const (
	queueFullTries = 5
	queueFullWait  = time.Millisecond
)
