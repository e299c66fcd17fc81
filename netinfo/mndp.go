package netinfo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
)

// mndpPort is the UDP port of MikroTik's neighbour discovery. A router that
// hears a request there announces itself on the same port.
const mndpPort = 5678

// mndpRequest makes every RouterOS device in reach announce itself at once: a
// header without fields.
func mndpRequest() []byte { return make([]byte, 4) }

// mndpDevice is what a RouterOS device says about itself.
type mndpDevice struct {
	MAC      string
	Identity string // the name its owner gave it
	Version  string // "7.11.2 (stable)"
	Platform string // "MikroTik"
	Board    string // "RB750Gr3"
}

var errNotMNDP = errors.New("no MNDP announcement")

// parseMNDP reads an announcement: a header of four bytes (the last two are a
// sequence number), then fields of type, length and value, all lengths and
// types 16 bits big-endian. Types: 1 MAC address, 5 identity, 7 version, 8
// platform, 10 uptime, 11 software ID, 12 board, 14 unpack, 15 IPv6 address, 16
// interface, 17 IPv4 address.
//
// Source: the dissector of Wireshark, epan/dissectors/packet-mndp.c.
func parseMNDP(b []byte) (mndpDevice, error) {
	var d mndpDevice
	if len(b) < 8 {
		return d, errNotMNDP // our own request coming back is one of these
	}
	for b = b[4:]; len(b) > 0; {
		if len(b) < 4 {
			return d, fmt.Errorf("%w: %d bytes after the last field", errNotMNDP, len(b))
		}
		kind, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b)-4 {
			return d, fmt.Errorf("%w: a field of %d bytes in %d", errNotMNDP, n, len(b)-4)
		}
		value := b[4 : 4+n]
		b = b[4+n:]
		switch kind {
		case 1:
			if n == 6 {
				d.MAC = net.HardwareAddr(value).String()
			}
		case 5:
			d.Identity = plain(string(value))
		case 7:
			d.Version = plain(string(value))
		case 8:
			d.Platform = plain(string(value))
		case 12:
			d.Board = plain(string(value))
		}
	}
	if d.Version == "" && d.Platform == "" && d.Board == "" {
		return d, errNotMNDP
	}
	return d, nil
}
