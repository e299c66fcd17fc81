package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform"
)

// A kept report is a file of two lines: the report, which is what every command
// reads, and how it came.
type arrival struct {
	Received time.Time  `json:"received"`
	Agent    string     `json:"agent"`
	From     netip.Addr `json:"from"`
	Later    int        `json:"later,omitempty"`
}

var reportFile = regexp.MustCompile(`^[0-9]{9}\.json$`)

// keep writes a report to the disk and drops those that are too many.
func (s *Store) keep(name string, st *site, line []byte, a arrival) error {
	meta, err := json.Marshal(a)
	if err == nil && !st.listed { // the site's key is younger than this start, which its reports need not be
		err = s.list(name, st)
	}
	if err != nil {
		return err
	}
	dir, file := filepath.Join(s.cfg.Dir, name), fmt.Sprintf("%09d.json", st.next)
	if err := platform.Keep(dir, file, slices.Concat(line, []byte("\n"), meta, []byte("\n"))); err != nil {
		return err
	}
	st.next++
	st.files = append(st.files, file)
	for len(st.files) > Kept {
		if err := platform.DropKept(dir, st.files[0]); err != nil {
			return err
		}
		st.files = st.files[1:]
	}
	return nil
}

// list finds out which reports of a site are on the disk.
func (s *Store) list(name string, st *site) error {
	names, err := platform.ListKept(filepath.Join(s.cfg.Dir, name))
	if err != nil {
		return err
	}
	st.files = slices.DeleteFunc(names, func(n string) bool { return !reportFile.MatchString(n) })
	if n := len(st.files); n > 0 {
		last, _ := strconv.Atoi(st.files[n-1][:9]) // digits, see reportFile
		st.next = last + 1
	}
	st.listed = true
	return nil
}

// recall reads what the disk holds of a site: the last report that had not waited in the
// office. One that is damaged stays there, and the one before it stands in.
func (s *Store) recall(name string) *site {
	st := &site{}
	if err := s.list(name, st); err != nil {
		s.say(Event{Kind: FileDamaged, Site: name, Err: err})
		return st
	}
	for _, file := range slices.Backward(st.files) {
		r, a, err := readKept(filepath.Join(s.cfg.Dir, name), file)
		if err != nil {
			s.say(Event{Kind: FileDamaged, Site: name, Err: err})
		}
		if err != nil || a.Later > 0 {
			continue
		}
		if st.received = a.Received; st.received.After(time.Now()) {
			st.received = time.Now() // the clock was wrong then, or is now
		}
		st.seen = []sighting{{a.Agent, Other{a.From, a.Received}}}
		s.show(name, st, s.figures(name, r))
		return st
	}
	return st
}

func readKept(dir, file string) (*checks.Report, arrival, error) {
	var a arrival
	raw, err := platform.ReadKept(dir, file)
	if err != nil {
		return nil, a, err
	}
	line, meta, _ := bytes.Cut(raw, []byte("\n"))
	r, _, err := parse(line)
	if err == nil {
		err = json.Unmarshal(meta, &a)
	}
	if err != nil {
		return nil, a, fmt.Errorf("%s: %w", filepath.Join(dir, file), err)
	}
	return r, a, nil
}

func (s *Store) figures(name string, r *checks.Report) []Figure {
	if s.cfg.Figures == nil {
		return []Figure{}
	}
	return s.cfg.Figures(name, r)
}
