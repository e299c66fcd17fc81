package blocked

import (
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
)

// failures adds what the logs show of the subject's failures. They lead to a
// ban while fail2ban counts them, and only who knows its bans can tell that
// they have not led to one.
func (e question) failures(s Subject) Subject {
	s.Near = slices.Clone(s.Near)
	for _, f := range e.jailed().Failures {
		held := slices.ContainsFunc(s.Blocks, func(b Block) bool { return b.Layer == "fail2ban" && b.Jail == f.Jail })
		if f.InWindow > 0 && !held && e.Jails.Running && !slices.Contains(s.Ignored, f.Jail) {
			s.Near = append(s.Near, Near{Layer: "fail2ban", Name: f.Jail, Count: f.InWindow, Limit: f.MaxRetry, SpanS: f.FindTime})
		}
		bans := len(f.Accounts) > 0 && f.Accounts[0].Reason == fail2ban.Banned // what recidive counts; the phone did not fail there
		if bans || f.Total == 0 || f.Last == nil || s.Failing != nil && s.Failing.Count >= f.Total {
			continue
		}
		x := &Failing{Count: f.Total, SpanS: int64(f.Last.Sub(*f.First).Seconds()), Last: f.Last.UTC(), Lines: f.Lines, SinceBan: f.SinceBan, Rearms: f.Rearms}
		if len(f.Accounts) > 0 {
			x.Account, x.Reason = f.Accounts[0].Account, f.Accounts[0].Reason
		}
		s.Failing = x
	}
	return s
}
