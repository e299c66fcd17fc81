// Package standin replaces what names somebody in SIP and in the packets around it:
// addresses, numbers, names, keys. The same original has the same stand-in
// everywhere, so that whatever was equal stays equal.
package standin

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// A cipher turns a word into another of the same length and shape: digits become
// digits, letters letters of the same case. It is a permutation of the words of one
// shape, so that different words stay different, and it leaves none as it is. It is
// a Feistel network over the characters (the idea of NIST SP 800-38G), between whose
// two runs one character is moved on.
type cipher struct {
	key   [32]byte
	cache map[string]string
	// avoid are names of the capture, lower-case: a word whose stand-in would be one
	// gets another, of which swapped and taken keep account.
	avoid   map[string]bool
	swapped map[string]string
	taken   map[string]bool
}

const (
	rounds = 8
	// maxCached words are remembered: branches and tags come in every message of a
	// dialog, and no longer.
	maxCached = 1 << 16
)

// symbol is one character of a word.
type symbol struct {
	value, radix int
	first        rune // of its alphabet; as bytes where size is 1
	size         int  // in UTF-8
}

// word returns the stand-in of a word, which has as many bytes.
func (c *cipher) word(s []byte) string {
	if w, ok := c.cache[string(s)]; ok {
		return w
	}
	if len(s) == 0 {
		return ""
	}
	out := c.permuted(s, 0)
	if c.avoid != nil {
		out = c.nobodys(s, out)
	}
	if c.cache == nil || len(c.cache) >= maxCached {
		c.cache = map[string]string{}
	}
	c.cache[string(s)] = out
	return out
}

// nobodys is a stand-in that is no name of the capture, nor that of another: out, or
// what another permutation makes of the word.
func (c *cipher) nobodys(s []byte, out string) string {
	key := strings.ToLower(string(s))
	if w := c.swapped[key]; w != "" && len(w) == len(s) {
		return likeCase(w, s)
	}
	const tries = 64
	first := out
	for i := 1; c.avoid[strings.ToLower(out)] || c.taken[strings.ToLower(out)]; i++ {
		if i > tries { // all words of this shape are names
			return first
		}
		out = c.permuted(s, i)
	}
	if lower := strings.ToLower(out); (out != first || c.avoid[key]) && len(c.swapped) < maxCached {
		c.swapped[key], c.taken[lower] = lower, true
	}
	return out
}

// likeCase writes a word with the capitals of another.
func likeCase(w string, s []byte) string {
	out := []byte(w)
	for i, b := range s {
		if b >= 'A' && b <= 'Z' && out[i] >= 'a' && out[i] <= 'z' {
			out[i] -= 'a' - 'A'
		}
	}
	return string(out)
}

// permuted is what one of many permutations makes of a word.
func (c *cipher) permuted(s []byte, which int) string {
	list := symbols(s)
	c.run(list, which, -1)
	h := c.hash(which<<24|rounds<<20, list[1:])
	list[0].value = (list[0].value + 1 + int(binary.BigEndian.Uint32(h[:])%uint32(list[0].radix-1))) % list[0].radix
	c.run(list, which, 1)
	out := make([]byte, 0, len(s))
	for _, y := range list {
		if y.size == 1 {
			out = append(out, byte(int(y.first)+y.value))
		} else {
			out = utf8.AppendRune(out, y.first+rune(y.value))
		}
	}
	return string(out)
}

// symbols are the characters of a word. Of those beyond ASCII every alphabet becomes
// one, and bytes that are no UTF-8 stay none.
func symbols(s []byte) (list []symbol) {
	letters := 26
	if isHex(s) {
		letters = 6
	}
	for i := 0; i < len(s); {
		b, y := s[i], symbol{size: 1}
		switch {
		case b >= '0' && b <= '9':
			y.first, y.radix = '0', 10
		case b >= 'a' && b <= 'z':
			y.first, y.radix = 'a', letters
		case b >= 'A' && b <= 'Z':
			y.first, y.radix = 'A', letters
		default:
			r, n := utf8.DecodeRune(s[i:])
			switch {
			case n == 1:
				y.first, y.radix = 0xe0, 16 // never the second byte of a rune
			case r >= 'А' && r <= 'Я':
				y.first, y.radix, y.size = 'А', 32, n
			case n == 2:
				y.first, y.radix, y.size = 'а', 32, n
			case n == 3:
				y.first, y.radix, y.size = 0x4e00, 1024, n
			default:
				y.first, y.radix, y.size = 0x1f300, 256, n
			}
			if b = 0; n > 1 {
				y.value = (int(r) - int(y.first)) % y.radix
				y.value = (y.value + y.radix) % y.radix
			} else {
				y.value = int(s[i]) % y.radix
			}
		}
		if b != 0 {
			y.value = int(b) - int(y.first)
		}
		list = append(list, y)
		i += y.size
	}
	return list
}

// isHex reports whether a word is a number in hexadecimal rather than a name.
func isHex(s []byte) bool {
	digits := 0
	for _, b := range s {
		switch {
		case b >= '0' && b <= '9':
			digits++
		case b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F':
		default:
			return false
		}
	}
	return digits > 0
}

// run goes through the rounds, forwards or backwards.
func (c *cipher) run(list []symbol, which, direction int) {
	half := len(list) / 2
	for i := range rounds {
		r := i
		if direction < 0 {
			r = rounds - 1 - i
		}
		from, to := list[:half], list[half:]
		if r%2 == 1 {
			from, to = to, from
		}
		h := c.hash(which<<24|r<<20, from)
		for k := range to {
			if k%8 == 0 && k > 0 {
				h = sha256.Sum256(h[:]) // as long as the half that it changes
			}
			to[k].value = mod(to[k].value+direction*int(binary.BigEndian.Uint32(h[k%8*4:])%uint32(to[k].radix)), to[k].radix)
		}
	}
}

func mod(a, n int) int { return (a%n + n) % n }

// hash is the secret function of a round. Case does not count, as in the names of
// hosts.
func (c *cipher) hash(round int, list []symbol) [32]byte {
	b := make([]byte, 0, 64+3*len(list))
	b = binary.BigEndian.AppendUint32(append(b, c.key[:]...), uint32(round))
	for _, y := range list {
		b = binary.BigEndian.AppendUint16(append(b, byte(y.radix)), uint16(y.value))
	}
	return sha256.Sum256(b)
}
