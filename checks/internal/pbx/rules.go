package pbx

import (
	"iter"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// Matches are all expressions of one kind in loaded rules, each with the place of
// its rule.
func Matches[E packetfilter.Expr](rules *packetfilter.Ruleset) iter.Seq2[packetfilter.Step, E] {
	return func(yield func(packetfilter.Step, E) bool) {
		for c, r := range rules.Rules() {
			for _, x := range r.Exprs {
				if e, ok := x.(E); ok && !yield(packetfilter.Step{Chain: c, Rule: r}, e) {
					return
				}
			}
		}
	}
}

// HasMatch reports whether a rule, which may be nil, has an expression that fits.
func HasMatch[E packetfilter.Expr](r *packetfilter.Rule, fits func(E) bool) bool {
	return r != nil && slices.ContainsFunc(r.Exprs, func(x packetfilter.Expr) bool {
		e, ok := x.(E)
		return ok && fits(e)
	})
}

// AskedSets are the named sets that loaded rules ask, and how many rules do.
func AskedSets(rules *packetfilter.Ruleset) map[*packetfilter.Set]int {
	asked := map[*packetfilter.Set]int{}
	for _, l := range Matches[*packetfilter.Lookup](rules) {
		if l.Set != nil && l.Set.Name != "" {
			asked[l.Set]++
		}
	}
	return asked
}

// AskedSetsOf are the names of the sets that loaded rules ask and that are named
// after a jail, sorted.
func AskedSetsOf(rules *packetfilter.Ruleset, jail string) (names []string) {
	for set := range AskedSets(rules) {
		if strings.Contains(set.Name, jail) {
			names = append(names, set.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// DockerUser is the chain that Docker leaves to the administrator and asks
// before its own.
const DockerUser = "DOCKER-USER"

// ForwardChain is the chain of iptables in which a ban on what is sent on acts:
// DockerUser where there is one.
func ForwardChain(rules *packetfilter.Ruleset) string {
	for _, t := range rules.Tables {
		if slices.ContainsFunc(t.Chains, func(c *packetfilter.Chain) bool { return c.Name == DockerUser }) {
			return DockerUser
		}
	}
	return "FORWARD"
}
