// Package cisco reads what a voice gateway with Cisco IOS or IOS XE prints about
// its SIP: show sip service, show sip-ua register status, statistics, status,
// timers, and show call active voice brief. It is a pure function of text, whatever
// stands around the outputs: prompts, the quoting of a mail, squeezed columns.
//
// Source: Cisco IOS SIP Configuration Guide, "Verifying SIP"; IOS Voice Command
// Reference.
package cisco

import (
	"regexp"
	"strconv"
	"strings"
)

// Row is a line as it was printed, one space between words.
type Row struct {
	Text string `json:"text"`
	Line int    `json:"line"` // of the text, from 1
}

// Shown is what a gateway printed.
type Shown struct {
	Commands []string `json:"commands"` // each once
	Service  *Service `json:"service,omitempty"`
	Lines    []Line   `json:"lines,omitempty"`    // of register status
	Counters []Count  `json:"counters,omitempty"` // of statistics
	Cleared  string   `json:"cleared,omitempty"`  // when the counters began; empty: not said
	Status   []Set    `json:"status,omitempty"`
	Timers   []Timer  `json:"timers,omitempty"`
	Legs     []Leg    `json:"legs,omitempty"`
}

// Service is the state of SIP as a whole.
type Service struct {
	Row
	Up     bool `json:"up"`
	Forced bool `json:"forced,omitempty"` // calls that were up were ended
	// Globally: shut for voice service voip; otherwise for its submode sip.
	Globally bool `json:"globally,omitempty"`
}

// Line is a number that the gateway registers.
type Line struct {
	Row
	Number     string `json:"number"`
	Registered bool   `json:"registered"`
}

// Count is a counter of show sip-ua statistics. One that has no direction has In
// alone.
type Count struct {
	Row
	Section string `json:"section"` // success, client error, server error, global failure, traffic, retry, …
	Name    string `json:"name"`
	In      int    `json:"in"`
	Out     int    `json:"out"`
}

// Set is a line "label: value" of show sip-ua status.
type Set struct {
	Row
	Label string `json:"label"`
	Value string `json:"value"`
}

// Timer is one of show sip-ua timers, in milliseconds.
type Timer struct {
	Row
	Name  string `json:"name"`
	Value int    `json:"value"`
}

// Leg is one side of a call that is up. Numbers are not kept.
type Leg struct {
	Row
	Seconds int    `json:"seconds"`
	Tx      int    `json:"tx"` // packets sent
	Rx      int    `json:"rx"` // packets received
	Address string `json:"address,omitempty"`
}

const (
	maxRow  = 200
	maxRows = 5000 // of a kind: gateways register some hundred numbers
)

var (
	quoting   = regexp.MustCompile(`^(?:\s?[>|])+ ?`)
	service   = regexp.MustCompile(`(?i)^SIP Service is (up|(forced )?shut)( globally)?`)
	underVoIP = regexp.MustCompile(`(?i)^under 'voice service voip'(, 'sip' submode)?`)
	register  = regexp.MustCompile(`(?i)^Line peer expires\(sec\) reg`)
	lineRow   = regexp.MustCompile(`(?i)^(\S+) (-?\d+) (-?\d+) (yes|no)\b`)
	counter   = regexp.MustCompile(`([A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*):? (\d{1,10})(?:/(\d{1,10}))?`)
	status    = regexp.MustCompile(`^((?:SIP|Redirection) ?[A-Za-z0-9 ()_./-]*?) ?: ?(\S.*)$`)
	timerPart = regexp.MustCompile(`([a-z0-9-]+) (\d{1,8})\b`)
	packets   = regexp.MustCompile(`\bdur (\d+):(\d\d):(\d\d) tx:(\d+)/\d+ rx:(\d+)/\d+`)
	media     = regexp.MustCompile(`\bIP (\S+:\d+)`)
)

// Show reads the outputs in a text. Says of the result is false where there is
// none.
func Show(text string) *Shown {
	r := &reader{Shown: &Shown{Commands: []string{}}}
	for line := range strings.Lines(text) {
		r.line++
		line = strings.NewReplacer("\u00a0", " ", "\t", " ").Replace(line)
		if words := strings.Join(strings.Fields(quoting.ReplaceAllString(line, "")), " "); words != "" {
			r.take(strings.ToValidUTF8(words, "\uFFFD"))
		}
	}
	return r.Shown
}

// Says reports whether anything was recognised.
func (s *Shown) Says() bool { return len(s.Commands) > 0 }

// Has reports whether the output of a command is there.
func (s *Shown) Has(command string) bool {
	for _, c := range s.Commands {
		if c == command {
			return true
		}
	}
	return false
}

