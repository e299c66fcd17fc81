package blocked

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/bans"
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

// recentLimits are the loaded rules that stop those whom a list has counted.
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
