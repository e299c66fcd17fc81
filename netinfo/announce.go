package netinfo

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/sipdoctor/sipdoctor/platform"
)

// announcement is what a device says of itself to its neighbours on the wire.
type announcement struct {
	method string   // lldp or cdp
	macs   []string // of the sender, and of the device as a whole
	addrs  []netip.Addr
	name   string // its owner gave it
	text   string // system and version: the same as SNMP's sysDescr
	model  string // CDP only
}

var errNotAnnouncement = errors.New("no LLDP or CDP announcement")

// parseAnnouncement reads an Ethernet frame without a VLAN tag.
func parseAnnouncement(frame []byte) (announcement, error) {
	if len(frame) < 14 {
		return announcement{}, errNotAnnouncement
	}
	a := announcement{macs: []string{net.HardwareAddr(frame[6:12]).String()}}
	snap := []byte{0xaa, 0xaa, 0x03, 0, 0, 0x0c, 0x20, 0} // LLC, SNAP: Cisco, CDP
	kind, body := binary.BigEndian.Uint16(frame[12:]), frame[14:]
	switch {
	case kind == 0x88cc:
		return a, a.readLLDP(body)
	case int(kind) >= len(snap)+4 && int(kind) <= len(body) && slices.Equal(body[:len(snap)], snap):
		return a, a.readCDP(body[len(snap)+4 : kind])
	}
	return a, errNotAnnouncement
}

// readLLDP reads the fields of IEEE 802.1AB-2016, 8.5: seven bits of type, nine of
// length.
func (a *announcement) readLLDP(b []byte) error {
	a.method = "lldp"
	for len(b) >= 2 {
		kind, n := b[0]>>1, int(binary.BigEndian.Uint16(b))&0x1ff
		if n > len(b)-2 {
			return errNotAnnouncement
		}
		value := b[2 : 2+n]
		b = b[2+n:]
		const mac, ipv4 = 4, 1 // subtypes of the chassis; families of addresses
		switch {
		case kind == 0:
			return nil
		case kind == 1 && n == 7 && value[0] == mac:
			a.macs = append(a.macs, net.HardwareAddr(value[1:]).String())
		case kind == 5:
			a.name = plain(string(value))
		case kind == 6:
			a.text = plain(string(value))
		case kind == 8 && n >= 6 && value[0] == 5 && value[1] == ipv4:
			a.addrs = append(a.addrs, netip.AddrFrom4([4]byte(value[2:6])))
		}
	}
	return errNotAnnouncement
}

// readCDP reads the fields of a packet: 16 bits each of type and of length, which
// counts these four bytes. Source: Wireshark, epan/dissectors/packet-cdp.c.
func (a *announcement) readCDP(b []byte) error {
	a.method = "cdp"
	for len(b) > 0 {
		if len(b) < 4 {
			return errNotAnnouncement
		}
		kind, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if n < 4 || n > len(b) {
			return errNotAnnouncement
		}
		value := b[4:n]
		b = b[n:]
		switch kind {
		case 1:
			a.name = plain(string(value))
		case 2, 22: // addresses, those for management
			a.addrs = append(a.addrs, cdpAddresses(value)...)
		case 5:
			a.text = plain(string(value))
		case 6:
			a.model = plain(string(value))
		}
	}
	return nil
}

// cdpAddresses are the IPv4 ones of a list: each has the type and the length of its
// protocol, the protocol, and 16 bits of length before it.
func cdpAddresses(b []byte) (list []netip.Addr) {
	if len(b) < 4 {
		return nil
	}
	for b = b[4:]; len(b) >= 2; {
		protocol := b[2:]
		n := int(b[1])
		if len(protocol) < n+2 {
			return list
		}
		addr := protocol[n+2:]
		size := int(binary.BigEndian.Uint16(protocol[n:]))
		if size > len(addr) {
			return list
		}
		const nlpid, ip = 1, 0xcc
		if b[0] == nlpid && n == 1 && protocol[0] == ip && size == 4 {
			list = append(list, netip.AddrFrom4([4]byte(addr)))
		}
		b = addr[size:]
	}
	return list
}

// Heard collects what devices on the wire say of themselves, such as for as long as
// a program runs: LLDP comes every 30 s (IEEE 802.1AB, 9.2.5.7), CDP every minute.
// The zero value is empty. It may be used concurrently.
type Heard struct {
	mu   sync.Mutex
	list []announcement
	err  error
}

// maxHeard bounds the announcements that are kept: a hub with a router in it has some.
const maxHeard = 64

// Add takes an Ethernet frame; what is no announcement is dropped.
func (h *Heard) Add(frame []byte) {
	a, err := parseAnnouncement(frame)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = slices.DeleteFunc(h.list, func(b announcement) bool { return a.method == b.method && a.macs[0] == b.macs[0] })
	if h.list = append(h.list, a); len(h.list) > maxHeard {
		h.list = slices.Delete(h.list, 0, 1)
	}
}

// Fail says why nothing is heard; nil is nothing to say.
func (h *Heard) Fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
}

// Hear adds what the router at the gateway address has said of itself. What other
// devices say, such as the switch in between, is not about it. heard may be nil.
func (h *Host) Hear(heard *Heard) {
	if heard == nil {
		return
	}
	heard.mu.Lock()
	defer heard.mu.Unlock()
	if heard.err != nil && !slices.Contains(h.Notes, platform.Words(heard.err)) {
		h.note(heard.err)
	}
	var p part
	for _, a := range heard.list {
		if !slices.Contains(a.addrs, h.Uplink.Gateway) && !slices.Contains(a.macs, h.Uplink.GatewayMAC) {
			continue
		}
		p.clue(a.method, plain(strings.TrimSpace(a.text+" "+a.model)))
		p.model, p.name = a.model, a.name
	}
	if len(p.clues) == 0 {
		return
	}
	r := Router{}
	if h.Router != nil {
		r = *h.Router
	}
	p.clues = slices.DeleteFunc(p.clues, func(c Clue) bool { return slices.Contains(r.Clues, c) })
	r.Clues = slices.Clip(r.Clues)
	r.take(p)
	r.Alternatives = nil
	r.recognise()
	h.Router = &r
}
