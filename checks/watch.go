package checks

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo"
)

// Change is a result that became another while its check was watched.
type Change struct {
	Time    time.Time `json:"time"`
	Check   string    `json:"check"`
	From    Status    `json:"from"`
	To      Status    `json:"to"`
	Finding string    `json:"finding,omitempty"` // the ID of the worst that the check then had; empty: none
}

// maxHistory bounds the changes that a report keeps, the newest ones: whoever
// watches a bad line for a week still gets a report that can be mailed.
const maxHistory = 1000

// Watched is a report that stays up to date: newer observations of its checks
// replace the older ones, and the whole is judged again. It is not safe for
// concurrent use.
type Watched struct {
	list   []*Check
	report *Report
	began  time.Time
	told   map[string]outcome // by check: what the last change said
	doubts map[string]bool    // by check: what is other was seen once, and not yet believed
}

// outcome is what makes a result another one: figures that vary from one
// observation to the next do not.
type outcome struct {
	status   Status
	findings string
}

func outcomeOf(res *Result) outcome {
	var ids []string
	for i := range res.Findings {
		if f := &res.Findings[i]; f.Severity != Info {
			ids = append(ids, f.ID+"."+f.Variant)
		}
	}
	slices.Sort(ids)
	return outcome{res.Status, strings.Join(slices.Compact(ids), " ")}
}

// Watch begins with the report of a whole run of list that has ended now. How long
// things last is counted from there: the clock that the report names may be set.
func Watch(list []*Check, first *Report, now time.Time) *Watched {
	w := &Watched{list: list, report: first, told: map[string]outcome{}, doubts: map[string]bool{}}
	w.began = now.Add(-time.Duration(first.DurationMS) * time.Millisecond)
	for i := range first.Results {
		w.told[first.Results[i].Check] = outcomeOf(&first.Results[i])
	}
	return w
}

// Report is the newest of every check. The next Take makes another one and
// leaves this one as it is.
func (w *Watched) Report() *Report { return w.report }

// Doubted reports whether the newest observation of a check is kept back until the
// next one differs from what is shown, too.
func (w *Watched) Doubted(check string) bool {
	return w.doubts[check]
}

// Take renews the report by a run of some of its checks and returns what has
// changed. A pass is believed at once, because it rests on answers that came. What
// is worse, or other, may be one lost packet: it is believed when two observations in
// a row differ from what is shown.
func (w *Watched) Take(round *Report, now time.Time) []Change {
	if round.Interrupted {
		return nil
	}
	w.doubt(w.renewed(round, nil), round)
	next := w.renewed(round, w.doubts)
	changes := w.changes(next, now)
	all := slices.Concat(w.report.History, changes)
	next.History = all[max(0, len(all)-maxHistory):]
	next.DurationMS = now.Sub(w.began).Milliseconds()
	w.report = next
	return changes
}

// doubt decides which results of a round, judged as next, are not believed yet.
func (w *Watched) doubt(next, round *Report) {
	for i := range round.Results {
		id := round.Results[i].Check
		was, is := outcomeOf(w.report.Result(id)), outcomeOf(next.Result(id))
		w.doubts[id] = is != was && is.status != Pass && !w.doubts[id]
	}
}

// renewed is the report with the results of a round, but for those that are held
// back.
func (w *Watched) renewed(round *Report, held map[string]bool) *Report {
	next := *w.report
	next.Results = slices.Clone(w.report.Results)
	host := *round.Host
	for i := range next.Results {
		newer := round.Result(next.Results[i].Check)
		if newer == nil {
			continue
		}
		if held[newer.Check] {
			host = *w.report.Host // it is what the same moment looked like
			continue
		}
		next.Results[i] = *newer
	}
	host.Contacts = newestContacts(w.report.Host.Contacts, round.Host.Contacts)
	next.Host, next.Beyond = &host, host.Beyond
	judgeAll(&next, w.list)
	return &next
}

// newestContacts is what is known of every address, the newer where both know it.
func newestContacts(older, newer []netinfo.Contact) []netinfo.Contact {
	known := map[netip.Addr]netinfo.Contact{}
	for _, c := range newer {
		known[c.Addr] = c
	}
	for _, c := range older {
		if _, ok := known[c.Addr]; !ok && len(known) < maxContacts {
			known[c.Addr] = c
		}
	}
	return slices.SortedFunc(maps.Values(known), func(a, b netinfo.Contact) int { return a.Addr.Compare(b.Addr) })
}

// changes are the results that became others. What another check's failure
// explains is told when it still holds without that.
func (w *Watched) changes(next *Report, now time.Time) (list []Change) {
	for i := range next.Results {
		res := &next.Results[i]
		was, is := w.told[res.Check], outcomeOf(res)
		if res.ExplainedBy != "" || was == is {
			continue
		}
		w.told[res.Check] = is
		list = append(list, Change{Time: now.UTC().Truncate(time.Millisecond), Check: res.Check, From: was.status, To: is.status, Finding: worstFinding(res)})
	}
	// The cause first: what was cured, or broke, explains what follows.
	slices.SortStableFunc(list, func(a, b Change) int { return cmp.Compare(rank[b.To], rank[a.To]) })
	return list
}

func worstFinding(res *Result) string {
	list := slices.DeleteFunc(slices.Clone(res.Findings), func(f Finding) bool { return f.Severity == Info })
	if len(list) == 0 {
		return ""
	}
	WorstFirst(list)
	return list[0].ID
}
