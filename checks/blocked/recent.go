package blocked

import (
	"maps"
	"slices"
	"strings"

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
	for _, t := range e.rules.Tables {
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				if l, ok := recentLimit(r); ok {
					list = append(list, l)
				}
			}
		}
	}
	return list
}

func recentLimit(r *packetfilter.Rule) (l bans.RecentLimit, ok bool) {
	for _, x := range r.Exprs {
		switch x := x.(type) {
		case *packetfilter.RecentMatch:
			if !x.Not && (x.Op == packetfilter.RecentCheck || x.Op == packetfilter.RecentUpdate) {
				l = bans.RecentLimit{List: x.List, Seconds: x.Seconds, HitCount: x.HitCount, Rule: r.Text}
			}
		case *packetfilter.Verdict:
			l.Target = x.Chain
			if l.Target == "" {
				l.Target = strings.ToUpper(x.Kind.String())
			}
		}
	}
	return l, l.List != "" && l.Target != ""
}
