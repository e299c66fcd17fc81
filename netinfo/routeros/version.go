package routeros

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Header is what an export says of its router in the comments that it begins
// with.
type Header struct {
	Version    Version
	Model      string
	Serial     string
	SoftwareID string
	Exported   string // when, by the router's clock, as it stands there
	// Asked are the menus that were read one by one, of a router that cannot be told to
	// export; empty: it exported what the lines are in.
	Asked []string
}

// A Version of RouterOS. The zero value is one that is not known.
type Version struct {
	Text    string
	numbers []int
}

// parseVersion reads "7.17.2", "6.48.3 (stable)" and "7.19rc1", which counts as
// 7.19.
func parseVersion(s string) Version {
	v := Version{Text: strings.TrimSpace(s)}
	for part := range strings.SplitSeq(strings.TrimPrefix(v.Text, "v"), ".") {
		end := 0
		for end < len(part) && part[end] >= '0' && part[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(part[:end])
		if err != nil {
			break
		}
		v.numbers = append(v.numbers, n)
		if end < len(part) {
			break
		}
	}
	if len(v.numbers) == 0 {
		return Version{}
	}
	return v
}

// Known reports whether v is a version.
func (v Version) Known() bool { return len(v.numbers) > 0 }

// Below reports whether v is known and older than other.
func (v Version) Below(other string) bool {
	return v.Known() && slices.Compare(v.numbers, parseVersion(other).numbers) < 0
}

// maxHeaderLines is in how many lines at the beginning the header is looked for.
// RouterOS writes five; in a pasted session the command stands before them.
const maxHeaderLines = 20

// menusLine begins the line that lists the menus, of Config.Verbose.
const menusLine = "# menus = "

var exportedBy = regexp.MustCompile(`^# *(\S.{5,40}\S)? *(?:by )?RouterOS (\d\S*)`)

// headerOf reads the comments at the beginning of an export.
func headerOf(text string) (h Header) {
	n := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if n++; n > maxHeaderLines {
			break
		}
		if line == "" || line[0] != '#' {
			continue
		}
		if m := exportedBy.FindStringSubmatch(line); m != nil {
			h.Version, h.Exported = parseVersion(m[2]), strings.TrimSuffix(m[1], " by")
		}
		for name, into := range map[string]*string{"model": &h.Model, "serial number": &h.Serial, "software id": &h.SoftwareID} {
			if v, ok := strings.CutPrefix(strings.TrimSpace(line[1:]), name+" = "); ok {
				*into = v
			}
		}
		if v, ok := strings.CutPrefix(line, menusLine); ok {
			h.Asked = strings.Fields(v)
		}
	}
	return h
}
