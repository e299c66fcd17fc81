package blocked

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/bans"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// firstOfRange says why a ban of a network by CrowdSec stops one address of it: its
// set was made for single addresses, and of a network it takes the first.
func (e question) firstOfRange(s Subject) Subject {
	s.Blocks = slices.Clone(s.Blocks)
	for i := range s.Blocks {
		b := &s.Blocks[i]
		if b.Layer != bans.LayerCrowdSec || b.Effective || !b.Prefix.IsValid() || b.Prefix.IsSingleIP() {
			continue
		}
		first := netip.PrefixFrom(b.Prefix.Addr(), b.Prefix.Addr().BitLen())
		for _, m := range e.rules.Mentions(first) {
			if m.Set != nil && len(m.Covers) == 1 && m.Covers[0] == packetfilter.PrefixSpan(first) {
				b.Why, b.Misplaced = whyNot(whyFirst, m.Set.Name), true
			}
		}
	}
	return s
}

// unusedSets says why bans that jails keep in sets have no effect: no rule asks the
// set, but perhaps one of a similar name.
func (e question) unusedSets(s Subject) Subject {
	s.Blocks = slices.Clone(s.Blocks)
	for i := range s.Blocks {
		b := &s.Blocks[i]
		if b.Layer != "fail2ban" || b.Effective || !b.Prefix.IsValid() {
			continue
		}
		var filled []string
		used := false
		for _, m := range e.rules.Mentions(b.Prefix) {
			if m.Set != nil && m.Set.Name != "" {
				filled, used = append(filled, m.Set.Name), used || len(m.UsedBy) > 0
			}
		}
		if used || len(filled) == 0 {
			continue
		}
		asked := pbx.AskedSetsOf(e.rules, b.Jail)
		b.Why, b.Misplaced = whyNot(whyUnused, strings.Join(filled, ", "), cmp.Or(strings.Join(asked, ", "), "none")), true
	}
	return s
}
