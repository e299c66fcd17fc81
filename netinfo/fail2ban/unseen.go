package fail2ban

import (
	"context"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// minUnseen is how many failures a jail must have missed: one or two lines may
// be such that sipdoctor reads them and the jail's filter, rightly, does not.
const minUnseen = 3

// A filter may rightly leave some kinds of failure out. One that sees less than
// a quarter of many has lost its log, as after a rotation.
const (
	manyUnseen = 20
	fewSeen    = 4
)

// readDelay is how far behind its log a jail may be: the polling backend looks
// once a second, and a busy machine is slow.
const readDelay = 30 * time.Second

// unseen looks for jails that count nothing though there is something to count:
// failures in the log since fail2ban began, none of which it counted, and a
// journal that has no line of what is asked for.
func (r *reader) unseen(ctx context.Context) {
	for i := range r.state.Jails {
		j := &r.state.Jails[i]
		if !j.SIP || !j.Running {
			continue
		}
		switch {
		case readsJournal(j):
			r.emptyJournal(ctx, j)
		case r.counts[j.Name] && r.state.Started != nil:
			r.missed(j)
		}
	}
}

// missed compares the failures in the logs of a jail with what it counted. The
// logs before the last rotation are not read, so there may be more.
func (r *reader) missed(j *Jail) {
	everybody := []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
	w := wanted{
		prefixes: everybody, now: r.state.Read, zone: r.zone,
		from: *r.state.Started, deadline: time.Now().Add(logTime),
	}
	var list []attempt
	log := ""
	for _, l := range j.Logs {
		if l.Size <= 0 {
			continue
		}
		h := &logHistory{since: w.now}
		if _, err := h.readFile(r.system, l.Path, &w); err != nil {
			continue
		}
		for _, a := range h.attempts {
			if a.reason != Banned && !a.at.After(r.state.Read.Add(-readDelay)) && !r.uncounted(j, a.addr) {
				list, log = append(list, a), l.Path
			}
		}
	}
	if missed := len(list) - j.TotalFailed; missed < minUnseen || j.TotalFailed > 0 && (missed < manyUnseen || len(list) < fewSeen*j.TotalFailed) {
		return
	}
	j.Unseen = &Unseen{Count: len(list), Counted: j.TotalFailed, Line: list[len(list)-1].line}
	j.Faults = append(j.Faults, Fault{Code: NotSeen, Detail: log, Where: j.Set["filter"]})
}

// uncounted reports whether a jail does not count failures of an address.
func (r *reader) uncounted(j *Jail, a netip.Addr) bool {
	return a.IsLoopback() || slices.Contains(r.o.Own, a) || ignores(j, netip.PrefixFrom(a, a.BitLen()))
}

// emptyJournal asks the journal for one line of those that the jail reads.
func (r *reader) emptyJournal(ctx context.Context, j *Jail) {
	match := journalMatch(j.Journal)
	if len(match) == 0 || !r.system.Root() {
		return // others see a part of the journal
	}
	out, err := r.journal(ctx, "1", match)
	if err != nil {
		r.note(because("journal", "match", strings.Join(match, " ")), err)
		return
	}
	if strings.TrimSpace(string(out)) == "" {
		j.Faults = append(j.Faults, Fault{Code: EmptyJournal, Detail: strings.Join(match, " "), Where: j.Set["backend"]})
	}
}

// started is when the server began, by the file that it writes then.
func (r *reader) started() *time.Time {
	info, err := fs.Stat(r.system, r.config.pidfile)
	if err != nil || info.ModTime().IsZero() || info.ModTime().After(r.state.Read) {
		return nil
	}
	at := info.ModTime()
	return &at
}
