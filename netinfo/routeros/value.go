package routeros

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// kind is what a value of the script language is.
type kind byte

const (
	nothing kind = iota
	text
	number
	truth
	list
	// unknown is what depends on something that the file does not tell, such as
	// which interfaces the router has. Whatever is computed of it is unknown.
	unknown
)

// maxValue bounds a text, and maxList a list: scripts can double both in each
// round of a loop.
const (
	maxValue = 1 << 20
	maxList  = 100_000
)

// A value is one of the script language.
type value struct {
	kind kind
	text string
	n    int64 // a number, or 1 for true
	list []value
	key  string // in a list: of name=value
}

func textOf(s string) value {
	if len(s) > maxValue {
		return value{kind: unknown}
	}
	return value{kind: text, text: s}
}

func truthOf(b bool) value {
	if b {
		return value{kind: truth, n: 1}
	}
	return value{kind: truth}
}

func numberOf(n int64) value { return value{kind: number, n: n} }

// wordOf is a word of the source: a number if it looks like one.
func wordOf(s string) value {
	switch s {
	case "true", "yes":
		return value{kind: truth, n: 1, text: s}
	case "false", "no":
		return value{kind: truth, text: s}
	}
	if n, err := strconv.ParseInt(s, 0, 64); err == nil && (len(s) == 1 || s[0] != '0' || strings.HasPrefix(s, "0x")) {
		return value{kind: number, n: n, text: s}
	}
	return textOf(s)
}

// String is v as a command takes it, a list with commas as a property has it.
func (v value) String() string { return v.join(",") }

func (v value) join(sep string) string {
	switch v.kind {
	case text:
		return v.text
	case number:
		if v.text != "" {
			return v.text
		}
		return strconv.FormatInt(v.n, 10)
	case truth:
		if v.text != "" {
			return v.text
		}
		return strconv.FormatBool(v.n != 0)
	case list:
		var b strings.Builder
		for i, e := range v.list {
			if i > 0 {
				b.WriteString(sep)
			}
			if e.key != "" {
				b.WriteString(e.key + "=")
			}
			b.WriteString(e.join(sep))
			if b.Len() > maxValue {
				break
			}
		}
		return b.String()
	}
	return ""
}

// isTrue reports whether v is; known is false if that cannot be told.
func (v value) isTrue() (is, known bool) {
	switch v.kind {
	case truth, number:
		return v.n != 0, true
	case text:
		return v.text != "" && !isNo(v.text), true
	case list:
		return len(v.list) > 0, true
	}
	return false, v.kind != unknown
}

// compare orders two values; ok is false if they have no order.
func compare(a, b value) (n int, ok bool) {
	if a.kind == unknown || b.kind == unknown {
		return 0, false
	}
	x, y := a.String(), b.String()
	if p, q, both := bothAre(x, y, parseInt); both {
		return int(min(max(p-q, -1), 1)), true
	}
	if p, q, both := bothAre(x, y, func(s string) (netip.Addr, bool) { a, err := netip.ParseAddr(s); return a, err == nil }); both {
		return p.Compare(q), true
	}
	if p, q, both := bothAre(x, y, parseTime); both {
		return int(min(max(p-q, -1), 1)), true
	}
	if isYes(x) && isYes(y) || isNo(x) && isNo(y) {
		return 0, true
	}
	return strings.Compare(x, y), true
}

func isNo(s string) bool { return s == "no" || s == "false" }

func parseInt(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && len(s) < 18
}

func bothAre[T any](x, y string, parse func(string) (T, bool)) (a, b T, ok bool) {
	a, ok = parse(x)
	if !ok {
		return a, b, false
	}
	b, ok = parse(y)
	return a, b, ok
}

// maxPattern bounds a regular expression.
const maxPattern = 1000

// matches is text ~ pattern. RouterOS has POSIX's expressions, of which Go's are
// near enough; what does not compile is unknown.
func matches(s, pattern string) value {
	if len(pattern) > maxPattern {
		return value{kind: unknown}
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return value{kind: unknown}
	}
	return truthOf(re.MatchString(s))
}

// within is address in prefix.
func within(s, prefix string) value {
	p, err := netip.ParsePrefix(prefix)
	if err != nil {
		a, err := netip.ParseAddr(prefix)
		if err != nil {
			return value{kind: unknown}
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	s, _, _ = strings.Cut(s, "/")
	a, err := netip.ParseAddr(s)
	return truthOf(err == nil && p.Contains(a))
}
