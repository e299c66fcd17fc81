package netinfo

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// HostPort is a server as people name it: HOST or HOST:PORT.
type HostPort struct {
	Host string // a name or an address; without brackets and without the trailing dot
	Port int    // 0: none was named
}

var errBadHost = errors.New("not a host name or address; write one such as pbx.example.net, 192.0.2.10:5060 or [2001:db8::1]:5060")

// ParseHostPort reads a name, an IPv4 address or an IPv6 address, with or
// without a port. IPv6 may stand in brackets, and must where a port follows:
// pbx.example.net, 192.0.2.10:5060, 2001:db8::1, [2001:db8::1]:5060. The error
// does not repeat s.
func ParseHostPort(s string) (HostPort, error) {
	if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); err == nil {
		if bracketed := strings.HasPrefix(s, "["); bracketed != strings.HasSuffix(s, "]") || bracketed && a.Is4() {
			return HostPort{}, errBadHost
		}
		return HostPort{Host: a.String()}, nil
	}
	if strings.Contains(s, "/") {
		return HostPort{}, errBadHost
	}
	host, port := s, 0
	if h, text, err := net.SplitHostPort(s); err == nil {
		n, err := strconv.ParseUint(text, 10, 16)
		switch _, noName := netip.ParseAddr(h); {
		case h == "sip" || h == "sips":
			return HostPort{}, fmt.Errorf("write the server without %q", h+":")
		case err != nil || n == 0:
			return HostPort{}, fmt.Errorf("port %q is not a port number (1-65535)", text)
		case strings.HasPrefix(s, "[") && noName != nil:
			return HostPort{}, errBadHost
		}
		host, port = h, int(n)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return HostPort{a.String(), port}, nil
	}
	if !IsHostName(host) {
		return HostPort{}, errBadHost
	}
	return HostPort{strings.TrimSuffix(host, "."), port}, nil
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$`)

// IsHostName reports whether DNS could have the name (RFC 1035, section 2.3.4).
// A mistyped IPv4 address is not a name: no top-level domain is all digits.
func IsHostName(s string) bool {
	labels := strings.Split(strings.TrimSuffix(s, "."), ".")
	tooLong := len(s) > 253 || slices.ContainsFunc(labels, func(l string) bool { return len(l) > 63 })
	digits := len(labels) > 1 && strings.Trim(labels[len(labels)-1], "0123456789") == ""
	return hostName.MatchString(s) && !tooLong && !digits
}

// PortOr is the port that was named, or the given one.
func (h HostPort) PortOr(usual int) int {
	if h.Port != 0 {
		return h.Port
	}
	return usual
}

// Addr is the address where the host is named by one; false for a name.
func (h HostPort) Addr() (netip.Addr, bool) {
	a, err := netip.ParseAddr(h.Host)
	return a.Unmap(), err == nil
}
