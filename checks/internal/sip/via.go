package sip

import (
	"net/netip"
	"strings"
)

// Via is the topmost value of a Via header field (RFC 3261, 20.42).
type Via struct {
	Transport string // UDP, TCP, TLS, as it came
	SentBy    string // host[:port] as it came
	Branch    string
	Received  string // RFC 3261, 18.2.1; "" when absent
	RPort     string // RFC 3581; "" when absent or without a value
	HasRPort  bool
}

// ParseVia reads the first value of a Via header field; ok is false when it
// has no protocol or sent-by. White space around separators, which the
// grammar allows, is accepted.
func ParseVia(value []byte) (v Via, ok bool) {
	parts := strings.Split(FirstValue(string(value)), ";")
	fields := strings.Fields(parts[0])
	if len(fields) < 2 {
		return Via{}, false
	}
	sentBy := fields[len(fields)-1]
	proto := strings.Join(fields[:len(fields)-1], "")
	seg := strings.Split(proto, "/")
	if len(seg) != 3 || !strings.EqualFold(seg[0], "SIP") {
		return Via{}, false
	}
	v = Via{Transport: seg[2], SentBy: sentBy}
	for _, p := range parts[1:] {
		name, val, _ := strings.Cut(p, "=")
		val = strings.Trim(strings.TrimSpace(val), `"`)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "branch":
			v.Branch = val
		case "received":
			v.Received = val
		case "rport":
			v.RPort, v.HasRPort = val, true
		}
	}
	return v, true
}

// FirstValue returns what stands before the first comma outside quotes and
// angle brackets: the first of several header values in one field.
func FirstValue(s string) string {
	quoted, depth := false, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			depth++
		case c == '>' && depth > 0:
			depth--
		case c == ',' && depth == 0:
			return s[:i]
		}
	}
	return s
}

// Address splits a From, To or Contact value into its URI and the parameters
// after it, each with its semicolon.
func Address(value string) (uri, params string) {
	if open := strings.LastIndexByte(value, '<'); open >= 0 {
		uri, params, _ = strings.Cut(value[open+1:], ">")
		return uri, params
	}
	uri, params, _ = strings.Cut(value, ";")
	return uri, ";" + params
}

// Param is the value of a parameter; "" when absent or without a value.
func Param(params, name string) (value string) {
	for p := range strings.SplitSeq(params, ";") {
		if n, v, ok := strings.Cut(p, "="); ok && strings.EqualFold(strings.TrimSpace(n), name) {
			value = strings.TrimSpace(v)
		}
	}
	return value
}

// HostPort reads "host", "host:port", "[v6]" or "[v6]:port" with a literal
// address. Without a port it returns defaultPort.
func HostPort(s string, defaultPort uint16) (netip.AddrPort, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), true
	}
	host := strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(a.Unmap(), defaultPort), true
}
