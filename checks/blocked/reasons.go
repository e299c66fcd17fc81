package blocked

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/netinfo/bans"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

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
				b.Misplaced = true
			}
		}
	}
}
