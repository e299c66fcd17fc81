package firewall

import (
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// metered finds limits that each source has for itself. A stranger who was never
// seen is below them, so the packets are sent again as those of one who is above:
// a limit that matters stops them. The ports of c are those that strangers reach.
func metered(rules *packetfilter.Ruleset, c packetfilter.Class) (list []Limit) {
	for at, m := range pbx.Matches[*packetfilter.Metered](rules) {
		if c.Exceeded = m; stops(rules, c) {
			l := readLimit(m.What)
			l.Address = slices.Contains(m.By, packetfilter.FieldSrc) || slices.Contains(m.Fields, packetfilter.FieldSrc)
			l.Rule, l.Table = at.Rule.Text, pbx.RulePlace(at)
			list = append(list, l)
		}
	}
	return list
}
