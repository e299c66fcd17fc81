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
	for _, t := range rules.Tables {
		for _, chain := range t.Chains {
			for _, r := range chain.Rules {
				i := slices.IndexFunc(r.Exprs, func(x packetfilter.Expr) bool { _, ok := x.(*packetfilter.Metered); return ok })
				if i < 0 {
					continue
				}
				m := r.Exprs[i].(*packetfilter.Metered)
				if c.Exceeded = m; !stops(rules, c) {
					continue
				}
				l := readLimit(m.What)
				l.Address = slices.Contains(m.By, packetfilter.FieldSrc) || slices.Contains(m.Fields, packetfilter.FieldSrc)
				l.Rule, l.Table = r.Text, pbx.RulePlace(packetfilter.Step{Chain: chain, Rule: r})
				list = append(list, l)
			}
		}
	}
	return list
}
