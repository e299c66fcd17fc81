package routeros

import (
	"strconv"
	"strings"
	"time"
)

// A Row is an item with the menu it stands in, which knows its defaults.
type Row struct {
	*Item
	menu *Menu
}

// Origin is where a value comes from.
type Origin byte

const (
	Unknown Origin = iota // neither a line nor a documented default says it
	Set                   // a line of the file, or a command
	Default               // what RouterOS of this version does unless told otherwise
)

// A Value is a property with where it comes from. Evidence quotes only what a line
// said.
type Value struct {
	Text   string
	Origin Origin
	Line   int    // if Set by a file
	Source string // if Default: where it is documented
}

// Get is the property name. Whether a default is what the router does depends on the
// file: see Config.Covers. A property that a rule does not have, and that has no
// default, is Unknown and empty: it matches everything.
func (r Row) Get(name string) Value {
	for i := range r.Props {
		if p := &r.Props[i]; p.Name == name {
			return Value{Text: p.Value, Origin: Set, Line: p.Line}
		}
	}
	for _, p := range r.base {
		if p.Name == name {
			return Value{Text: p.Value, Origin: Default, Source: r.menu.source()}
		}
	}
	return r.menu.defaultOf(name)
}

// Match is the property name of a rule, with whether it is negated; ok is false if
// the rule does not ask for it.
func (r Row) Match(name string) (value string, not, ok bool) {
	v := r.Get(name)
	if v.Origin == Unknown || v.Text == "" {
		return "", false, false
	}
	value, not = strings.CutPrefix(v.Text, "!")
	return value, not, true
}

// Yes reports whether the property is known to be switched on.
func (r Row) Yes(name string) bool { return isYes(r.Get(name).Text) }

// Off reports whether the item is disabled.
func (r Row) Off() bool { return r.Yes("disabled") }

// Duration is the property as a time; ok is false if it is none.
func (v Value) Duration() (d time.Duration, ok bool) { return parseTime(v.Text) }

// ParseTime reads a time as RouterOS writes it, such as 1m40s; ok is false if it is none.
func ParseTime(s string) (d time.Duration, ok bool) { return parseTime(s) }

func isYes(s string) bool { return s == "yes" || s == "true" }

// parseTime reads a time as RouterOS writes it: 1d2h3m4s, 00:05:00, 1w2d00:00:10,
// or a number of seconds.
func parseTime(s string) (d time.Duration, ok bool) {
	if s == "" || len(s) > 40 {
		return 0, false
	}
	rest := s
	for rest != "" {
		end := 0
		for end < len(rest) && (rest[end] >= '0' && rest[end] <= '9' || rest[end] == '.') {
			end++
		}
		n, err := strconv.ParseFloat(rest[:end], 64)
		if err != nil || n > 1e9 {
			return 0, false
		}
		if end < len(rest) && rest[end] == ':' {
			clock, ok := parseClock(rest)
			return d + clock, ok
		}
		unit := time.Second
		rest = rest[end:]
		if rest != "" {
			name := strings.TrimRight(rest[:min(2, len(rest))], "0123456789.")
			if unit, ok = timeUnit(name); !ok {
				return 0, false
			}
			rest = rest[len(name):]
		}
		d += time.Duration(n * float64(unit))
	}
	return d, true
}

func timeUnit(name string) (time.Duration, bool) {
	switch name {
	case "w":
		return 7 * 24 * time.Hour, true
	case "d":
		return 24 * time.Hour, true
	case "h":
		return time.Hour, true
	case "m":
		return time.Minute, true
	case "s":
		return time.Second, true
	case "ms":
		return time.Millisecond, true
	case "us":
		return time.Microsecond, true
	}
	return 0, false
}

// parseClock reads 00:05:00 and 05:00.
func parseClock(s string) (d time.Duration, ok bool) {
	parts := strings.Split(s, ":")
	if len(parts) > 3 {
		return 0, false
	}
	for i, p := range parts {
		n, err := strconv.ParseFloat(p, 64)
		if err != nil || n < 0 || n > 1e6 {
			return 0, false
		}
		unit := time.Hour
		for range i {
			unit /= 60
		}
		d += time.Duration(n * float64(unit))
	}
	return d, true
}

// formatTime is d as an export has it.
func formatTime(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	var b strings.Builder
	for _, u := range []string{"w", "d", "h", "m", "s", "ms", "us"} {
		unit, _ := timeUnit(u)
		if n := d / unit; n > 0 {
			b.WriteString(strconv.FormatInt(int64(n), 10) + u)
			d -= n * unit
		}
	}
	return b.String()
}

// Text is the row as the command that makes it, without what is the default.
func (r Row) Text() string {
	line, _ := exportLine(r.menu, &Item{Props: r.Props, base: r.base, Flags: Flags{Builtin: r.Builtin}, settings: r.settings, key: r.key, Line: max(r.Line, 1)})
	return line
}
