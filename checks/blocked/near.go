package blocked

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/bans"
	"github.com/sipdoctor/sipdoctor/netinfo/fail2ban"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// nearRecent adds the lists of the recent match that count the subject towards
// a ban, as FreePBX's responsive firewall does.
func (e question) nearRecent(s Subject) Subject {
	if len(e.rules.Recent) == 0 {
		return s
	}
	var tables []*packetfilter.RecentTable
	for _, name := range slices.Sorted(maps.Keys(e.rules.Recent)) {
		tables = append(tables, e.rules.Recent[name])
	}
	s.Near = nil
	for _, n := range bans.NearRecent(tables, e.recentLimits(), s.Address) {
		s.Near = append(s.Near, Near{Layer: bans.LayerRecent, Name: n.List, Count: n.Hits, Limit: n.Limit, SpanS: int64(n.Seconds)})
	}
	return s
}

// recentLimits returns the loaded rules that stop addresses which a "recent" list has
// counted too often.
func (e question) recentLimits() (list []bans.RecentLimit) {
	for at, m := range pbx.Matches[*packetfilter.RecentMatch](e.rules) {
		if m.Not || m.Op != packetfilter.RecentCheck && m.Op != packetfilter.RecentUpdate {
			continue
		}
		for _, x := range at.Rule.Exprs {
			if v, ok := x.(*packetfilter.Verdict); ok {
				target := cmp.Or(v.Chain, strings.ToUpper(v.Kind.String()))
				list = append(list, bans.RecentLimit{List: m.List, Seconds: m.Seconds, HitCount: m.HitCount, Rule: at.Rule.Text, Target: target})
			}
		}
	}
	return list
}

// failures adds what the logs show of the subject's failures. They lead to a
// ban while fail2ban counts them, and only who knows its bans can tell that
// they have not led to one.
func (e question) failures(s Subject) Subject {
	s.Near = slices.Clone(s.Near)
	for _, f := range e.jailed(e.Asked.Address).Failures {
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
