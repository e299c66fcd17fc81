package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// journal is what --apply has run on this machine and --undo may take back. It
// lies where only root writes: undo commands are taken from here, never from a
// report, which anybody may have written.
type journal struct {
	dir     string
	entries []applied
	err     error  // why it cannot be read
	serial  string // of the router that fixes are run on
	on      string // the login, of a machine elsewhere
}

// applied is one cure that was begun, with the commands as they were run.
type applied struct {
	When     time.Time `json:"when"`
	Report   time.Time `json:"report"` // when the report was started
	Finding  string    `json:"finding"`
	Subject  string    `json:"subject,omitempty"`
	About    string    `json:"about,omitempty"` // what the finding says, where it has no subject
	Title    string    `json:"title,omitempty"` // the same in English, by versions that kept no About
	Fix      string    `json:"fix"`
	On       string    `json:"on,omitempty"`     // the login, of a machine elsewhere
	Router   string    `json:"router,omitempty"` // on which it was run, unless it was this machine
	Serial   string    `json:"serial,omitempty"` // of that router: every office has one at 192.168.88.1
	Commands []string  `json:"commands"`
	Undo     []string  `json:"undo"`             // what is left of it, if some of it has been run
	Partly   bool      `json:"partly,omitempty"` // some of it has been run
}

// maxApplied bounds the journal: whoever undoes goes back a few steps, not
// years. The oldest entries go first.
const maxApplied = 1000

const journalFile = "applied.json"

// openJournal reads the journal in a directory, which need not exist.
func openJournal(dir string) *journal {
	j := &journal{dir: dir}
	raw, err := platform.ReadKept(dir, journalFile)
	if errors.Is(err, fs.ErrNotExist) {
		return j
	}
	if err == nil {
		if err = json.Unmarshal(raw, &j.entries); err != nil {
			err = failure("say.reading", words.Args{"file": filepath.Join(dir, journalFile), "why": cause(err)})
		}
	}
	j.err = err
	return j
}

func entryOf(c cure, report time.Time) applied {
	about := ""
	if c.finding.Subject == "" {
		about = saying(c.finding)
	}
	return applied{Report: report, Finding: c.finding.ID, Subject: c.finding.Subject, About: about, Fix: c.fix.ID, Commands: c.fix.Commands, Undo: c.fix.Undo}
}

// is reports whether c, of a report started then, is what e was noted for.
func (e applied) is(c cure, report time.Time) bool {
	o := entryOf(c, report)
	if e.Title != "" { // whose words may be other ones by now
		o.About = ""
		if e.Title != c.finding.Title && !slices.Equal(e.Commands, o.Commands) {
			return false
		}
	}
	return e.Report.Equal(o.Report) && e.Finding == o.Finding && e.Subject == o.Subject && e.Fix == o.Fix && e.About == o.About
}

// index is where the last time that a cure was run is noted; -1 if it is not.
func (j *journal) index(c cure, r *checks.Report) int {
	for i, e := range slices.Backward(j.entries) {
		if e.On == j.on && e.is(c, r.Started) {
			return i
		}
	}
	return -1
}

// add notes a cure that is about to be run.
func (j *journal) add(c cure, r *checks.Report) error {
	if j.err != nil {
		return j.err
	}
	e := entryOf(c, r.Started)
	e.On = j.on
	e.When = time.Now().UTC().Truncate(time.Second)
	if liveRouter(r) {
		e.Router, e.Serial = r.Inputs.On, j.serial
	}
	j.entries = append(j.entries, e)
	if n := len(j.entries) - maxApplied; n > 0 {
		j.entries = slices.Delete(j.entries, 0, n)
	}
	return j.write()
}

// keep notes what is left to undo of the last time a cure was run, and strikes that
// off when nothing is.
func (j *journal) keep(c cure, r *checks.Report, undo []string) error {
	i := j.index(c, r)
	switch {
	case i < 0:
		return nil
	case len(undo) == 0:
		j.entries = slices.Delete(j.entries, i, i+1)
	default:
		j.entries[i].Undo, j.entries[i].Partly = undo, true
	}
	return j.write()
}

func (j *journal) write() error {
	raw, err := json.MarshalIndent(j.entries, "", "  ")
	if err != nil {
		return err
	}
	return platform.Keep(j.dir, journalFile, append(raw, '\n'))
}
