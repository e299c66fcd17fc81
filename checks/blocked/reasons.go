package blocked

import (
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/bans"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform"
)

// countedUntil is when a list of "recent" lets an address go that sends nothing
// more: when too few of its packets are young enough for the rule. Zero where
// the rule has no time, or the ages are not known.
func countedUntil(c culprit, when time.Time) time.Time {
	for _, x := range c.step.Rule.Exprs {
		m, ok := x.(*packetfilter.RecentMatch)
		if !ok || m.List != c.list || m.Seconds == 0 {
			continue
		}
		if n := max(m.HitCount, 1); n <= len(c.recent.Ages) {
			return when.Add(platform.Seconds(m.Seconds) - c.recent.Ages[n-1]).Truncate(time.Second)
		}
	}
	return time.Time{}
}

// ranges says why a ban of a network by CrowdSec stops one address of it: its
// set was made for single addresses, and of a network it takes the first.
func (e *evaluator) ranges(s *Subject) {
	for i := range s.Blocks {
		b := &s.Blocks[i]
		if b.Layer != bans.LayerCrowdSec || b.Effective || !b.Prefix.IsValid() || b.Prefix.IsSingleIP() {
			continue
		}
		first := netip.PrefixFrom(b.Prefix.Addr(), b.Prefix.Addr().BitLen())
		for _, m := range e.rules.Mentions(first) {
			if m.Set != nil && len(m.Covers) == 1 && m.Covers[0] == packetfilter.PrefixSpan(first) {
				b.Why = "of " + short(b.Prefix) + " the set " + m.Set.Name + " holds the address " + first.Addr().String() + " alone: it was made without \"flags interval\""
			}
		}
	}
}
