package fail2ban

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// What fail2ban-client prints, of the versions 0.8 to 1.1.

// valueOf makes of what the client printed the value that the server gave it.
func valueOf(command []string, text string) any {
	switch last := command[len(command)-1]; {
	case command[0] == "status":
		return statusRows(text)
	case command[0] == "banned":
		return literal(text)
	case last == "ignoreip" || last == "dbfile":
		return values(parseItems(text))
	case last == "actions" || slices.Contains(command, "actionproperties"):
		_, list, _ := strings.Cut(strings.TrimSpace(text), "\n") // after a title
		return values(jailNames(list, -1, nil))
	case slices.Contains(command, "banip"):
		return values(strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == '\r' }))
	}
	return strings.TrimSpace(text)
}

func values(list []string) (out []any) {
	for _, s := range list {
		out = append(out, s)
	}
	return out
}

// statusRows reads a status. Labels are looked for wherever they stand in a
// line: what is before them (bars, spaces, tabs) and between them and their
// value differs by version.
func statusRows(text string) (rows []any) {
	for line := range strings.Lines(text) {
		label, value, ok := strings.Cut(strings.TrimLeft(line, "|`- \t"), ":")
		label, value = strings.TrimSpace(label), strings.TrimSpace(value)
		switch {
		case !ok:
		case label == "File list":
			rows = append(rows, []any{label, values(strings.Fields(value))})
		case label == "Banned IP list" || label == "IP list":
			rows = append(rows, []any{label, values(names(value))})
		default:
			rows = append(rows, []any{label, value})
		}
	}
	return rows
}

var pythonToken = regexp.MustCompile(`u?'[^'\\]*'|u?"[^"\\]*"|\(|\)|None`)

// literal reads a Python literal of lists, dicts and plain strings as what JSON
// would be; nil: it is none. Python 2 marks its strings: u'192.0.2.1'.
func literal(text string) (v any) {
	text = pythonToken.ReplaceAllStringFunc(text, func(token string) string {
		switch token {
		case "(":
			return "["
		case ")":
			return "]"
		case "None":
			return "null"
		}
		token = strings.TrimPrefix(token, "u")
		return strconv.Quote(token[1 : len(token)-1])
	})
	if json.Unmarshal([]byte(text), &v) != nil {
		return nil
	}
	return v
}

// names splits a list that is separated by commas or spaces.
func names(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// jailNames splits the server's list of jails. It is joined by ", ", and a
// name may hold blanks and commas: any section of jail.local that is enabled
// is a jail. count is how many there are, -1 when that is not known.
func jailNames(list string, count int, known []string) []string {
	parts := strings.Split(list, ", ")
	switch {
	case strings.TrimSpace(list) == "":
		return nil
	case len(parts) == count, count == -1 && len(parts) > 1:
		return parts
	case len(parts) > count && count > 0:
		return joinNames(parts, count, known)
	case slices.Contains(known, list):
		return []string{list}
	}
	return names(list) // layouts of other versions
}

// joinNames puts names that hold ", " together again until count are left, the
// longest that the configuration has first.
func joinNames(parts []string, count int, known []string) (out []string) {
	for len(parts) > 0 {
		n := 1
		for k := len(parts); k > 1 && len(parts)+len(out) > count; k-- {
			if slices.Contains(known, strings.Join(parts[:k], ", ")) {
				n = k
				break
			}
		}
		out, parts = append(out, strings.Join(parts[:n], ", ")), parts[n:]
	}
	return out
}

// jailStatus is what "status JAIL" says.
type jailStatus struct {
	failed, totalFailed, banned, totalBanned int
	files                                    []string
	journal                                  string
	list                                     []string // banned addresses
}

// parseItems reads the answers that list lines after bars: ignoreip, logpath,
// failregex. The line before the items is a title.
func parseItems(text string) []string {
	var items []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		for _, bar := range []string{"|- ", "`- "} {
			if item, ok := strings.CutPrefix(line, bar); ok {
				items = append(items, strings.TrimSpace(item))
			}
		}
	}
	return items
}

// parseTimed reads one line of "get JAIL banip --with-time": "192.0.2.1
// \t2026-11-22 12:00:00 + 600 = 2026-11-22 12:10:00", in the machine's time zone.
// A permanent ban lasts -1; its until is zero.
func parseTimed(line string, zone *time.Location) (id string, since, until time.Time, err error) {
	words := strings.Fields(line) // address, date, time, +, seconds, =, date, time
	if len(words) < 7 || words[3] != "+" || words[5] != "=" {
		return "", since, until, problem(because("odd-answer", "text", fmt.Sprintf("%.80q", line)))
	}
	since, err = time.ParseInLocation(time.DateTime, words[1]+" "+words[2], zone)
	if since = platform.PlausibleTime(since); err != nil || since.IsZero() {
		return "", since, until, fmt.Errorf("reading a ban's time: %.80q", line)
	}
	seconds, err := strconv.ParseInt(words[4], 10, 64)
	if err != nil {
		return "", since, until, fmt.Errorf("reading a ban's length: %w", err)
	}
	// The end that is printed is the sum in local time; counting from the
	// beginning is right on the day the clocks change as well.
	if seconds >= 0 {
		until = since.Add(platform.Seconds(seconds))
	}
	return words[0], since, until, nil
}
