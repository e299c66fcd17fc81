package firewall

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// metered finds limits that each source has for itself. A stranger who was never
// seen is below them, so what the rules do with his first packet does not show
// them: of one that lets the rest in, the packets are sent again without it; of
// one that stops what is above it, it is told whether packets come to it. The
// ports of c are those that strangers reach.
func metered(rules *packetfilter.Ruleset, c packetfilter.Class) (list []Limit) {
	outcomes := rules.Evaluate(c).Outcomes
	for _, t := range rules.Tables {
		for _, chain := range t.Chains {
			for _, r := range chain.Rules {
				i := slices.IndexFunc(r.Exprs, func(x packetfilter.Expr) bool { _, ok := x.(*packetfilter.Metered); return ok })
				if i < 0 {
					continue
				}
				m := r.Exprs[i].(*packetfilter.Metered)
				if m.Over && !(stopsBy(chain, r) && fits(r, c) && slices.ContainsFunc(outcomes, func(o packetfilter.Outcome) bool { return comesTo(o, chain, r) })) {
					continue
				}
				if !m.Over && !stops(rules, without(c, r)) {
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

// without is a class that one rule does not see.
func without(c packetfilter.Class, r *packetfilter.Rule) packetfilter.Class {
	c.Ignore = map[*packetfilter.Rule]bool{r: true}
	return c
}

// stopsBy reports whether a rule stops what it matches, by itself or by a chain
// that it sends it to.
func stopsBy(chain *packetfilter.Chain, r *packetfilter.Rule) bool {
	for _, x := range r.Exprs {
		v, ok := x.(*packetfilter.Verdict)
		switch {
		case !ok:
		case v.Kind == packetfilter.Drop || v.Kind == packetfilter.Reject:
			return true
		case v.Kind == packetfilter.Jump || v.Kind == packetfilter.Goto:
			for _, to := range chain.Table().Chains {
				if to.Name == v.Chain {
					return slices.ContainsFunc(to.Rules, func(r *packetfilter.Rule) bool {
						return slices.Contains([]string{"drop", "reject"}, r.Does())
					})
				}
			}
		}
	}
	return false
}

// fits reports whether the packets of a class may match a rule, as far as its
// protocol, ports, sources, interface and state tell.
func fits(r *packetfilter.Rule, c packetfilter.Class) bool {
	for _, x := range r.Exprs {
		m, ok := x.(*packetfilter.Match)
		if !ok || m.Or != packetfilter.FieldNone {
			continue
		}
		var hit bool
		switch m.Field {
		case packetfilter.FieldProtocol:
			hit = m.Nums.Contains(packetfilter.Num(c.Protocol))
		case packetfilter.FieldDstPort:
			hit = len(m.Nums.Intersect(c.DstPorts)) > 0
		case packetfilter.FieldSrc:
			hit = len(m.Addrs) > 0 && m.Addrs[0].Lo.BitLen() == c.Src[0].Addr().BitLen() && m.Addrs.Contains(c.Src[0].Addr())
		case packetfilter.FieldIn:
			hit = c.In == "" || slices.ContainsFunc(m.Names, func(n string) bool {
				begin, wild := strings.CutSuffix(strings.Replace(n, "*", "+", 1), "+")
				return n == c.In || wild && strings.HasPrefix(c.In, begin)
			})
		case packetfilter.FieldCtState:
			hit = m.Mask == 0 && m.Nums.Contains(state(c)) || packetfilter.Num(m.Mask)&state(c) != 0
		default:
			continue
		}
		if hit == m.Not {
			return false
		}
	}
	return true
}

func state(c packetfilter.Class) packetfilter.Num {
	if c.State == 0 {
		return packetfilter.StateNew
	}
	return c.State
}

// comesTo reports whether packets on their way to an outcome come to a rule: they
// are sent to its chain, and no rule before it ended their way there.
func comesTo(o packetfilter.Outcome, chain *packetfilter.Chain, r *packetfilter.Rule) bool {
	entered := chain.Base != nil && (chain.Base.Hook == packetfilter.HookInput || chain.Base.Hook == packetfilter.HookPrerouting)
	for _, s := range append(slices.Clone(o.Trace), o.Decider) {
		if s.Rule == nil || s.Chain == nil {
			continue
		}
		if leads := slices.ContainsFunc(s.Rule.Exprs, func(x packetfilter.Expr) bool {
			v, ok := x.(*packetfilter.Verdict)
			return ok && v.Chain == chain.Name
		}); leads && s.Chain.Table() == chain.Table() {
			entered = true
		}
		ends := slices.Contains([]string{"accept", "drop", "reject", "goto", "return"}, s.What)
		if s.Chain == chain && ends && slices.Index(chain.Rules, s.Rule) < slices.Index(chain.Rules, r) {
			return false
		}
	}
	return entered
}
