package logs

import (
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Observed is what was read. Times are those of the lines; one without a zone is in
// that of the machine that read them.
type Observed struct {
	Files []File `json:"files"`
	Lines int    `json:"lines"`
	Known int    `json:"known"` // lines of a program whose logs are known
	Long  int    `json:"long,omitempty"`
	// Begin and End are the times of the first and the last line, or of the part
	// that was asked for.
	Begin time.Time `json:"begin,omitzero"`
	End   time.Time `json:"end,omitzero"`

	Counts  []Count  `json:"counts"`
	Sources []Source `json:"sources"`
	Moves   []Move   `json:"moves"`

	Only Only `json:"only,omitzero"`
	Left Left `json:"left,omitzero"`
}

// File is one log file.
type File struct {
	Name   string      `json:"name"`
	Stream int         `json:"stream"` // files of one log have the same
	Lines  int         `json:"lines"`
	Error  words.Cause `json:"error,omitempty"` // why it was not read to the end
}

// Count is how often one thing was told of somebody.
type Count struct {
	Kind    string     `json:"kind"` // see pbxlog.Kind
	Cause   string     `json:"cause,omitempty"`
	Form    string     `json:"form,omitempty"`
	Program string     `json:"program,omitempty"` // empty: asterisk
	Service string     `json:"service,omitempty"`
	Stream  int        `json:"stream,omitempty"`
	Account string     `json:"account,omitempty"`
	Peer    string     `json:"peer,omitempty"`
	Context string     `json:"context,omitempty"`
	Addr    netip.Addr `json:"addr,omitzero"`
	Code    int        `json:"code,omitempty"`
	Folded  bool       `json:"folded,omitempty"` // of several accounts or numbers, beyond the limit

	N     int       `json:"n"`
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	Lines []Line    `json:"lines"` // the first and the last
}

// Line is a line as evidence.
type Line struct {
	File int    `json:"file"` // index in Files
	Line int    `json:"line"` // from 1
	Text string `json:"text"`
}

// Source is an address whose requests were refused.
type Source struct {
	Addr     netip.Addr `json:"addr"`
	Stream   int        `json:"stream,omitempty"`
	Form     string     `json:"form,omitempty"`
	N        int        `json:"n"`
	Accounts int        `json:"accounts"` // and numbers; at most sourceNames, then Folded
	Folded   bool       `json:"folded,omitempty"`
	// Peak is the most of them in ten minutes by the clock, so the least of what
	// any ten minutes held.
	Peak  int       `json:"peak_10min"`
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
}

// Move is a phone that is reached again, or no longer.
type Move struct {
	At    time.Time  `json:"at,omitzero"`
	Phone string     `json:"phone"`
	Kind  string     `json:"kind"` // unreachable reachable lagged gone
	Addr  netip.Addr `json:"addr,omitzero"`
	RTT   int        `json:"rtt_ms,omitempty"`
	Never bool       `json:"never,omitempty"` // not reached since Asterisk started
	Limit int        `json:"limit_ms,omitempty"`
	Line
}

// Only is the part of the logs that was asked for.
type Only struct {
	Since   time.Time      `json:"since,omitzero"`
	Account string         `json:"account,omitempty"`
	Address []netip.Prefix `json:"address,omitempty"`
}

// Left counts events that did not fit the limits of memory.
type Left struct {
	Counts int `json:"counts,omitempty"`
	Moves  int `json:"moves,omitempty"`
}
