package fail2ban

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// rearmWindow is how far back a banned address is checked for further
// failures: phones retry every minute to every hour, so a day shows all of them.
const rearmWindow = 24 * time.Hour

// accounts counts attempts by account and reason.
func accounts(list []attempt) []Account {
	var out []Account
	at := map[[2]string]int{}
	for _, a := range list {
		key := [2]string{a.account, a.reason}
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, Account{Account: a.account, Reason: a.reason})
		}
		out[i].Count++
		if a.at.After(out[i].Last) {
			out[i].Last = a.at
		}
	}
	slices.SortStableFunc(out, func(a, b Account) int { return cmp.Compare(b.Count, a.Count) })
	return out[:min(len(out), maxAccounts)]
}

// countFailures sums up what a log shows of an address for one jail. since is
// when its ban there began, zero without one. Nil: nothing was seen.
func countFailures(j *Jail, log string, h *logHistory, asked netip.Prefix, since, now time.Time) *Failures {
	var list []attempt
	for _, a := range h.attempts {
		if asked.Contains(a.addr) && (a.reason == Banned) == isRecidive(j) && !(a.reason == Banned && a.account == j.Name) {
			list = append(list, a)
		}
	}
	if len(list) == 0 {
		return nil
	}
	window := platform.Seconds(j.FindTime)
	first, last := list[0].at, list[len(list)-1].at
	f := &Failures{
		Jail: j.Name, Log: log, MaxRetry: j.MaxRetry, FindTime: j.FindTime, Total: len(list),
		First: &first, Last: &last, Since: h.since, Cut: h.cut, Accounts: accounts(list),
	}
	var after []attempt
	for _, a := range list {
		if !a.at.Before(now.Add(-window)) {
			f.InWindow++
		}
		// The log line that triggers a ban has the ban's own timestamp, to the second.
		if !since.IsZero() && a.at.After(since.Add(time.Second)) {
			after = append(after, a)
		}
	}
	f.SinceBan = len(after)
	if d := now.Sub(first); d >= time.Minute {
		f.PerHour = float64(len(list)) / d.Hours()
	}
	for _, a := range list[max(0, len(list)-maxLines):] {
		f.Lines = append(f.Lines, a.line)
	}
	f.Rearms = rearms(after, j.MaxRetry, window, now)
	return f
}

// rearms reports whether attempts continue at a rate that leads to a ban: some of
// them were close enough together, or they would be if the log were longer.
// What ended longer ago than an hour, and than the window, has ended.
func rearms(list []attempt, maxRetry int, window time.Duration, now time.Time) bool {
	if maxRetry <= 0 || len(list) == 0 || list[len(list)-1].at.Before(now.Add(-max(window, time.Hour))) {
		return false
	}
	for i := range list {
		if maxRetry <= len(list)-i && list[i+maxRetry-1].at.Sub(list[i].at) <= window {
			return true
		}
	}
	// Three attempts are the fewest that show a rate.
	if len(list) < 3 {
		return false
	}
	each := list[len(list)-1].at.Sub(list[0].at) / time.Duration(len(list)-1)
	return float64(maxRetry-1)*float64(each) <= float64(window)
}

func isRecidive(j *Jail) bool { return j.Filter == "recidive" || j.Name == "recidive" }
