package sip

import (
	"bytes"
	"net/netip"
	"strconv"
)

// SDPLines splits a session description into its lines, line ends removed.
func SDPLines(body []byte) [][]byte {
	var out [][]byte
	for len(body) > 0 {
		line, rest, _ := bytes.Cut(body, []byte("\n"))
		out = append(out, bytes.TrimSuffix(line, []byte("\r")))
		body = rest
	}
	return out
}

// Media says where a session description wants its first audio stream: the
// address of the media's own c= line or else of the session's, and the port of
// the m= line. ok is false when one of them is missing or no literal.
func Media(body []byte) (netip.AddrPort, bool) {
	var addr netip.Addr
	port := 0
	for _, line := range SDPLines(body) {
		switch {
		case bytes.HasPrefix(line, []byte("m=")):
			if port != 0 {
				return netip.AddrPortFrom(addr, uint16(port)), addr.IsValid()
			}
			f := bytes.Fields(line[2:])
			if len(f) < 2 || string(f[0]) != "audio" {
				continue
			}
			if n, err := strconv.ParseUint(string(f[1]), 10, 16); err == nil {
				port = int(n)
			}
		case bytes.HasPrefix(line, []byte("c=")):
			f := bytes.Fields(line[2:])
			if len(f) == 3 {
				if a, err := netip.ParseAddr(string(f[2])); err == nil {
					addr = a.Unmap()
				}
			}
		}
	}
	return netip.AddrPortFrom(addr, uint16(port)), addr.IsValid() && port != 0
}
