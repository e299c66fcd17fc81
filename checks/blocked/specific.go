package blocked

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// culprit is what made the packet filter stop a packet of one address: a rule
// that names it, a set that holds it, a list that remembers it.
type culprit struct {
	step    packetfilter.Step
	set     *packetfilter.Set
	element packetfilter.Element
	recent  *packetfilter.RecentEntry
	list    string // of recent
	match   *packetfilter.RecentMatch
	prefix  netip.Prefix
}

// culpritOf looks for what is about the subject among the rule that decided
// and the rules that led to its chain. ok is false where a rule for everyone
// decided.
func culpritOf(rules *packetfilter.Ruleset, o packetfilter.Outcome, subject netip.Prefix, field packetfilter.Field) (c culprit, ok bool) {
	for _, step := range callers(o) {
		if c, ok := specific(rules, step, subject, field); ok {
			return c, true
		}
	}
	return culprit{}, false
}

// callers are the rule that decided, the one that jumped to its chain, the one
// that jumped to that, and so on.
func callers(o packetfilter.Outcome) []packetfilter.Step {
	list := []packetfilter.Step{o.Decider}
	chain := o.Decider.Chain
	for i := len(o.Trace) - 1; i >= 0 && chain != nil && chain.Base == nil; i-- {
		step := o.Trace[i]
		if step.Rule == nil || step.Chain == nil || (step.What != "jump" && step.What != "goto") {
			continue
		}
		if leadsTo(step.Rule, chain.Name) && step.Chain.Table() == chain.Table() {
			list = append(list, step)
			chain = step.Chain
		}
	}
	return list
}

func leadsTo(r *packetfilter.Rule, chain string) bool {
	for _, x := range r.Exprs {
		switch x := x.(type) {
		case *packetfilter.Verdict:
			if x.Chain == chain {
				return true
			}
		case *packetfilter.VerdictMap:
			return true
		}
	}
	return false
}

// widest is the shortest length of a network that still reads like a ban: half
// of all addresses is a policy.
const widest = 3

// specific reports whether a rule is about the subject.
func specific(rules *packetfilter.Ruleset, step packetfilter.Step, subject netip.Prefix, field packetfilter.Field) (culprit, bool) {
	if step.Rule == nil {
		return culprit{}, false
	}
	for _, x := range step.Rule.Exprs {
		switch x := x.(type) {
		case *packetfilter.Match:
			if x.Field != field || x.Not {
				continue
			}
			if p, ok := around(x.Addrs, subject); ok {
				return culprit{step: step, prefix: p}, true
			}
		case *packetfilter.Lookup:
			if x.Not || x.Set == nil || !slices.Contains(x.Fields, field) {
				continue
			}
			if set, e, p, ok := holding(x.Set, subject); ok {
				return culprit{step: step, set: set, element: e, prefix: p}, true
			}
		case *packetfilter.RecentMatch:
			if x.Not || x.Op == packetfilter.RecentSet {
				continue
			}
			if e := remembered(rules, x.List, subject); e != nil {
				return culprit{step: step, recent: e, list: x.List, match: x, prefix: subject}, true
			}
		}
	}
	return culprit{}, false
}

// around is the span of a set that holds the subject, or lies in it, as a
// network.
func around(set packetfilter.AddrSet, subject netip.Prefix) (netip.Prefix, bool) {
	for _, x := range set {
		if x.Lo.BitLen() != subject.Addr().BitLen() {
			continue
		}
		inside := x.Lo.Compare(subject.Addr()) <= 0 && x.Hi.Compare(subject.Addr()) >= 0
		if !inside && !subject.Contains(x.Lo) {
			continue
		}
		p := prefixOf(x)
		return p, !p.IsValid() || p.Bits() >= widest
	}
	return netip.Prefix{}, false
}

// prefixOf is the span as a prefix; the zero Prefix where it is none.
func prefixOf(x packetfilter.Span[netip.Addr]) netip.Prefix {
	p, _ := pbx.Network(x)
	return p
}

// holding finds the element of a set, or of its members, that is about the
// subject.
func holding(set *packetfilter.Set, subject netip.Prefix) (*packetfilter.Set, packetfilter.Element, netip.Prefix, bool) {
	for _, e := range set.Elements {
		if e.NoMatch {
			continue
		}
		for i, v := range e.Values {
			if i >= len(set.Kinds) || set.Kinds[i] != packetfilter.KindAddr || !v.Addr.Lo.IsValid() {
				continue
			}
			if p, ok := around(packetfilter.AddrSet{v.Addr}, subject); ok {
				return set, e, p, true
			}
		}
	}
	return nil, packetfilter.Element{}, netip.Prefix{}, false
}

func remembered(rules *packetfilter.Ruleset, list string, subject netip.Prefix) *packetfilter.RecentEntry {
	t := rules.Recent[list]
	if t == nil {
		return nil
	}
	for i := range t.Entries {
		if subject.Contains(t.Entries[i].Addr) {
			return &t.Entries[i]
		}
	}
	return nil
}

// owner guesses from the names of chains, sets and tables who put a ban there,
// and would put it back, and under which name: fail2ban's jail or action.
func owner(c culprit) (layer, name string) {
	names := []string{c.step.Chain.Name}
	if t := c.step.Chain.Table(); t != nil {
		names = append(names, t.Name)
	}
	if c.set != nil {
		names = append([]string{c.set.Name}, names...)
	}
	if c.list != "" {
		names = append([]string{c.list}, names...)
	}
	for _, n := range names {
		for _, known := range []struct{ prefix, layer string }{
			{"addr-set-", "fail2ban"}, {"addr6-set-", "fail2ban"}, {"f2b-", "fail2ban"}, {"fail2ban-", "fail2ban"},
			{"crowdsec", "crowdsec"}, {"chain_DENY", "csf"}, {"DENYIN", "csf"}, {"DENYOUT", "csf"},
			{"ufw-", "ufw"}, {"ufw6-", "ufw"}, {"firewalld", "firewalld"}, {"sshguard", "sshguard"}, {"fpbx", "freepbx"},
		} {
			rest, ok := strings.CutPrefix(n, known.prefix)
			if !ok {
				continue
			}
			if known.layer != "fail2ban" {
				rest = ""
			}
			return known.layer, rest
		}
	}
	return "", ""
}

// dockerUser is the chain that Docker leaves to the administrator and asks
// before its own.
const dockerUser = "DOCKER-USER"

func hasChain(rules *packetfilter.Ruleset, name string) bool {
	for _, t := range rules.Tables {
		if slices.ContainsFunc(t.Chains, func(c *packetfilter.Chain) bool { return c.Name == name }) {
			return true
		}
	}
	return false
}
