package command

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Quote writes words so that a POSIX shell reads them back unchanged.
func Quote(words ...string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = quote(w)
	}
	return strings.Join(out, " ")
}

func quote(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,@%+="
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// IsPlain reports whether a value means itself in every shell and console that
// the remedy catalogue has lines for (POSIX sh, PowerShell, RouterOS, nft, the
// consoles of routers): an address, a port, a range, a name. Blanks, quotes,
// wildcards, variables, separators and a leading dash are not plain.
func IsPlain(s string) bool {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:.%/-"
	return s != "" && s[0] != '-' && strings.Trim(s, plain) == ""
}

// printable refuses what a terminal would obey or hide: control bytes, line
// breaks, broken UTF-8, marks that turn the direction of writing.
func printable(s string) error {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("%s holds characters that cannot be typed safely", quoted(s))
	}
	return nil
}

// quoted names a value in an error: short, in ASCII.
func quoted(s string) string {
	const most = 64
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
