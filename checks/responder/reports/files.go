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

// recall reads what the disk holds of a site. A report that is damaged stays there,
// and the one before it stands in.
func (s *Store) recall(name string) *site {
	st := &site{}
	dir := filepath.Join(s.cfg.Dir, name)
	names, err := platform.ListKept(dir)
	if err != nil {
		s.say(Event{Kind: FileDamaged, Site: name, Err: err})
		return st
	}
	st.files = slices.DeleteFunc(names, func(n string) bool { return !reportFile.MatchString(n) })
	for i, file := range slices.Backward(st.files) {
		if i == len(st.files)-1 {
			n, _ := strconv.Atoi(file[:9]) // digits, see reportFile
			st.next = n + 1
		}
		r, a, err := readKept(dir, file)
		if err != nil {
			s.say(Event{Kind: FileDamaged, Site: name, Err: err})
			continue
		}
		st.received = a.Received
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
