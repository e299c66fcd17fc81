package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/secrets"
)

var (
	addressText = regexp.MustCompile(`(?i)(?:\d{1,3}\.){3}\d{1,3}|\d{1,3}(?:-\d{1,3}){3}|(?:[0-9a-f]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9a-f]{1,4}|:)?|\b[0-9a-f]{2}(?:-[0-9a-f]{2}){5}\b`)
	// A socket of /proc/net/udp: the address in the machine's byte order.
	socketText = regexp.MustCompile(`\b([0-9A-F]{32}|[0-9A-F]{8}):[0-9A-F]{4}\b`)
	// Where the names of other machines stand.
	namedHost = regexp.MustCompile(`(?i)(?:\bsips?:|@)([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\.[a-z]{2,24})\b|(?m:^[ \t]*(?:host|outbound_proxy|from_?domain|realm|extern(?:host|ip)|external_\w+_address|server|domain)[ \t]*=>?[ \t]*([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\.[a-z]{2,24})\b)`)
	// Lines of Asterisk's log that tell of calls: who called whom.
	callLine = regexp.MustCompile(`^\[[^\]]*\] *(?:\[[^\]]*\] *)?(?:VERBOSE|DEBUG|DTMF)\b`)
)

// cleaner is what a file passes through on its way into a support bundle:
// passwords go away always; addresses, names of machines and talk of calls on
// request.
type cleaner struct {
	redact bool
	masker *addressMasker
	names  map[string]string // stand-ins by name, in lower case
	order  []string          // the names, the longest first
}

func newCleaner(redact bool) *cleaner {
	return &cleaner{redact: redact, masker: newAddressMasker(), names: map[string]string{}}
}

// Learn notes the names of machines in a file, so that they go away in all.
func (c *cleaner) Learn(name string, data []byte) {
	if !c.redact || isBinary(data) {
		return
	}
	if name == "/etc/hostname" || strings.HasPrefix(name, "$ hostname") {
		c.met(strings.TrimSpace(string(data)))
	}
	for _, m := range namedHost.FindAllSubmatch(data, -1) {
		c.met(string(m[1]) + string(m[2]))
	}
}

func (c *cleaner) met(host string) {
	host = strings.ToLower(host)
	if len(host) < 3 || c.names[host] != "" || slices.Contains(plainNames(), host) {
		return
	}
	c.names[host] = fmt.Sprintf("host-%d.invalid", len(c.names)+1)
	c.order = append(c.order, host)
	slices.SortFunc(c.order, func(a, b string) int { return len(b) - len(a) })
}

// plainNames are names of machines that give nobody away and stand in every
// second line of the files.
func plainNames() []string {
	return []string{"localhost", "pbx", "freepbx", "asterisk", "sip", "voip", "server", "debian", "ubuntu", "centos", "sangoma"}
}

// Clean cleans one file. It returns nil for one that must stay out.
func (c *cleaner) Clean(name string, data []byte) []byte {
	data = secrets.Remove(name, data)
	if !c.redact {
		return data
	}
	if isBinary(data) {
		if bytes.HasPrefix(data, []byte("TZif")) {
			return data // the time zone: logs are read by it
		}
		return nil // a database holds addresses where no rule finds them
	}
	if strings.HasPrefix(name, "/var/log/") {
		data = withoutCalls(data)
	}
	if strings.HasPrefix(name, "/proc/net/") {
		data = socketText.ReplaceAllFunc(data, c.masker.socket)
	}
	return c.hosts(c.addresses(data))
}

// Line masks what a command line names.
func (c *cleaner) Line(line string) string {
	if !c.redact {
		return line
	}
	return string(c.hosts(c.addresses([]byte(line))))
}

func (c *cleaner) addresses(text []byte) []byte {
	return addressText.ReplaceAllFunc(text, c.masker.replace)
}

// hosts puts stand-ins for the names of machines.
func (c *cleaner) hosts(data []byte) []byte {
	for _, n := range c.order {
		data = regexp.MustCompile(`(?i)\b`+regexp.QuoteMeta(n)+`\b`).ReplaceAllLiteral(data, []byte(c.names[n]))
	}
	return data
}

// withoutCalls leaves out what a log tells of calls, and the messages that SIP
// debugging writes: lines without a time. What is left is about failures.
func withoutCalls(data []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(data) {
		if callLine.Match(line) || len(line) > 0 && (line[0] == '<' || line[0] == ' ') {
			out.WriteByte('\n') // lines keep their numbers
			continue
		}
		out.Write(line)
	}
	return out.Bytes()
}

// addressMasker replaces addresses by others so that two that share a network
// share one afterwards, and rules still decide the same: each bit in the middle
// is turned over or not by a keyed hash of the bits before it (the idea of
// Crypto-PAn, Xu et al. 2002). Private, loopback and multicast addresses stay
// what they are, and the last 8 bits stay, so that ranges within a network keep
// their order.
type addressMasker struct {
	key  [32]byte
	kept []netip.Prefix
	seen map[string][]byte
}

