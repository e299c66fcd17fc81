package blocked

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/server"
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

// causes says why bans have no effect, where that can be told.
func (e *evaluator) causes(s *Subject) {
	for i := range s.Blocks {
		b := &s.Blocks[i]
		switch {
		case b.Effective || !b.Prefix.IsValid():
		case b.Layer == bans.LayerCrowdSec && !b.Prefix.IsSingleIP():
			b.Cause = e.firstOnly(b.Prefix)
		case b.Layer == "fail2ban":
			b.Cause = e.unasked(*b)
		default:
			b.Cause = otherZone(*s, *b)
		}
	}
}

// firstOnly is why a ban of a network by CrowdSec stops one address of it: its
// set was made for single addresses, and of a network it takes the first.
func (e *evaluator) firstOnly(network netip.Prefix) string {
	first := netip.PrefixFrom(network.Addr(), network.Addr().BitLen())
	for _, m := range e.rules.Mentions(first) {
		if m.Set != nil && len(m.Covers) == 1 && m.Covers[0] == packetfilter.PrefixSpan(first) {
			return "of " + short(network) + " the set " + m.Set.Name + " holds " + first.Addr().String() + " alone, because it was made without \"flags interval\""
		}
	}
	return ""
}

// unasked is why a ban that a jail keeps in a set has no effect: no rule asks
// the set, but perhaps one of a similar name.
func (e *evaluator) unasked(b Block) string {
	var filled, asked []string
	for _, m := range e.rules.Mentions(b.Prefix) {
		if m.Set == nil || m.Set.Name == "" {
			continue
		}
		if len(m.UsedBy) > 0 {
			return ""
		}
		filled = append(filled, m.Set.Name)
	}
	for set := range server.AskedSets(e.rules) {
		if strings.Contains(set.Name, b.Jail) && !slices.Contains(asked, set.Name) {
			asked = append(asked, set.Name)
		}
	}
	slices.Sort(asked)
	switch {
	case len(filled) == 0:
		return ""
	case len(asked) == 0:
		return "it is in " + some(filled, 3) + ", which no rule asks"
	}
	return "it is in " + some(filled, 3) + ", which no rule asks; the rules ask " + some(asked, 3)
}

// otherZone is why a rule of firewalld does not see the packets.
func otherZone(s Subject, b Block) string {
	zone := server.ZoneOf(b.Where)
	for _, p := range s.Paths {
		if other := server.ZoneOf(p.Table); zone != "" && other != "" && other != zone {
			return "its rule stands in zone " + zone + " of firewalld, and these packets go through zone " + other
		}
	}
	return ""
}
