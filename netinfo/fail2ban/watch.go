package fail2ban

import (
	"context"
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// logs reads the logs of the jails for the asked addresses, and how large and
// old they are.
func (r *reader) logs(ctx context.Context) {
	for i := range r.state.Jails {
		r.logFacts(&r.state.Jails[i])
	}
	if len(r.o.Addresses) == 0 {
		return
	}
	budget := r.o.LogTime
	if budget == 0 {
		budget = logTime
	}
	w := wanted{
		prefixes: r.o.Addresses, texts: searchTexts(r.o.Addresses),
		now: r.state.Read, zone: r.zone, deadline: time.Now().Add(budget),
	}
	for _, source := range r.sources() {
		w.from = source.from
		h := r.readSource(ctx, source, &w)
		for _, err := range h.notes {
			r.note(because("log", "log", source.name), err)
		}
		for _, name := range source.jails {
			r.count(r.find(name), source.name, h)
		}
	}
}

// logFacts replaces patterns by the logs they stand for and looks at each.
func (r *reader) logFacts(j *Jail) {
	var list []Log
	for _, l := range j.Logs {
		paths := []string{l.Path}
		if strings.ContainsAny(l.Path, "*?[") {
			if found := glob(r.system, l.Path); len(found) > 0 {
				paths = found[:min(len(found), 20)]
			}
		}
		for _, p := range paths {
			one := Log{Path: p, Size: -1}
			info, err := fs.Stat(r.system, p)
			if err == nil {
				one.Size = info.Size()
				if at := info.ModTime(); !at.IsZero() {
					one.Written = &at
				}
			} else if !errors.Is(err, fs.ErrNotExist) {
				r.note(because("log", "log", p), err)
				one.Size = -2
			}
			list = append(list, one)
		}
	}
	j.Logs = list
}

// source is a log, or a query of the journal, that jails read.
type source struct {
	name    string // path, or "journal MATCH"
	journal []string
	jails   []string
	from    time.Time
}

// sources lists what has to be read, each once, and from when: findtime before
// now, or before the ban of an asked address as far as a day.
func (r *reader) sources() (list []source) {
	for i := range r.state.Jails {
		j := &r.state.Jails[i]
		if !j.SIP && !isRecidive(j) {
			continue
		}
		window := platform.Seconds(j.FindTime)
		back := window
		for _, a := range r.state.Addresses {
			if since := banStart(&a, j.Name); !since.IsZero() {
				back = max(back, window+min(r.state.Read.Sub(since), rearmWindow))
			}
		}
		add := func(name string, journal []string) {
			k := slices.IndexFunc(list, func(s source) bool { return s.name == name })
			if k < 0 {
				k = len(list)
				list = append(list, source{name: name, journal: journal, from: r.state.Read})
			}
			list[k].jails = append(list[k].jails, j.Name)
			if from := r.state.Read.Add(-back); from.Before(list[k].from) {
				list[k].from = from
			}
		}
		for _, l := range j.Logs {
			if l.Size > 0 {
				add(l.Path, nil)
			}
		}
		if match := journalMatch(j.Journal); len(match) > 0 && (j.Backend == "systemd" || len(j.Logs) == 0) {
			add("journal "+strings.Join(match, " "), match)
		}
	}
	return list
}

// banStart is when the oldest ban of an address by a jail began; zero without.
func banStart(a *Address, jail string) (start time.Time) {
	for _, h := range a.Holds {
		if h.Jail == jail && h.Since != nil && (start.IsZero() || h.Since.Before(start)) {
			start = *h.Since
		}
	}
	return start
}

var journalField = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,63}=[^-].{0,100}$`)

// journalMatch takes the fields out of a journal match; nothing else may become
// an argument of journalctl.
func journalMatch(s string) (list []string) {
	for _, w := range strings.Fields(s) {
		if w == "+" && len(list) > 0 || journalField.MatchString(w) {
			list = append(list, w)
		}
	}
	return list
}

// journalLines is how much of the journal is read: as many as its reader
// prints in the time there is.
const journalLines = "20000"

// journalTime bounds the reading of the journal. A person waits for the answer.
const journalTime = 3 * time.Second

// journal prints the last lines of those that match.
func (r *reader) journal(ctx context.Context, lines string, match []string) ([]byte, error) {
	return r.system.Run(ctx, "journalctl", append([]string{"-q", "--no-pager", "-o", "short-iso", "-n", lines}, match...)...)
}

func (r *reader) readSource(ctx context.Context, s source, w *wanted) *logHistory {
	if s.journal == nil {
		return readLog(r.system, s.name, w)
	}
	h := &logHistory{since: w.now}
	ctx, cancel := context.WithTimeout(ctx, journalTime)
	defer cancel()
	out, err := r.journal(ctx, journalLines, s.journal)
	if err != nil {
		h.notes = append(h.notes, err)
	}
	older := h.chunk(out, w)
	if h.cut = h.cut || !older && strings.Count(string(out), "\n") >= 20000; !h.cut && err == nil {
		h.since = w.from
	}
	return h
}

// count adds what a log shows to every asked address.
func (r *reader) count(j *Jail, log string, h *logHistory) {
	for i := range r.state.Addresses {
		a := &r.state.Addresses[i]
		if f := countFailures(j, log, h, a.Asked, banStart(a, j.Name), r.state.Read); f != nil {
			a.Failures = append(a.Failures, *f)
		}
	}
}
