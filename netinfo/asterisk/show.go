package asterisk

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The commands whose output is read, as Shown names them.
const (
	ShowVersion       = "core show version"
	ShowUptime        = "core show uptime"
	ShowPeers         = "sip show peers"
	ShowRegistry      = "sip show registry"
	ShowSIPSettings   = "sip show settings"
	ShowEndpoints     = "pjsip show endpoints"
	ShowAORs          = "pjsip show aors"
	ShowContacts      = "pjsip show contacts"
	ShowRegistrations = "pjsip show registrations"
	ShowTransports    = "pjsip show transports"
	ShowIdentifies    = "pjsip show identifies"
	ShowRTP           = "rtp show settings"
	ShowChannels      = "core show channels"
	ShowModules       = "module show"

	showChannelsVerbose = "core show channels verbose"
	showChannelsConcise = "core show channels concise"
)

// Show reads the outputs of Asterisk's command line in a text, whatever stands
// around them: prompts, colours, the quoting of a mail, words of whoever pasted
// them. Rows whose columns were squeezed together, cut or broken over two lines
// are read as far as they can be. Says of the result is false where nothing was
// recognised.
func Show(text string) *Shown {
	s := &Shown{Commands: []string{}}
	s.read("", text)
	return s
}

// answered adds what a command printed, which is complete.
func (s *Shown) answered(command, out string) {
	s.read(command, out)
	if s.Has(command) {
		addOnce(&s.Whole, command)
	}
}

// remember notes what the listings read before hold already.
func (r *showing) remember() {
	for i := range r.AORs {
		r.seen["aor "+r.AORs[i].Name] = i
	}
	for i := range r.Contacts {
		r.seen[r.Contacts[i].key()] = i
	}
	for i := range r.Identifies {
		r.seen[r.Identifies[i].key()] = i
	}
	for i := range r.Endpoints {
		r.seen["endpoint "+r.Endpoints[i].Name] = i
	}
}

// AddPrinted adds what a running server answered to each command.
func (s *Shown) AddPrinted(printed map[string]string) {
	for _, command := range Listings() {
		if out := printed[command]; out != "" {
			s.answered(command, out)
		}
	}
}

// A showing reads lines one after the other. mode is the listing that they are
// rows of.
type showing struct {
	*Shown
	mode     string
	filtered bool // only a part was asked for ("like")
	asked    string
	line     int
	rows     int    // of this listing
	form     string // of the listing that the channels are from
	before   string // a row that may go on in the next line

	endpoint *ShownEndpoint
	aor      *ShownAOR
	identify *ShownIdentify
	labels   map[string]string // of ShowRTP and ShowSIPSettings
	firstRow Row
	seen     map[string]int // what is kept already, by kind and name: where
}

func (s *Shown) read(command, text string) {
	r := &showing{Shown: s, asked: command, labels: map[string]string{}, seen: map[string]int{}}
	r.remember()
	for line := range strings.Lines(text) {
		r.line++
		r.take(plain(line))
	}
	r.end()
}

var (
	quoting = regexp.MustCompile(`^(?:\s?[>|])+ ?`)
	prompt  = regexp.MustCompile(`^[^\s*]*\*CLI>\s*(.*)$`)
	remote  = regexp.MustCompile(`\basterisk\s+(?:-\S+\s+)*-\w*x\s*["'«“”„‘’]?\s*([a-z][^"'»”“’]*)["'»”“’]?\s*$`)
)

// plain is a line without colours, quoting and unusual white space.
func plain(line string) string {
	if strings.Contains(line, "\x1b[") {
		line = withoutColours(line)
	}
	if strings.ContainsAny(line, "\u00a0\t\x00") {
		line = strings.NewReplacer("\u00a0", " ", "\t", " ", "\x00", "").Replace(line)
	}
	if first := strings.TrimLeft(line, " "); first != "" && (first[0] == '>' || first[0] == '|') {
		line = quoting.ReplaceAllString(line, "")
	}
	return strings.TrimRight(line, " \r\n")
}

// take reads one line.
func (r *showing) take(line string) {
	if strings.TrimSpace(line) == "" {
		return
	}
	if command := typed(line); command != "" {
		r.end()
		r.asked = command
		return
	}
	if mode := r.header(line); mode != "" {
		r.begin(mode)
		if settings := mode == ShowSIPSettings || mode == ShowRTP; settings {
			r.firstRow = rowOf(line, r.line)
			r.label(line)
		}
		return
	}
	if r.saying(line) {
		return
	}
	r.row(line)
}

// typed is the command that a line shows being typed.
func typed(line string) string {
	if !strings.Contains(line, "CLI>") && !strings.Contains(line, "asterisk") {
		return ""
	}
	for _, pattern := range []*regexp.Regexp{prompt, remote} {
		if m := pattern.FindStringSubmatch(line); m != nil {
			return strings.Join(strings.Fields(m[1]), " ")
		}
	}
	return ""
}

