package asterisk

import (
	"fmt"
	"net/netip"
)

// parsePeers reads "sip show peers" of Asterisk 1.8 to 20: the registered ones.
func parsePeers(out string) (list []Contact) {
	for _, p := range Show(out).Peers {
		if !p.Host.IsValid() { // "(Unspecified)": not registered
			continue
		}
		status := p.Status
		if p.MS > 0 {
			status = fmt.Sprintf("%s (%d ms)", status, p.MS)
		}
		list = append(list, Contact{Driver: chanSIP, AOR: p.Name, Addr: netip.AddrPortFrom(p.Host, uint16(p.Port)), Status: status, Static: !p.Dynamic})
	}
	return list
}

// parseRegistry reads "sip show registry".
func parseRegistry(out string) []Registration { return parseRegistrations(out) }

// parseSIPSettings reads the sockets of "sip show settings".
func parseSIPSettings(out string) []Transport { return transportsOf(Show(out).Transports) }
