package main

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/secrets"
)

// Lines of Asterisk's log that tell of calls: who called whom.
var callLine = regexp.MustCompile(`^\[[^\]]*\] *(?:\[[^\]]*\] *)?(?:VERBOSE|DEBUG|DTMF)\b`)

// cleaner is what a file passes through on its way into a support bundle:
// secrets go away always; addresses, names of machines and people, comments and
// talk of calls on request.
type cleaner struct {
	redact bool
	masker *addressMasker
	people *people
}

func newCleaner(redact bool) *cleaner {
	return &cleaner{redact: redact, masker: newAddressMasker(), people: newPeople()}
}

// Learn notes the names of machines and people in a file, so that they go away
// in all.
func (c *cleaner) Learn(name string, data []byte) {
	if c.redact && !isBinary(data) {
		c.people.learn(name, data)
	}
}

// Clean cleans one file. It returns nil for one that must stay out.
func (c *cleaner) Clean(name string, data []byte) []byte {
	data = secrets.Remove(name, data)
	if !c.redact || data == nil {
		return data
	}
	if isBinary(data) {
		if bytes.HasPrefix(data, []byte("TZif")) {
			return data // the time zone: logs are read by it
		}
		return nil // a database holds addresses where no rule finds them
	}
	if strings.HasPrefix(name, "/var/log/") {
		data = withoutCalls(data)
	}
	if strings.HasPrefix(name, "$ asterisk -rx ") {
		data = withoutCallers(data)
	}
	if strings.HasPrefix(name, "/proc/net/") {
		return c.addresses(data) // figures, and nobody's words
	}
	data = withoutBlobs(data)
	data = c.people.comments(name, data)
	return c.addresses(c.people.replace(data))
}

// Line masks what a command line names.
func (c *cleaner) Line(line string) string {
	if !c.redact {
		return line
	}
	return string(c.addresses(c.people.replace([]byte(line))))
}

func (c *cleaner) addresses(text []byte) []byte {
	text = socketText.ReplaceAllFunc(text, c.masker.socket)
	text = nibbles.ReplaceAllFunc(text, c.masker.nibbles)
	return addressText.ReplaceAllFunc(text, c.masker.replace)
}

// withoutCalls leaves out what a log tells of calls, and the messages that SIP
// debugging writes: lines without a time. What is left is about failures.
func withoutCalls(data []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(data) {
		if callLine.Match(line) || len(line) > 0 && (line[0] == '<' || line[0] == ' ') {
			out.WriteByte('\n') // lines keep their numbers
			continue
		}
		out.Write(line)
	}
	return out.Bytes()
}

var (
	// A row of "pjsip show endpoints" about a call: who talks with whom.
	extenRow = regexp.MustCompile(`(?m)^ *Exten: .*$`)
	// An endpoint with its telephone number.
	endpointNumber = regexp.MustCompile(`(?m)^( *Endpoint: +[^/<\n]+)/[^ \n]+`)
)

// withoutCallers leaves the numbers of callers and called out of what Asterisk
// lists. Of a row of "core show channels concise" the fields are name, context,
// extension, priority, state, application, data, caller, …, age, bridge, unique ID.
func withoutCallers(data []byte) []byte {
	data = endpointNumber.ReplaceAll(extenRow.ReplaceAll(data, nil), []byte("$1"))
	var out bytes.Buffer
	for line := range bytes.Lines(data) {
		f := bytes.Split(line, []byte("!"))
		if len(f) < 13 {
			out.Write(line)
			continue
		}
		for i := range f {
			if i == 2 || i > 5 && i < len(f)-3 {
				f[i] = nil
			}
		}
		out.Write(bytes.Join(f, []byte("!")))
	}
	return out.Bytes()
}

// isBinary reports the kinds of files that a PBX's bundle holds and that are no
// text: a database, its journal, a time zone. Everything else is treated as
// text, whatever bytes are in it: a log with a hole in it after a crash, a
// comment in Latin-1.
func isBinary(b []byte) bool {
	magic := []string{"SQLite format 3\x00", "\x37\x7f\x06\x82", "\x37\x7f\x06\x83", "TZif"}
	return slices.ContainsFunc(magic, func(m string) bool { return bytes.HasPrefix(b, []byte(m)) })
}
