package blocked

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// culprit is what made the packet filter stop a packet of one address: a rule
// that names it, or one that asks a set or a list that does.
type culprit struct {
	packetfilter.Mention
	step   packetfilter.Step         // the rule
	match  *packetfilter.RecentMatch // that asks the list
	prefix netip.Prefix              // that is named; zero where it is no network
	allow  []packetfilter.RuleEdit   // accepts that go before it
}

// culpritOf looks for what is about the subject among the rule that decided
// and the rules that led to its chain. ok is false where a rule for everyone
// decided.
func culpritOf(named map[*packetfilter.Rule][]packetfilter.Mention, o packetfilter.Outcome, subject netip.Prefix, field packetfilter.Field) (culprit, bool) {
	for _, step := range callers(o) {
		for _, list := range [][]packetfilter.Mention{named[step.Rule], named[nil]} {
			for _, m := range list {
				match, asked := asks(step.Rule, m, field)
				if !asked {
					continue
				}
				if p, ok := around(m.Covers, subject); ok {
					return culprit{Mention: m, step: step, match: match, prefix: p}, true
				}
			}
		}
	}
	return culprit{}, false
}

// asks reports whether a rule, which may be nil, is about what a mention names:
// it is the one that names it, or it asks the set or list.
func asks(r *packetfilter.Rule, m packetfilter.Mention, field packetfilter.Field) (match *packetfilter.RecentMatch, ok bool) {
	if r == nil || m.Step.Rule != nil {
		return nil, r != nil && r == m.Step.Rule && m.Dest == (field == packetfilter.FieldDst)
	}
	for _, x := range r.Exprs {
		switch x := x.(type) {
		case *packetfilter.Lookup:
			if m.Set != nil && x.Set == m.Set && !x.Not && !m.Element.NoMatch && slices.Contains(x.Fields, field) {
				return nil, true
			}
		case *packetfilter.RecentMatch:
			if m.Entry != nil && x.List == m.List && !x.Not && x.Op != packetfilter.RecentSet {
				return x, true
			}
		}
	}
	return nil, false
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
		leads := pbx.HasMatch(step.Rule, func(v *packetfilter.Verdict) bool { return v.Chain == chain.Name }) ||
			pbx.HasMatch(step.Rule, func(*packetfilter.VerdictMap) bool { return true })
		if leads && step.Chain.Table() == chain.Table() {
			list = append(list, step)
			chain = step.Chain
		}
	}
	return list
}

// widest is the shortest length of a network that still reads like a ban: half
// of all addresses is a policy.
const widest = 3

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
		p, ok := packetfilter.Network(x)
		if !ok {
			return netip.Prefix{}, true
		}
		return p, p.Bits() >= widest
	}
	return netip.Prefix{}, false
}

// owner guesses from the names of chains, sets and tables who put a ban there,
// and would put it back, and under which name: fail2ban's jail or action.
func owner(c culprit) (layer, name string) {
	names := []string{c.step.Chain.Name}
	if t := c.step.Chain.Table(); t != nil {
		names = append(names, t.Name)
	}
	if c.Set != nil {
		names = append([]string{c.Set.Name}, names...)
	}
	if c.List != "" {
		names = append([]string{c.List}, names...)
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
