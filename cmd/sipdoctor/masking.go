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
)

var (
	addressText = regexp.MustCompile(`(?i)(?:\d{1,3}\.){3}\d{1,3}|\d{1,3}(?:[-_]\d{1,3}){3}|(?:[0-9a-f]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9a-f]{1,4}|:)?|\b[0-9a-f]{2}(?:-[0-9a-f]{2}){5}\b|\b[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}\b`)
	// A socket of /proc/net/udp: the address in the machine's byte order.
	socketText = regexp.MustCompile(`\b([0-9A-F]{32}|[0-9A-F]{8}):[0-9A-F]{4}\b`)
	// An IPv6 address in the names of the DNS: a label for each digit.
	nibbles = regexp.MustCompile(`(?i)\b(?:[0-9a-f]\.){8,}ip6\.arpa`)
)

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
	for _, sep := range []string{"-", "_"} { // in the name of a provider's customer, of a set
		if a, err := netip.ParseAddr(strings.ReplaceAll(s, sep, ".")); err == nil {
			return strings.ReplaceAll(m.mask(a).String(), ".", sep)
		}
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

// nibbles masks an IPv6 address that is written backwards, a digit a label.
// Of a network, whose first digits alone are there, nothing stays.
func (m *addressMasker) nibbles(text []byte) []byte {
	digits := strings.Split(strings.ToLower(string(text[:len(text)-len(".ip6.arpa")])), ".")
	ending := string(text[len(text)-len(".ip6.arpa"):])
	slices.Reverse(digits)
	raw, err := hex.DecodeString(strings.Join(digits, ""))
	a, ok := netip.AddrFromSlice(raw)
	if err != nil || !ok {
		return []byte(strings.Repeat("0.", len(digits)-1) + "0" + ending)
	}
	digits = strings.Split(hex.EncodeToString(m.mask(a).AsSlice()), "")
	slices.Reverse(digits)
	return []byte(strings.Join(digits, ".") + ending)
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
	last, turned := len(bits)*8-9, false
	for bit := range last + 1 {
		node := netip.PrefixFrom(a.WithZone(""), bit).Masked()
		if !m.turnable(node) {
			continue
		}
		h := hmac.New(sha256.New, m.key[:])
		h.Write(append([]byte{byte(bit)}, node.Addr().AsSlice()...))
		// No network stays as it was: what was not turned until here is now.
		if h.Sum(nil)[0]&1 == 1 || bit == last && !turned {
			bits[bit/8] ^= 1 << (7 - bit%8)
			turned = true
		}
	}
	out, _ := netip.AddrFromSlice(bits)
	return out.WithZone(a.Zone())
}
