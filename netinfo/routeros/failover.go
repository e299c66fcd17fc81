package routeros

import (
	"net/netip"
	"strconv"
)

// Failover is the entry of Netwatch that ends the connections of SIP over UDP when the
// first uplink fails or comes back.
type Failover struct {
	Gateway netip.Addr // that only the first uplink reaches
	Port    int        // of SIP
}

// FailoverComment is the comment of the entry.
const FailoverComment = "sipdoctor-failover"

// Line is the command that adds it. check-gateway asks every 10 s and takes two losses
// for a failure; the script waits until the route has changed for certain.
func (x Failover) Line() string {
	script := Quote(":delay 30s; " + EndConnections(x.Port))
	return "/tool netwatch add host=" + x.Gateway.String() + " interval=10s down-script=" + script + " up-script=" + script + " comment=" + FailoverComment
}

// Undo removes it again.
func (x Failover) Undo() string {
	return "/tool netwatch remove [find comment=" + FailoverComment + "]"
}

// Verify shows it.
func (x Failover) Verify() string { return "/tool netwatch print where comment=" + FailoverComment }

// EndConnections is the command that ends the connections over UDP to a port.
func EndConnections(port int) string {
	return "/ip firewall connection remove [find protocol~\"udp\" dst-address~\":" + strconv.Itoa(port) + "\\$\"]"
}
