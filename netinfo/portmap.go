package netinfo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// PortMapPort is the UDP port of NAT-PMP (RFC 6886) and PCP (RFC 6887) on the
// gateway. Only questions that change nothing are sent there: the external
// address (NAT-PMP) and ANNOUNCE (PCP). PCP has no question for the external
// address without making a mapping.
const PortMapPort = 5351

var (
	errNotPortMap  = errors.New("no NAT-PMP or PCP answer")
	errNoMappings  = errors.New("the router does not allow port mapping")
	errOtherResult = errors.New("the router refused")
)

// natPMPRequest asks for the external address (RFC 6886, 3.2).
func natPMPRequest() []byte { return []byte{0, 0} }

// parseNATPMP reads the answer to natPMPRequest. A router that speaks only PCP
// answers in version 2 that it does not know version 0.
func parseNATPMP(b []byte) (netip.Addr, error) {
	if len(b) < 8 || b[0] != 0 || b[1] != 128 {
		return netip.Addr{}, errNotPortMap
	}
	switch code := binary.BigEndian.Uint16(b[2:]); {
	case code == 2: // not authorised or refused: the service is switched off
		return netip.Addr{}, errNoMappings
	case code != 0:
		return netip.Addr{}, fmt.Errorf("%w: NAT-PMP result %d", errOtherResult, code)
	case len(b) < 12:
		return netip.Addr{}, errNotPortMap
	}
	return netip.AddrFrom4([4]byte(b[8:12])), nil
}

// pcpAnnounce builds an ANNOUNCE request (RFC 6887, 14.1): it asks nothing and
// changes nothing, but a PCP server answers it. client is our own address as
// the router sees it; a server that sees another one answers with an error,
// which is an answer too.
func pcpAnnounce(client netip.Addr) []byte {
	b := make([]byte, 24)
	b[0] = 2 // version; opcode 0, lifetime 0
	a := client.As16()
	copy(b[8:], a[:])
	return b
}

// parsePCP reads the result in the answer to pcpAnnounce (RFC 6887, 7.2): 0 is
// understood, 1 another version only.
func parsePCP(b []byte) (result int, err error) {
	if len(b) < 24 || len(b) > 1100 || b[0] != 2 || b[1] != 0x80 {
		return 0, errNotPortMap
	}
	return int(b[3]), nil
}
