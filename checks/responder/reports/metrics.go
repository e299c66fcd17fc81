package reports

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"
)

// WriteMetrics writes the figures of all sites in the Prometheus text format, and
// when each site last reported, by the clock of this machine.
func (s *Store) WriteMetrics(w io.Writer) {
	out := bufio.NewWriter(w)
	for _, m := range s.merged(time.Now()) {
		fmt.Fprintf(out, "# HELP %[1]s %[2]s\n# TYPE %[1]s gauge\n", m.Name, m.Help)
		for _, lines := range m.lines {
			_, _ = out.WriteString(lines) // Flush tells, and nobody is left to hear it
		}
	}
	_ = out.Flush() // whoever asked has gone
}

type metric struct {
	Figure
	lines []string
}

// merged puts the figures of one name together: the format wants each name once.
func (s *Store) merged(now time.Time) (list []*metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := &metric{Figure: Figure{Name: "sipdoctor_site_last_report_timestamp_seconds", Help: "When the site last reported, by the responder's clock."}}
	agents := &metric{Figure: Figure{Name: "sipdoctor_site_agents", Help: "Installations that report for the site, by its last reports of a day; 0: none does."}}
	list = append(list, last, agents)
	at := map[string]*metric{last.Name: last, agents.Name: agents}
	s.lookLocked(now)
	for _, name := range slices.Sorted(maps.Keys(s.keys.keys)) {
		st := s.sites[name]
		if st == nil { // nothing has come yet
			st = &site{}
		}
		label := `{site="` + name + `"} ` // ValidSite leaves nothing to escape
		agents.lines = append(agents.lines, agents.Name+label+strconv.Itoa(st.agents(now))+"\n")
		if st.received.IsZero() {
			continue
		}
		// By how long ago it was: the clock may have been set since, and what was kept
		// under a wrong one may lie in the future, where no silence would be noticed.
		age := max(0, now.Sub(st.received))
		last.lines = append(last.lines, last.Name+label+strconv.FormatInt(now.Add(-age).Unix(), 10)+"\n")
		if age >= figuresLife {
			continue
		}
		for _, f := range st.figures {
			m := at[f.Name]
			if m == nil {
				m = &metric{Figure: f}
				at[f.Name], list = m, append(list, m)
			}
			m.lines = append(m.lines, f.Lines)
		}
	}
	return slices.DeleteFunc(list, func(m *metric) bool { return len(m.lines) == 0 })
}