// The commands, as Shown names them.
const (
	ShowService    = "show sip service"
	ShowRegister   = "show sip-ua register status"
	ShowStatistics = "show sip-ua statistics"
	ShowStatus     = "show sip-ua status"
	ShowTimers     = "show sip-ua timers"
	ShowCalls      = "show call active voice brief"
)

type reader struct {
	*Shown
	line    int
	mode    string
	section string
}

func (r *reader) row(text string) Row {
	if len(text) > maxRow {
		text = strings.ToValidUTF8(text[:maxRow], "") + "…"
	}
	return Row{text, r.line}
}

func (r *reader) begin(mode string) {
	r.mode, r.section = mode, ""
	if !r.Has(mode) {
		r.Commands = append(r.Commands, mode)
	}
}

// take reads a line whose words are one space apart.
func (r *reader) take(words string) {
	lower := strings.ToLower(words)
	switch {
	case service.MatchString(words):
		m := service.FindStringSubmatch(words)
		r.begin(ShowService)
		r.Service = &Service{Row: r.row(words), Up: strings.EqualFold(m[1], "up"), Forced: m[2] != "", Globally: m[3] != ""}
	case r.mode == ShowService && underVoIP.MatchString(words):
		r.Service.Text += " " + words
		r.mode = ""
	case register.MatchString(words):
		r.begin(ShowRegister)
	case strings.HasPrefix(lower, "sip response statistics"):
		r.begin(ShowStatistics)
		r.Counters = nil
	case strings.HasPrefix(lower, "sip user agent status"):
		r.begin(ShowStatus)
		r.Status = nil
	case strings.HasPrefix(lower, "sip ua timer values"):
		r.begin(ShowTimers)
		r.Timers = nil
	case packets.MatchString(words):
		r.leg(words)
	case strings.Contains(words, "#show ") || strings.Contains(words, "# show ") || strings.Contains(words, ">show "):
		r.mode = ""
	default:
		r.inside(words)
	}
}

// inside reads a line of the output that is open.
func (r *reader) inside(words string) {
	switch r.mode {
	case ShowRegister:
		if m := lineRow.FindStringSubmatch(words); m != nil && len(r.Lines) < maxRows {
			r.Lines = append(r.Lines, Line{Row: r.row(words), Number: m[1], Registered: strings.EqualFold(m[4], "yes")})
		}
	case ShowStatistics:
		r.statistics(words)
	case ShowStatus:
		if m := status.FindStringSubmatch(words); m != nil && len(r.Status) < maxRows {
			r.Status = append(r.Status, Set{r.row(words), m[1], m[2]})
		}
	case ShowTimers:
		for _, m := range timerPart.FindAllStringSubmatch(words, 20) {
			if len(r.Timers) < maxRows {
				r.Timers = append(r.Timers, Timer{r.row(words), m[1], number(m[2])})
			}
		}
	case ShowCalls:
		if m := media.FindStringSubmatch(words); m != nil && len(r.Legs) > 0 && r.Legs[len(r.Legs)-1].Address == "" {
			r.Legs[len(r.Legs)-1].Address = m[1]
		}
	}
}

// statistics reads "Trying 0/0, Ringing 0/0," under a heading such as "Client
// Error:".
func (r *reader) statistics(words string) {
	if rest, ok := strings.CutPrefix(words, "Last time SIP Statistics were cleared:"); ok {
		r.Cleared = strings.TrimSpace(rest)
		return
	}
	found := counter.FindAllStringSubmatch(words, 20)
	if len(found) == 0 {
		heading, _, _ := strings.Cut(strings.ToLower(words), " (")
		r.section = strings.TrimRight(strings.TrimSuffix(heading, " statistics"), ":")
		return
	}
	if rest, ok := strings.CutPrefix(r.section, "sip total "); ok {
		r.section = rest
	}
	for _, m := range found {
		if len(r.Counters) < maxRows {
			r.Counters = append(r.Counters, Count{r.row(words), r.section, m[1], number(m[2]), number(m[3])})
		}
	}
}

func (r *reader) leg(words string) {
	m := packets.FindStringSubmatch(words)
	if r.mode != ShowCalls {
		r.begin(ShowCalls)
	}
	if len(r.Legs) >= maxRows {
		return
	}
	l := Leg{Row: r.row(m[0]), Seconds: number(m[1])*3600 + number(m[2])*60 + number(m[3]), Tx: number(m[4]), Rx: number(m[5])}
	if a := media.FindStringSubmatch(words); a != nil {
		l.Address = a[1]
	}
	r.Legs = append(r.Legs, l)
}

// Counter is the counter of that name in a section, whatever the case: IOS
// releases spell OkNOTIFY and OkNotify.
func (s *Shown) Counter(section, name string) (c Count) {
	for _, x := range s.Counters {
		if x.Section == section && strings.EqualFold(x.Name, name) {
			return x
		}
	}
	return Count{}
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
