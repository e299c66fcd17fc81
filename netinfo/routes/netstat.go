package routes

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// parseNetstat reads "netstat -rn" of macOS and the BSDs, IPv4 and IPv6. Lines
// it cannot read are left out: it could not follow them.
//
// Routes bound to an interface (flag I, macOS) are left out, because they serve
// only sockets that ask for that interface, and so are rejecting ones (R, B).
// Source: netstat(1) of macOS 14 and FreeBSD 14.
func parseNetstat(out []byte) []Route {
	var list []Route
	flags, netif, v6 := -1, -1, false
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case strings.HasPrefix(line, "Internet"):
			v6 = strings.HasPrefix(line, "Internet6")
		case f[0] == "Destination":
			flags, netif = slices.Index(f, "Flags"), slices.Index(f, "Netif")
		case flags < 0 || netif < 0 || len(f) <= max(flags, netif) || strings.ContainsAny(f[flags], "IRB"):
		default:
			dst, ok := bsdPrefix(f[0], v6)
			if !ok {
				continue
			}
			r := Route{Dst: dst, Interface: f[netif], Table: "main"}
			if gw, err := netip.ParseAddr(f[1]); err == nil && strings.Contains(f[flags], "G") {
				// macOS writes the gateway of a point-to-point line as "fe80::%utun3".
				if gw = gw.WithZone(""); gw != netip.MustParseAddr("fe80::") {
					r.Gateway = gw
				}
			}
			list = append(list, r)
		}
	}
	return list
}

// bsdPrefix reads a destination the way netstat abbreviates it: "default",
// "127", "192.168.1", "10.242/16", "0/1", "fe80::%lo0/64", "192.168.1.1".
func bsdPrefix(s string, v6 bool) (netip.Prefix, bool) {
	if s == "default" {
		if v6 {
			return netip.PrefixFrom(netip.IPv6Unspecified(), 0), true
		}
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), true
	}
	addr, bits, hasBits := strings.Cut(s, "/")
	addr, _, _ = strings.Cut(addr, "%")
	octets := strings.Count(addr, ".") + 1
	if !strings.Contains(addr, ":") {
		for range 4 - octets {
			addr += ".0"
		}
	}
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return netip.Prefix{}, false
	}
	n := a.BitLen()
	if hasBits {
		if n, err = strconv.Atoi(bits); err != nil {
			return netip.Prefix{}, false
		}
	} else if a.Is4() {
		n = 8 * octets
	}
	p := netip.PrefixFrom(a, n)
	return p, p.IsValid()
}

// parseARP reads "arp -an" of macOS and the BSDs and "arp -a" of Windows,
// whose headings are in the user's language but whose rows are not.
func parseARP(out []byte) []Neighbour {
	var list []Neighbour
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		n := Neighbour{}
		mac := ""
		switch {
		case len(f) >= 6 && f[2] == "at" && f[4] == "on": // ? (192.168.1.1) at 0:1e:8f:a:2:3 on en0 …
			n.Addr, _ = netip.ParseAddr(strings.Trim(f[1], "()"))
			n.Interface, mac = f[5], f[3]
		case len(f) == 3: // 192.168.1.1  00-1e-8f-0a-02-03  dynamic
			n.Addr, _ = netip.ParseAddr(f[0])
			mac = f[1]
		}
		n.MAC, n.Unresolved = NormalMAC(mac), strings.Contains(mac, "incomplete")
		if n.Addr.IsValid() && (n.MAC != "" || n.Unresolved) {
			n.Addr = n.Addr.WithZone("")
			list = append(list, n)
		}
	}
	return list
}

// parseHardwarePorts reads "networksetup -listallhardwareports" of macOS and
// returns the devices that are Wi-Fi.
func parseHardwarePorts(out []byte) []string {
	var list []string
	port := ""
	for line := range strings.Lines(string(out)) {
		if p, ok := strings.CutPrefix(line, "Hardware Port: "); ok {
			port = strings.TrimSpace(p)
		}
		if d, ok := strings.CutPrefix(line, "Device: "); ok && (port == "Wi-Fi" || port == "AirPort") {
			list = append(list, strings.TrimSpace(d))
		}
	}
	return list
}

// NormalMAC writes a 48-bit hardware address in lower case with colons and two
// digits a byte, whatever separator and padding it came with; empty for
// anything else.
func NormalMAC(s string) string {
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == ':' || r == '-' })
	if len(parts) != 6 {
		return ""
	}
	for i, p := range parts {
		b, err := strconv.ParseUint(p, 16, 8)
		if err != nil || len(p) > 2 {
			return ""
		}
		parts[i] = string("0123456789abcdef"[b>>4]) + string("0123456789abcdef"[b&15])
	}
	return strings.Join(parts, ":")
}
