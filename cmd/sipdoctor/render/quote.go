package render

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Quote makes s safe to print: everything that a terminal might obey rather
// than show (control characters, ESC, line separators, text direction marks,
// bytes that are no UTF-8) becomes an escape as in Go source. Printable text,
// the backslash included, stays as it is, so that commands can be copied.
func Quote(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(escape(r))
		}
		i += size
	}
	return b.String()
}

func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// escape is r as in Go source.
func escape(r rune) string {
	q := strconv.QuoteRuneToASCII(r)
	return q[1 : len(q)-1]
}

// typography has its usual stand-ins in ASCII.
var typography = strings.NewReplacer("–", "-", "—", "-", "─", "-", "‑", "-", "→", "->", "←", "<-", "↔", "<->", "…", "...", "’", "'", "‘", "'",
	"“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`, "×", "x", "µ", "u", "·", "*", "•", "*", "✓", "x", "✗", "X")

// plainASCII writes s with ASCII alone, for terminals that know nothing else. What
// has no stand-in is escaped.
func plainASCII(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	for _, r := range typography.Replace(s) {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			b.WriteString(escape(r))
		}
	}
	return b.String()
}
