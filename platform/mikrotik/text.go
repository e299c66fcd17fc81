package mikrotik

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
)

// escapes are the sequences that move a terminal's cursor or colour its text (ECMA-48:
// CSI, OSC, and those of two characters).
var escapes = regexp.MustCompile(`\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])`)

// plain is text without what only a terminal needs. A line that was written over has its
// last form.
func plain(b []byte) string {
	b = escapes.ReplaceAll(b, nil)
	var out strings.Builder
	out.Grow(len(b))
	for line := range bytes.Lines(b) {
		body, ended := bytes.CutSuffix(line, []byte("\n"))
		body = bytes.TrimRight(body, "\r")
		if i := bytes.LastIndexByte(body, '\r'); i >= 0 {
			body = body[i+1:]
		}
		out.Write(rubbedOut(body))
		if ended {
			out.WriteByte('\n')
		}
	}
	return out.String()
}

// rubbedOut does what backspaces in a line say.
func rubbedOut(line []byte) []byte {
	if bytes.IndexByte(line, '\b') < 0 {
		return line
	}
	out := make([]byte, 0, len(line))
	for _, c := range line {
		switch {
		case c != '\b':
			out = append(out, c)
		case len(out) > 0:
			out = out[:len(out)-1]
		}
	}
	return out
}

// prompt is what a console shows when it waits for a command: [admin@MikroTik] > , with a
// menu or <SAFE> in it.
var prompt = regexp.MustCompile(`(?:^|\n)\[[^\[\]\n]{1,200}@[^\[\]\n]{1,200}\][^\n]{0,200}> ?$`)

// isSafe reports whether the text ends with the prompt of safe mode.
func isSafe(text string) bool {
	at := prompt.FindStringIndex(text)
	return at != nil && strings.Contains(text[at[0]:], "<SAFE>")
}

// A question is what a console may ask before it takes a command.
type question struct {
	asks  *regexp.Regexp
	reply string // what is typed; empty: nobody but the owner may answer
	err   error
}

// questions are those, at the end of what was said. "Don't take it" is for whoever else is
// in safe mode.
func questions() []question {
	return []question{
		{asks: regexp.MustCompile(`(?i)see the software licen[sc]e\? \[Y/n\]: ?$`), reply: "n"},
		{asks: regexp.MustCompile(`(?i)please press "enter" to continue!?\s*$`), reply: "\r"},
		// Any key but r keeps the configuration of the factory; Enter does nothing else.
		{asks: regexp.MustCompile(`(?is)remove this default configuration type "r" or hit any other key to continue[^\[\]>]*$`), reply: "\r"},
		{asks: regexp.MustCompile(`(?i)-- \[Q quit\|[^\]\n]*\]$`), reply: "d"},
		{asks: regexp.MustCompile(`(?i)don't take it \[u/r/d\]: ?$`), reply: "d", err: ErrSafeTaken},
		{asks: regexp.MustCompile(`(?i)(?:^|\n)new password> ?$`), err: ErrNewPassword},
	}
}

// said is a router's complaint as one line, cut to what a person reads.
func said(text string) string {
	const most = 300
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || unicode.IsControl(r) }), " ")
	text = strings.ToValidUTF8(strings.TrimSpace(text), "\ufffd")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