// headers are what listings begin with, with one space between words.
func headers() []struct{ begins, mode string } {
	return []struct{ begins, mode string }{
		{"Name/username Host", ShowPeers},
		{"Host dnsmgr Username", ShowRegistry},
		{"Host Username Refresh State", ShowRegistry}, // 1.4
		{"UDP Bindaddress:", ShowSIPSettings},
		{"UDP SIP Port:", ShowSIPSettings}, // 1.4 and 1.6
		{"Endpoint: <Endpoint", ShowEndpoints},
		{"Aor: <Aor", ShowAORs},
		{"Contact: <Aor/ContactUri", ShowContacts},
		{"<Registration/ServerURI", ShowRegistrations},
		{"Transport: <TransportId", ShowTransports},
		{"Identify: <Identify", ShowIdentifies},
		{"Channel: <ChannelId", "pjsip show channels"},
		{"Port start:", ShowRTP},
		{"Channel Location State Application", ShowChannels},
		{"Channel Context Extension Prio", showChannelsVerbose},
		{"Module Description Use Count", ShowModules},
	}
}

// maybeHeader reports whether a line may be a heading: most are rows.
func maybeHeader(line string) bool {
	first, _, _ := strings.Cut(strings.TrimLeft(line, " "), " ")
	switch first {
	case "Name/username", "Host", "UDP", "Port", "Channel", "Module":
		return true
	}
	return strings.Contains(line, "<")
}

// header is the listing that a line is the heading of. The headings of the rows
// under others (an endpoint's AORs) come after those of the others.
func (r *showing) header(line string) string {
	if !maybeHeader(line) {
		return ""
	}
	words := strings.Join(strings.Fields(line), " ")
	for _, h := range headers() {
		if !strings.HasPrefix(words, h.begins) {
			continue
		}
		inside := strings.Contains(words, "<") && r.rows == 0 && strings.HasPrefix(r.mode, "pjsip show ")
		switch {
		case inside && h.mode != r.mode && h.begins != "Endpoint: <Endpoint":
			return r.mode
		case h.mode == ShowSIPSettings && r.mode == h.mode, h.mode == ShowRTP && r.mode == h.mode:
			return ""
		}
		return h.mode
	}
	return ""
}

// single are the commands that show one object of a listing.
func single(mode, asked string) bool {
	one := strings.TrimSuffix(mode, "s")
	if mode == ShowIdentifies {
		one = "pjsip show identify"
	}
	return strings.HasPrefix(asked, one+" ")
}

func (r *showing) begin(mode string) {
	if mode == r.mode && r.rows == 0 {
		return // the heading of what stands under it
	}
	r.end()
	r.mode, r.rows = mode, 0
	r.filtered = strings.Contains(r.asked, " like ")
	r.labels = map[string]string{}
	if single(mode, r.asked) {
		r.filtered = true
		mode = strings.TrimSuffix(mode, "s")
	}
	if !r.filtered {
		r.renew(mode)
	}
	addOnce(&r.Commands, mode)
}

// renew forgets an earlier listing of the same: the later one is newer.
func (r *showing) renew(mode string) {
	own := func(driver string) func(ShownRegistration) bool {
		return func(g ShownRegistration) bool { return g.Driver == driver }
	}
	switch mode {
	case ShowPeers:
		r.Peers = nil
	case ShowRegistry:
		r.Registrations = slices.DeleteFunc(r.Registrations, own(chanSIP))
	case ShowRegistrations:
		r.Registrations = slices.DeleteFunc(r.Registrations, own(pjsip))
	case ShowTransports:
		r.Transports = slices.DeleteFunc(r.Transports, func(t ShownTransport) bool { return t.Driver == pjsip })
	case ShowSIPSettings:
		r.Transports = slices.DeleteFunc(r.Transports, func(t ShownTransport) bool { return t.Driver == chanSIP })
	case ShowEndpoints:
		r.Endpoints = nil
		maps.DeleteFunc(r.seen, func(key string, _ int) bool { return strings.HasPrefix(key, "endpoint ") })
	case ShowChannels, showChannelsVerbose:
		if ShowChannels+r.form == mode {
			r.Channels = nil
		}
	case ShowModules:
		r.Modules = nil
	}
}

// end completes the listing that is open.
func (r *showing) end() {
	r.flush()
	r.settings()
	r.mode, r.rows, r.before, r.filtered = "", 0, "", false
}

// counted is the last line of a listing, which says how many rows it has.
func (r *showing) counted(n int, mode string) {
	r.flush()
	if r.mode == mode && n == r.rows && !r.filtered {
		addOnce(&r.Whole, mode)
	}
	r.end()
	r.asked = ""
}

// row reads a row of the listing that is open.
func (r *showing) row(line string) {
	if r.concise(line) {
		addOnce(&r.Commands, showChannelsConcise)
		return
	}
	if r.pjsipRow(line) {
		return
	}
	switch r.mode {
	case ShowPeers:
		r.joined(line, r.peer)
	case ShowRegistry:
		r.joined(line, r.registry)
	case ShowRegistrations:
		r.joined(line, r.registration)
	case ShowModules:
		r.joined(line, r.module)
	case ShowChannels, showChannelsVerbose:
		r.channel(line)
	case ShowSIPSettings, ShowRTP:
		r.label(line)
	}
}

// joined reads a row, which a mailer may have broken over two lines.
func (r *showing) joined(line string, read func(string) bool) {
	switch {
	case read(line):
		r.rows++
		r.before = ""
	case r.before != "" && read(r.before+" "+line):
		r.rows++
		r.before = ""
	default:
		r.before = line
	}
}

func room[T any](list []T) bool { return len(list) < maxShown }
