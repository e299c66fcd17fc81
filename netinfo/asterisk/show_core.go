package asterisk

import (
	"net/netip"
	"regexp"
	"strings"
)

var (
	noCommand    = regexp.MustCompile(`^No such command '([^']{1,80})'`)
	noObject     = regexp.MustCompile(`^Unable to find object (.{1,200})\.$`)
	runs         = regexp.MustCompile(`^Asterisk (\S+) built by `)
	uptime       = regexp.MustCompile(`^System uptime: (.{1,100})$`)
	modulesEnd   = regexp.MustCompile(`^(\d+) modules loaded$`)
	channelsEnd  = regexp.MustCompile(`^(\d+) active channels?$`)
	moduleRow    = regexp.MustCompile(`^(\S+\.so) (.*?)(\d+) +(Running|Not Running)?\s*(?:core|extended|deprecated|unknown)?$`)
	channelRow   = regexp.MustCompile(`^(\S+) .*?\b(Down|Rsrvd|OffHook|Dialing|Ring|Ringing|Up|Busy|Pre-ring|Mute)\s+(.*)$`)
	channelAge   = regexp.MustCompile(`^(\d{2,4}):(\d\d):(\d{0,2})$`)
	channelState = regexp.MustCompile(`^(?:Down|Rsrvd|OffHook|Dialing|Ring|Ringing|Up|Busy|Dialing Offhook|Pre-ring|Mute|Unknown.*)$`)
	bridgeID     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}`)
)

// saying reads what Asterisk says outside of listings, and what ends them.
func (r *showing) saying(line string) bool {
	line = strings.TrimSpace(line)
	if first := line[0]; (first < '0' || first > '9') && !strings.ContainsRune("ASNUO", rune(first)) {
		return false
	}
	if m := runs.FindStringSubmatch(line); m != nil {
		r.Version = m[1]
		addOnce(&r.Commands, ShowVersion)
		return true
	}
	if m := uptime.FindStringSubmatch(line); m != nil {
		r.UptimeS = lasting(m[1])
		addOnce(&r.Commands, ShowUptime)
		return true
	}
	if m := noCommand.FindStringSubmatch(line); m != nil {
		r.end()
		if len(r.Unknown) < maxUnknown {
			addOnce(&r.Unknown, m[1])
		}
		return true
	}
	if m := noObject.FindStringSubmatch(line); m != nil {
		r.missing(m[1], line)
		return true
	}
	if line == "No objects found." {
		r.nothing()
		return true
	}
	return r.counts(line)
}

// counts reads the last lines of listings.
func (r *showing) counts(line string) bool {
	for _, end := range []struct {
		pattern *regexp.Regexp
		mode    string
	}{{peerCount, ShowPeers}, {lineCount, ShowRegistry}, {modulesEnd, ShowModules}, {objects, r.mode}} {
		if m := end.pattern.FindStringSubmatch(line); m != nil {
			if end.mode == ShowModules && number(m[1]) == 0 && r.filtered {
				r.missing(r.asked[strings.LastIndexByte(r.asked, ' ')+1:], r.asked)
			}
			r.counted(number(m[1]), end.mode)
			return true
		}
	}
	if channelsEnd.MatchString(line) {
		if m := channelsEnd.FindStringSubmatch(line); r.mode == "" && m[1] == "0" {
			addOnce(&r.Commands, ShowChannels)
		}
		r.end()
		return true
	}
	return false
}

// missing keeps what was asked for and is not there.
func (r *showing) missing(name, line string) {
	m := ShownMissing{Row: rowOf(line, r.line), Name: name}
	if words := strings.Fields(r.asked); len(words) > 2 && (words[0] == "pjsip" || words[0] == "module") {
		m.Kind = words[2]
		if words[0] == "module" {
			m.Kind = "module"
		}
	}
	if room(r.Missing) {
		r.Missing = append(r.Missing, m)
	}
	r.end()
	r.asked = ""
}

// nothing notes a listing without a row, where it is known which.
func (r *showing) nothing() {
	asked := r.asked
	r.end()
	r.asked = ""
	for _, h := range headers() {
		if asked == h.mode {
			addOnce(&r.Commands, asked)
			addOnce(&r.Whole, asked)
		}
	}
}

// maxUnknown bounds the commands that a server does not have: fewer are asked for.
const maxUnknown = 100

var spans = regexp.MustCompile(`(\d{1,6}) (year|week|day|hour|minute|second)`)

// lasting reads "1 week, 2 days, 3 seconds", or seconds alone.
func lasting(text string) (seconds int) {
	if isNumber(text) {
		return number(text)
	}
	units := map[string]int{"year": 31536000, "week": 604800, "day": 86400, "hour": 3600, "minute": 60, "second": 1}
	for _, m := range spans.FindAllStringSubmatch(text, 20) {
		seconds += number(m[1]) * units[m[2]]
	}
	return seconds
}

func (r *showing) module(line string) bool {
	m := moduleRow.FindStringSubmatch(strings.Join(strings.Fields(line), " "))
	if m == nil {
		// Modules of the core have no file: "acl  Named ACL system  2  Running".
		f := strings.Fields(line)
		return len(f) > 3 && (contains(f, "Running") || isNumber(f[len(f)-1]))
	}
	if room(r.Modules) {
		r.Modules = append(r.Modules, ShownModule{Row: rowOf(line, r.line), Name: m[1], Running: m[4] != "Not Running"})
	}
	return true
}

// channel reads a row of "core show channels", verbose or not. Only the verbose
// one tells the age.
func (r *showing) channel(line string) {
	m := channelRow.FindStringSubmatch(strings.Join(strings.Fields(line), " "))
	if m == nil {
		return
	}
	c := ShownChannel{Name: m[1], State: m[2], AgeS: -1}
	c.App, _, _ = strings.Cut(strings.Fields(m[3] + " -")[0], "(")
	c.Cut = len(c.Name) >= channelColumn
	if r.mode == showChannelsVerbose {
		c.AgeS, c.Bridged = ageIn(m[3]), bridgeID.MatchString(m[3])
	}
	r.addChannel(c)
}

// channelColumn is the width of a name in "core show channels", verbose or not, and
// ageColumn that of the age (main/cli.c).
const (
	channelColumn = 20
	ageColumn     = 8
)

// ageIn is the age in a verbose row, "03:20:09", in seconds; -1: there is none. From 100
// hours on its column cuts the seconds. What stands before it, data and number of the
// caller, comes from strangers: the last counts.
func ageIn(row string) int {
	age := -1
	for word := range strings.FieldsSeq(row) {
		if m := channelAge.FindStringSubmatch(word); m != nil && len(word) == ageColumn {
			age = number(m[1])*3600 + number(m[2])*60 + number(m[3])
		}
	}
	return age
}

// concise reads a row of "core show channels concise", whose fields stand between
// exclamation marks: name, context, extension, priority, state, application, data
// (which may hold more of the marks), …, duration, bridge, unique ID.
func (r *showing) concise(line string) bool {
	if strings.Count(line, "!") < 12 {
		return false
	}
	f := strings.Split(strings.TrimSpace(line), "!")
	if n := len(f); n < 13 || !isNumber(f[3]) || !channelState.MatchString(f[4]) || !isNumber(f[n-3]) && f[n-3] != "-" {
		return false
	}
	n := len(f)
	c := ShownChannel{Name: f[0], State: f[4], App: f[5], AgeS: -1, Bridged: f[n-2] != "" && f[n-2] != "(None)"}
	if isNumber(f[n-3]) {
		c.AgeS = number(f[n-3])
	}
	r.addChannel(c)
	return true
}

// addChannel keeps a channel, without the numbers in its row.
func (r *showing) addChannel(c ShownChannel) {
	c.Row = rowOf(strings.Join([]string{c.Name, c.State, c.App}, " "), r.line)
	// The same calls may be listed in several forms, of which one with ages counts.
	form := strings.TrimPrefix(r.mode, ShowChannels)
	if form != r.form && len(r.Channels) > 0 {
		if c.AgeS < 0 {
			return
		}
		r.Channels = nil
	}
	r.form = form
	if room(r.Channels) {
		r.Channels = append(r.Channels, c)
	}
}

// label keeps a line "Label: value".
func (r *showing) label(line string) {
	name, value, ok := strings.Cut(line, ":")
	name = strings.TrimSpace(name)
	if _, seen := r.labels[name]; !ok || seen || len(r.labels) > 500 {
		return
	}
	r.labels[name] = strings.TrimSpace(value)
}

// settings takes what the open listing of settings told.
func (r *showing) settings() {
	switch r.mode {
	case ShowRTP:
		r.RTP = &ShownRTP{
			Row: r.firstRow, First: number(r.labels["Port start"]), Last: number(r.labels["Port end"]),
			Strict: strings.ToLower(r.labels["Strict RTP"]), ICE: strings.ToLower(r.labels["ICE support"]), STUN: stunIn(r.labels),
		}
	case ShowSIPSettings:
		for _, c := range []struct{ label, protocol string }{
			{"UDP Bindaddress", "udp"}, {"TCP SIP Bindaddress", "tcp"}, {"TLS SIP Bindaddress", "tls"},
		} {
			if ap, err := netip.ParseAddrPort(r.labels[c.label]); err == nil {
				row := rowOf(c.label+": "+r.labels[c.label], r.firstRow.Line)
				r.Transports = append(r.Transports, ShownTransport{Row: row, Driver: chanSIP, Protocol: c.protocol, Bind: ap})
			}
		}
	}
}

// stunIn is the STUN server of "rtp show settings": a name, or an address, which
// is 0.0.0.0 where there is none.
func stunIn(labels map[string]string) string {
	if name := labels["Hostname"]; name != "" {
		return name
	}
	for _, label := range []string{"STUN address", "Address"} {
		if ap, err := netip.ParseAddrPort(labels[label]); err == nil && !ap.Addr().IsUnspecified() {
			return ap.String()
		}
	}
	return ""
}
