package netinfo

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// snmpPort is the UDP port of an SNMP agent (RFC 3417, 3.1).
const snmpPort = 161

// The tags of BER that occur (RFC 3416, 3; RFC 3417, 8).
const (
	berInteger  = 0x02
	berOctets   = 0x04
	berNull     = 0x05
	berOID      = 0x06
	berSequence = 0x30
	snmpGet     = 0xa0
	snmpReply   = 0xa2
)

// What is asked for: sysDescr.0 and sysObjectID.0 (RFC 3418, 2).
var (
	sysDescr    = []byte{0x2b, 6, 1, 2, 1, 1, 1, 0}
	sysObjectID = []byte{0x2b, 6, 1, 2, 1, 1, 2, 0}
)

var errNotSNMP = errors.New("no SNMP answer")

// snmpRequest is a GET of SNMPv2c with the community "public", which reads what
// everybody may.
func snmpRequest(id byte) []byte {
	one := func(oid []byte) []byte { return ber(berSequence, ber(berOID, oid), ber(berNull)) }
	number := func(n byte) []byte { return ber(berInteger, []byte{n}) }
	const v2c = 1
	return ber(berSequence, number(v2c), ber(berOctets, []byte("public")),
		ber(snmpGet, number(id), number(0), number(0), ber(berSequence, one(sysDescr), one(sysObjectID))))
}

// ber encodes a value of less than 128 bytes.
func ber(tag byte, parts ...[]byte) []byte {
	value := bytes.Join(parts, nil)
	return append([]byte{tag, byte(len(value))}, value...)
}

// unber splits off the first value of b, which must have the given tag; 0 is any.
func unber(b []byte, want byte) (tag byte, value, rest []byte, err error) {
	if len(b) < 2 || want != 0 && b[0] != want {
		return 0, nil, nil, errNotSNMP
	}
	tag, n, b := b[0], int(b[1]), b[2:]
	if n >= 0x80 { // the length of the length
		size := n & 0x7f
		if size == 0 || size > 2 || len(b) < size {
			return 0, nil, nil, errNotSNMP
		}
		n = 0
		for _, x := range b[:size] {
			n = n<<8 | int(x)
		}
		b = b[size:]
	}
	if n > len(b) {
		return 0, nil, nil, errNotSNMP
	}
	return tag, b[:n], b[n:], nil
}

// parseSNMP reads the answer to snmpRequest: the agent's description and the
// identifier of its product, each of which may be missing.
func parseSNMP(b []byte, id byte) (descr, object string, err error) {
	_, message, _, err := unber(b, berSequence)
	if err != nil {
		return "", "", err
	}
	var value []byte
	for _, tag := range []byte{berInteger, berOctets} { // version and community
		if _, _, message, err = unber(message, tag); err != nil {
			return "", "", err
		}
	}
	_, reply, _, err := unber(message, snmpReply)
	if err != nil {
		return "", "", err
	}
	for i := range 3 { // request, error status, error index
		if _, value, reply, err = unber(reply, berInteger); err != nil {
			return "", "", err
		}
		if want := []byte{id}; i == 0 && !bytes.Equal(value, want) {
			return "", "", errNotSNMP // to another question
		}
	}
	_, list, _, err := unber(reply, berSequence)
	for err == nil && len(list) > 0 {
		var one, name []byte
		var tag byte
		if _, one, list, err = unber(list, berSequence); err != nil {
			break
		}
		if _, name, one, err = unber(one, berOID); err != nil {
			break
		}
		if tag, value, _, err = unber(one, 0); err != nil {
			break
		}
		switch {
		case tag == berOctets && bytes.Equal(name, sysDescr):
			descr = plain(string(value))
		case tag == berOID && bytes.Equal(name, sysObjectID):
			object = oidText(value)
		}
	}
	return descr, object, err
}

// oidText is an object identifier in its usual form; empty if it is none.
func oidText(b []byte) string {
	var parts []string
	n := uint64(0)
	for i, x := range b {
		if n > 1<<32 || i == len(b)-1 && x >= 0x80 {
			return ""
		}
		if n = n<<7 | uint64(x&0x7f); x >= 0x80 {
			continue
		}
		if parts == nil { // the first two, X*40+Y
			top := min(n/40, 2)
			parts, n = append(parts, strconv.FormatUint(top, 10)), n-40*top
		}
		parts, n = append(parts, strconv.FormatUint(n, 10)), 0
	}
	return strings.Join(parts, ".")
}

// snmpWait is how long the agent of a router in the same LAN may take. It is asked
// once: a repetition is one line more in its log, a lost packet one clue less.
const snmpWait = time.Second

// snmp asks for what the router tells everybody.
func (d discovery) snmp(ctx context.Context) (p part) {
	router := netip.AddrPortFrom(d.gateway, snmpPort)
	c, done, err := d.open(ctx, netip.AddrPortFrom(d.local, 0))
	if err != nil {
		return p // NAT-PMP says why
	}
	defer done()
	const id = 1
	_ = ask(ctx, c, question{packet: snmpRequest(id), to: []netip.AddrPort{router}, waits: []time.Duration{snmpWait}, answer: func(b []byte, from netip.AddrPort) bool {
		descr, object, err := parseSNMP(b, id)
		if err != nil || from != router {
			return false
		}
		p.clue("snmp", descr)
		p.clue("snmp-object", object)
		return true
	}})
	return p
}