func newAddressMasker() *addressMasker {
	m := &addressMasker{kept: kept(), seen: map[string][]byte{}}
	_, _ = rand.Read(m.key[:]) // never fails (crypto/rand)
	return m
}

func (m *addressMasker) replace(text []byte) []byte {
	if out, ok := m.seen[string(text)]; ok {
		return out
	}
	out := []byte(m.standIn(string(text)))
	m.seen[string(text)] = out
	return out
}

// standIn replaces what looks like an address, if it is one; "10:20:30" is not.
func (m *addressMasker) standIn(s string) string {
	if a, err := netip.ParseAddr(s); err == nil {
		return m.mask(a).String()
	}
	if mac, err := net.ParseMAC(s); err == nil && len(mac) == 6 {
		return m.hardware(mac, s[2:3])
	}
	if a, err := netip.ParseAddr(strings.ReplaceAll(s, "-", ".")); err == nil { // in the name of a provider's customer
		return strings.ReplaceAll(m.mask(a).String(), ".", "-")
	}
	// An address before a colon, or an IPv4 address after one.
	if before, ok := strings.CutSuffix(s, ":"); ok && before != "" && before != ":" {
		return m.standIn(before) + ":"
	}
	if i := strings.LastIndexByte(s, ':'); i >= 0 && strings.Contains(s[i:], ".") {
		return s[:i+1] + m.standIn(s[i+1:])
	}
	return s
}

// hardware keeps nothing of a hardware address but that it is one (02:…:
// locally administered).
func (m *addressMasker) hardware(mac net.HardwareAddr, sep string) string {
	h := hmac.New(sha256.New, m.key[:])
	h.Write(mac)
	sum := h.Sum(nil)
	return strings.ReplaceAll(net.HardwareAddr{2, 0, 0, sum[0], sum[1], sum[2]}.String(), ":", sep)
}

// socket masks an address in hexadecimal: words of four bytes, the lowest byte
// first.
func (m *addressMasker) socket(text []byte) []byte {
	address, port, _ := bytes.Cut(text, []byte(":"))
	raw := make([]byte, hex.DecodedLen(len(address)))
	if _, err := hex.Decode(raw, address); err != nil {
		return text
	}
	swap := func(b []byte) {
		for w := range slices.Chunk(b, 4) {
			slices.Reverse(w)
		}
	}
	swap(raw)
	a, ok := netip.AddrFromSlice(raw)
	if !ok {
		return text
	}
	raw = m.mask(a).AsSlice()
	swap(raw)
	return fmt.Appendf(nil, "%X:%s", raw, port)
}

// kept are the networks whose addresses stay within them: what is private,
// link-local or global stays that. Addresses of the first four say nothing
// about anybody and stay as they are.
func kept() []netip.Prefix {
	var list []netip.Prefix
	for _, p := range []string{
		"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "ff00::/8", // network masks are above 224 too
		"10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
		"2000::/3", "64:ff9b::/96", "fc00::/7", "fe80::/10", "::/8",
	} {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}

func (m *addressMasker) fixed(a netip.Addr) bool {
	return a == netip.IPv6Loopback() || a == netip.IPv6Unspecified() ||
		slices.ContainsFunc(m.kept[:4], func(p netip.Prefix) bool { return p.Contains(a) })
}

// turnable reports whether the two halves below a node of the tree of addresses
// may change places: not those on the way to a network that is kept.
func (m *addressMasker) turnable(node netip.Prefix) bool {
	return !slices.ContainsFunc(m.kept, func(p netip.Prefix) bool { return p.Bits() > node.Bits() && node.Contains(p.Addr()) })
}

func (m *addressMasker) mask(a netip.Addr) netip.Addr {
	switch {
	case a.Is4In6():
		return netip.AddrFrom16(m.mask(a.Unmap()).As16())
	case m.fixed(a):
		return a
	}
	bits := a.WithZone("").AsSlice()
	for bit := range len(bits)*8 - 8 {
		node := netip.PrefixFrom(a.WithZone(""), bit).Masked()
		if !m.turnable(node) {
			continue
		}
		h := hmac.New(sha256.New, m.key[:])
		h.Write(append([]byte{byte(bit)}, node.Addr().AsSlice()...))
		bits[bit/8] ^= (h.Sum(nil)[0] & 1) << (7 - bit%8)
	}
	out, _ := netip.AddrFromSlice(bits)
	return out.WithZone(a.Zone())
}

// isBinary reports the kinds of files that a PBX's bundle holds and that are no
// text: a database, its journal, a time zone. Everything else is treated as
// text, whatever bytes are in it: a log with a hole in it after a crash, a
// comment in Latin-1.
func isBinary(b []byte) bool {
	for _, magic := range []string{"SQLite format 3\x00", "\x37\x7f\x06\x82", "\x37\x7f\x06\x83", "TZif"} {
		if bytes.HasPrefix(b, []byte(magic)) {
			return true
		}
	}
	return false
}
