package pcap

import "encoding/binary"

// Plain is what the most usual frame carries: UDP over IPv4 without options, kept
// whole, alone or over Ethernet without tags.
type Plain struct {
	Addresses uint64 // source and destination, 32 bits each
	Ports     uint32 // source and destination, 16 bits each
	TOS       uint8
	Payload   []byte
}

// Plain reads a frame of the most usual kind at a fraction of what Decode takes; ok is
// false for every other. It does not look for tunnels over UDP: none begins with 0x80.
func (f *Frame) Plain() (p Plain, ok bool) {
	const header, headers, plainIPv4, anyFragment = 20, 20 + 8, 0x45, 0x3fff
	b := f.Data
	if f.Length > len(b) || len(b) < etherHeader {
		return p, false
	}
	switch f.Link {
	case linkRaw:
	case linkEthernet:
		if be16(b[12:]) != etherIPv4 {
			return p, false
		}
		b = b[etherHeader:]
	default:
		return p, false
	}
	if len(b) < headers || b[0] != plainIPv4 || b[9] != UDP || be16(b[6:])&anyFragment != 0 ||
		int(be16(b[2:])) != len(b) || int(be16(b[header+4:])) != len(b)-header {
		return p, false
	}
	return Plain{binary.BigEndian.Uint64(b[12:]), be32(b[header:]), b[1], b[headers:]}, true
}
