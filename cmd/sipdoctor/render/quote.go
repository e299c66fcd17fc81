package render

import (
	"fmt"
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

func escape(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// plainASCII writes s with ASCII alone, for terminals that know nothing else.
// Typography has its usual stand-ins; any other character is escaped.
func plainASCII(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch r {
		case '–', '—', '─', '‑':
			b.WriteByte('-')
		case '→':
			b.WriteString("->")
		case '…':
			b.WriteString("...")
		case '’', '‘':
			b.WriteByte('\'')
		case '“', '”', '„', '«', '»':
			b.WriteByte('"')
		case '×':
			b.WriteByte('x')
		case 'µ':
			b.WriteByte('u')
		case '·', '•':
			b.WriteByte('*')
		case '✓', '✗':
			b.WriteByte('x')
		default:
			if r < 0x80 {
				b.WriteRune(r)
			} else {
				b.WriteString(escape(r))
			}
		}
	}
	return b.String()
}
