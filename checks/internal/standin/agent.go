package standin

import (
	"bytes"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// agent appends a User-Agent or Server: the model and its version say much about a
// fault and little about a person. What is replaced: serial and hardware numbers, names
// that stand elsewhere in the capture, names of hosts, and in parentheses, where phones
// put what their owner calls them, every word that is no system or maker. A number
// with three dots is a version, unless it is known as an address or begins as those
// of home routers do.
func (m *Mask) agent(dst, v []byte) []byte {
	if out, ok := m.agents[string(v)]; ok {
		return append(dst, out...)
	}
	out := m.agentText(nil, v)
	if len(m.agents) >= maxAgents {
		clear(m.agents)
	}
	m.agents[string(v)] = string(out)
	return append(dst, out...)
}

// maxAgents are remembered, so that the same one becomes the same although more names
// are known by then.
const maxAgents = 1 << 14

func (m *Mask) agentText(dst, v []byte) []byte {
	deep := 0
	for i := 0; i < len(v); {
		switch c := v[i]; {
		case c == '(':
			deep++
		case c == ')':
			deep--
		case wordByte(c):
			n := i
			for n < len(v) && (wordByte(v[n]) || n+1 < len(v) && wordByte(v[n+1]) && strings.IndexByte(".:@", v[n]) >= 0) {
				n++
			}
			dst = m.agentWord(dst, v[i:n], deep > 0)
			i = n
			continue
		}
		dst = append(dst, v[i])
		i++
	}
	return dst
}

func (m *Mask) agentWord(dst, w []byte, inParentheses bool) []byte {
	if a, n := addressAt(w, 0); n > 0 && !(a.Is4() && n == len(w) && !homely(a) && !m.addresses.known(a)) {
		return m.identity(dst, w)
	}
	parts := bytes.FieldsFunc(w, func(r rune) bool { return strings.ContainsRune(".:@", r) })
	if len(parts) >= 6 || bytes.IndexByte(w, '@') >= 0 || len(parts) > 1 && !hasDigit(w) {
		return m.identity(dst, w) // a hardware address, a mailbox, a name of a host
	}
	for i := 0; i < len(w); {
		n := i
		for n < len(w) && wordByte(w[n]) {
			n++
		}
		if n == i {
			dst = append(dst, w[i])
			i++
			continue
		}
		part, lower := w[i:n], strings.ToLower(string(w[i:n]))
		i = n
		known := makers()[lower] || grammar()[lower]
		named := len(bytes.Trim(part, "0123456789")) > 1 // a letter may belong to a version
		if isSerial(part) || !known && (m.names[lower] || inParentheses && named) {
			dst = m.secret(dst, part)
			continue
		}
		dst = append(dst, part...)
	}
	return dst
}

// homely reports whether an address is private and can hardly be a version: some
// makers are at version 10.
func homely(a netip.Addr) bool { return a.IsPrivate() && a.As4()[0] != 10 }

func hasDigit(w []byte) bool { return bytes.ContainsAny(w, "0123456789") }

// isSerial reports whether a word numbers a device: seven digits or more, or a long
// mixture of digits and letters. A word that is no ASCII is no maker's either.
func isSerial(w []byte) bool {
	digits := 0
	for _, b := range w {
		if isDigit(b) {
			digits++
		}
		if b >= utf8.RuneSelf {
			return true
		}
	}
	return digits >= 7 || len(w) >= 10 && digits >= 3
}
