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

// Contradictions is where a rewritten message disagrees with itself: the places
// that still name the old address although others were changed, and whether its
// Content-Length is wrong. A message that was not changed has none.
type Contradictions struct {
	Old         []string // header names and beginnings of SDP lines, as they stand in the message
	WrongLength bool
	Length      int // what Content-Length says
	Body        int // bytes that the body has
}

// FindContradictions compares what arrived with what was sent from old.
func FindContradictions(sent, arrived []byte, old netip.Addr) (c Contradictions) {
	m, err := Parse(arrived)
	if err != nil || bytes.Equal(sent, arrived) {
		return c
	}
	if n, ok := m.ContentLength(); ok && n != len(m.Body) {
		c.WrongLength, c.Length, c.Body = true, n, len(m.Body)
	}
	text := []byte(old.String())
	if countAddr(arrived, text) >= countAddr(sent, text) {
		return c // no address was replaced, so none was forgotten
	}
	for i := range m.Headers {
		if bytes.HasPrefix(bytes.ToUpper(m.Headers[i].Name), []byte("X-")) {
			continue // nobody acts on a private extension field
		}
		if countAddr(m.Headers[i].Raw, text) > 0 {
			c.Old = append(c.Old, string(m.Headers[i].Name))
		}
	}
	for _, l := range SDPLines(m.Body) {
		if countAddr(l, text) > 0 {
			name, _, _ := bytes.Cut(l, []byte(":"))
			c.Old = append(c.Old, clip(name[:min(len(name), 12)]))
		}
	}
	return c
}

// HasAddr reports whether an address stands in the text as a whole word.
func HasAddr(text []byte, a netip.Addr) bool { return countAddr(text, []byte(a.String())) > 0 }

// countAddr counts an address as a whole word: 10.0.0.1 is not in 10.0.0.12.
func countAddr(b, addr []byte) int {
	n := 0
	for i := 0; ; {
		j := bytes.Index(b[i:], addr)
		if j < 0 {
			return n
		}
		start, end := i+j, i+j+len(addr)
		if !addrByte(b, start-1) && !addrByte(b, end) {
			n++
		}
		i = end
	}
}

func addrByte(b []byte, i int) bool {
	if i < 0 || i >= len(b) {
		return false
	}
	c := b[i]
	return c >= '0' && c <= '9' || c == '.' && i+1 < len(b) && b[i+1] >= '0' && b[i+1] <= '9'
}
