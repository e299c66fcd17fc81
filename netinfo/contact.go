package netinfo

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Contact is what became of everything that one run sent to one address,
// whichever check sent it. Single checks know one server on one port; only all
// contacts together tell a dead server from a dead line.
type Contact struct {
	Addr netip.Addr `json:"addr"`
	Sent int        `json:"sent,omitempty"` // datagrams that left this machine
	// Answers counts datagrams from the address, connections that it accepted,
	// and ICMP messages that it sent itself.
	Answers int `json:"answers,omitempty"`
	// Resets counts connections that were refused by TCP. A firewall can send
	// that in the server's name.
	Resets int `json:"resets,omitempty"`
	// Silent counts connections that nobody answered until their time was up.
	Silent   int        `json:"silent,omitempty"`
	NoRoute  int        `json:"no_route,omitempty"`     // this machine's routing table has no way there
	Filtered int        `json:"local_filter,omitempty"` // dropped by this machine's own packet filter
	Refusals []ICMPNote `json:"refusals,omitempty"`     // what others said about it by ICMP
	WaitedMS int64      `json:"waited_ms,omitempty"`    // from the first datagram to the end of the run
}

// ICMPNote is a router's word that packets cannot go where they were sent.
type ICMPNote struct {
	Hop     netip.Addr  `json:"hop"`
	Meaning words.Cause `json:"meaning"` // "network unreachable"
	// Prohibited: a packet filter said so, not a routing table.
	Prohibited bool `json:"prohibited,omitempty"`
	Count      int  `json:"count"`
}

// Asked reports whether anything was sent there at all.
func (c Contact) Asked() bool { return c.Sent+c.Silent+c.Resets+c.Answers > 0 || len(c.Refusals) > 0 }

// patientWait is how long silence must have lasted, milliseconds, and
// patientTries how many datagrams it must have outlived, to count as silence:
// what was interrupted was not silent.
const (
	patientWait  = 2000
	patientTries = 3
)

// SilentFor reports whether the address was asked often and long enough, and
// nothing at all came back, from it or about it.
func (c Contact) SilentFor() bool {
	quiet := c.Answers == 0 && c.Resets == 0 && len(c.Refusals) == 0
	return quiet && (c.Silent > 0 || c.Sent >= patientTries && c.WaitedMS >= patientWait)
}

// Nobody is an address for documents (RFC 5737): nothing lives there, and
// nothing can answer from there. The dns check asks it who does.
var Nobody = netip.AddrFrom4([4]byte{192, 0, 2, 53})

// Outside are the contacts beyond this machine's own networks.
func (h *Host) Outside() (list []Contact) {
	for _, c := range h.Contacts {
		if !h.Near(c.Addr) {
			list = append(list, c)
		}
	}
	return list
}

// Near reports whether an address is this machine's own or in a network that
// it is connected to directly.
func (h *Host) Near(a netip.Addr) bool {
	u := &h.Uplink
	if a.IsLoopback() || a.IsLinkLocalUnicast() || a == u.Gateway || a == u.Gateway6 || slices.Contains(u.Local, a) {
		return true
	}
	return slices.ContainsFunc(h.Networks, func(p netip.Prefix) bool { return p.Contains(a) })
}
