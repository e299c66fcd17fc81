package standin

import (
	"bytes"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// keep says which words of a text stay. Every other one is replaced.
type keep struct {
	words  map[string]bool // lower-case
	digits int             // numbers of so many digits stay; 0: none do
	learn  bool            // the words are names
}

// wordByte reports whether a byte belongs to a word: a letter, a digit, or a part of
// what is no ASCII.
func wordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || isDigit(b) || b >= utf8.RuneSelf
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// literals are words with a dot in them.
var literals = []string{"sip/2.0", "q.850", "tls/1.2", "http/1.1"}

// text appends b with its addresses and words replaced, but for those that are kept.
// A word beside a dot or an at sign is part of a name of a host, and goes.
func (m *Mask) text(dst, b []byte, k keep) []byte {
	for i := 0; i < len(b); {
		switch {
		case !wordByte(b[i]) && b[i] != ':':
			dst = append(dst, b[i])
			i++
			continue
		case i == 0 || !wordByte(b[i-1]):
			if n := literal(b[i:]); n > 0 && k.words != nil {
				dst = append(dst, b[i:i+n]...)
				i += n
				continue
			}
			if a, n := addressAt(b, i); n > 0 {
				dst = m.Addr(a).AppendTo(dst)
				i += n
				n = portAfter(b[i:])
				dst = append(dst, b[i:i+n]...)
				i += n
				continue
			}
		}
		n := i
		for n < len(b) && wordByte(b[n]) {
			n++
		}
		if n == i {
			dst = append(dst, b[i])
			i++
			continue
		}
		dst = m.word(dst, b, i, n, k)
		i = n
	}
	return dst
}

// word appends the word between from and to, or its stand-in.
func (m *Mask) word(dst, b []byte, from, to int, k keep) []byte {
	w := b[from:to]
	lower := strings.ToLower(string(w))
	if k.digits > 0 && len(w) <= k.digits && len(bytes.TrimLeft(w, "0123456789")) == 0 {
		return append(dst, w...)
	}
	dotted := from > 0 && (b[from-1] == '.' || b[from-1] == '@') && from > 1 || to+1 < len(b) && (b[to] == '.' || b[to] == '@') && wordByte(b[to+1])
	if plainWords()[lower] || k.words[lower] && !dotted {
		return append(dst, w...)
	}
	if k.learn && len(w) >= 4 && len(m.names) < maxNames {
		m.names[lower] = true
	}
	// Behind other prefixes a telephone number is the same, which tells somebody who
	// tries prefixes, and a format that the far end does not take.
	if n := len(w) - numberEnd; n > 0 && len(bytes.TrimLeft(w, "0123456789")) == 0 {
		return append(append(dst, m.cipher.word(w[:n])...), m.cipher.word(w[n:])...)
	}
	return append(dst, m.cipher.word(w)...)
}

// numberEnd is how many digits at the end tell subscribers apart (ITU-T E.164: national
// numbers have mostly more).
const numberEnd = 8

func literal(b []byte) int {
	for _, l := range literals {
		if len(b) >= len(l) && strings.EqualFold(string(b[:len(l)]), l) && (len(b) == len(l) || !wordByte(b[len(l)]) && b[len(l)] != '.') {
			return len(l)
		}
	}
	return 0
}

// addressAt is the address that begins at i, with its length; 0 if there is none.
func addressAt(b []byte, i int) (a netip.Addr, n int) {
	if i > 1 && b[i-1] == '.' && wordByte(b[i-2]) {
		return a, 0 // the rest of a name
	}
	end := i
	for end < len(b) && end-i < 46 && (isDigit(b[end]) || b[end] >= 'a' && b[end] <= 'f' || b[end] >= 'A' && b[end] <= 'F' || b[end] == '.' || b[end] == ':') {
		end++
	}
	if end < len(b) && wordByte(b[end]) {
		// "1.2.3.4:abcdefgh" may still begin with an address
		colon := bytes.LastIndexByte(b[i:end], ':')
		if colon < 0 {
			return a, 0
		}
		end = i + colon
	}
	for _, cut := range []int{end, i + bytes.IndexByte(append(bytes.Clone(b[i:end]), ':'), ':')} {
		s := b[i:min(cut, end)]
		for len(s) > 0 && (s[len(s)-1] == '.' || s[len(s)-1] == ':' && !bytes.HasSuffix(s, []byte("::"))) {
			s = s[:len(s)-1]
		}
		if len(s) < len("::") || bytes.IndexByte(s, '.') < 0 && bytes.Count(s, []byte(":")) < 2 {
			continue
		}
		if a, err := netip.ParseAddr(string(s)); err == nil {
			return a, len(s)
		}
	}
	return netip.Addr{}, 0
}

// portAfter is the length of a port after an address: a colon and up to five digits.
func portAfter(b []byte) int {
	n := 1
	for n < len(b) && isDigit(b[n]) {
		n++
	}
	if len(b) == 0 || b[0] != ':' || n == 1 || n > 6 || n < len(b) && wordByte(b[n]) {
		return 0
	}
	return n
}

// identity replaces every word but those that name nobody.
func (m *Mask) identity(dst, b []byte) []byte { return m.text(dst, b, keep{learn: true}) }

// secret is identity for what is no name: tags, keys, identifiers.
func (m *Mask) secret(dst, b []byte) []byte { return m.text(dst, b, keep{}) }
