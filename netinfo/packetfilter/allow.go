package packetfilter

import (
	"net/netip"
	"slices"
	"strings"
)

// accept is what a rule that lets packets in compares. Empty parts compare
// nothing.
type accept struct {
	src      netip.Prefix // invalid: any
	dst      AddrSet
	in       string // interface
	protocol uint8  // 0: all
	ports    NumSet
}

// AllowBefore is the change that lets packets from src in right before the
// rule of s decides, or before the policy of its chain does. Protocol 0 is
// all; no ports are all ports. The accept counts for the tables of this hook
// and priority alone: what other tables drop stays dropped, so evaluate again.
func (s Step) AllowBefore(w *Wording, src netip.Prefix, protocol uint8, ports NumSet) Change {
	return s.allow(w, accept{src: src, protocol: protocol, ports: ports})
}

// Allow is the change that lets in from src what an outcome of a class stops:
// before the rule that decides, by that rule's interface, for the ports that the
// outcome is about, as they are there after translation. Where rules tell this
// machine's addresses apart, it is for those alone that the outcome is about.
func (r *Ruleset) Allow(w *Wording, c Class, o Outcome, src netip.Prefix) Change {
	if c.Hook == HookOutput { // this machine's own packets to it
		return o.Decider.allow(w, accept{dst: AddrSet{PrefixSpan(src)}, protocol: c.Protocol})
	}
	a := accept{src: src, in: o.Decider.Rule.interfaceIn(c.In), protocol: c.Protocol, ports: o.Region.DstPort}
	if own := newEvaluation(r, c).local; len(own.Subtract(o.Region.Dst)) > 0 && r.tellsApart(own) {
		a.dst = o.Region.Dst
	}
	step := o.Decider
	if base := o.base(); base != nil && base.Base.translated() {
		if len(o.ToAddrs) > 0 {
			a.dst = o.ToAddrs
		}
		if len(o.ToPorts) > 0 {
			a.ports = o.ToPorts
		}
		step = o.forUsers(base)
	}
	return step.allow(w, a)
}

// tellsApart reports whether some rule is about one of the addresses and not
// about another.
func (r *Ruleset) tellsApart(own AddrSet) bool {
	return slices.ContainsFunc(r.dests, func(d AddrSet) bool { return own.overlap(d) == coverSome })
}

// translated reports whether packets have their new destination in the chain.
func (b *Base) translated() bool {
	return b.Hook == HookInput || b.Hook == HookForward || b.Hook == HookPostrouting || b.Hook == HookPrerouting && b.Priority > priorityDNAT
}

// base is the base chain by which the packet came to the rule that decided.
func (o Outcome) base() *Chain {
	if o.Decider.Chain == nil {
		return nil
	}
	if o.Decider.Chain.Base != nil {
		return o.Decider.Chain
	}
	for _, s := range slices.Backward(o.Trace) {
		if s.Chain != nil && s.Chain.Base != nil && s.Chain.table == o.Decider.Chain.table {
			return s.Chain
		}
	}
	return nil
}

// forUsers is where a rule about packets that are sent on belongs: Docker makes
// its own chains anew and leaves one, which it asks first, to the administrator.
func (o Outcome) forUsers(base *Chain) Step {
	users := base.table.byName["DOCKER-USER"]
	if base.Base.Hook != HookForward || users == nil || users == o.Decider.Chain || base.table.Tool == ToolNFT {
		return o.Decider
	}
	for _, r := range base.Rules {
		if r == o.Decider.Rule {
			return o.Decider // it decides before Docker's chain is asked
		}
		if slices.ContainsFunc(r.Exprs, func(x Expr) bool { v, ok := x.(*Verdict); return ok && v.target == users }) {
			s := Step{Chain: users}
			if len(users.Rules) > 0 {
				s.Rule = users.Rules[0]
			}
			return s
		}
	}
	return o.Decider
}

// interfaceIn is the interface that a rule is about, have where it is about
// several; empty for all.
func (r *Rule) interfaceIn(have string) string {
	if r == nil {
		return ""
	}
	for _, x := range r.Exprs {
		if m, ok := x.(*Match); ok && m.Field == FieldIn && !m.Not {
			if len(m.Names) == 1 {
				return m.Names[0]
			}
			return have
		}
	}
	return ""
}

func (s Step) allow(w *Wording, a accept) Change {
	if s.Chain == nil || s.Chain.table == nil {
		return Change{}
	}
	if len(a.ports) == 1 && a.ports[0] == (Span[Num]{0, 65535}) || !hasPorts(a.protocol) {
		a.ports = nil
	}
	e, ok := s.edit(w)
	if !ok {
		return Change{}
	}
	if e.NFT != nil {
		e.Accept, e.Mark = a.nft()
		return Change{Rules: []RuleEdit{e}}
	}
	var c Change
	for _, dst := range a.destinations() {
		for _, group := range portGroups(a.ports) {
			e.Accept = a.iptables(dst, group)
			c.Rules = append(c.Rules, e)
		}
	}
	return c
}

// maxDestinations bounds the rules for one outcome: past it the destination is
// left out.
const maxDestinations = 8

// destinations are the networks of the destination, one for each rule; an
// invalid one for all.
func (a accept) destinations() (list []netip.Prefix) {
	for _, x := range a.dst {
		p, ok := asPrefix(x.Lo, x.Hi)
		if !ok {
			return []netip.Prefix{{}}
		}
		list = append(list, p)
	}
	if len(list) == 0 || len(list) > maxDestinations {
		return []netip.Prefix{{}}
	}
	return list
}

func (a accept) iptables(dst netip.Prefix, ports NumSet) []string {
	var words []string
	if a.src.IsValid() {
		words = append(words, "-s", a.src.String())
	}
	if dst.IsValid() {
		words = append(words, "-d", dst.String())
	}
	if a.in != "" {
		words = append(words, "-i", a.in)
	}
	if a.protocol != 0 {
		words = append(words, "-p", protocolName(a.protocol))
	}
	if len(ports) > 0 {
		words = append(words, "-m", "multiport", "--dports", strings.NewReplacer(", ", ",", "-", ":").Replace(ports.String()))
	}
	return append(words, "-j", "ACCEPT")
}

// nft marks the rule with a comment, by which the undo finds it.
func (a accept) nft() (rule []string, mark string) {
	ip := "ip"
	if a.src.Addr().Is6() || len(a.dst) > 0 && a.dst[0].Lo.Is6() {
		ip = "ip6"
	}
	text, mark := "", "sipdoctor"
	if a.src.IsValid() {
		text, mark = ip+" saddr "+a.src.String(), "sipdoctor "+a.src.String()
	}
	if list := a.destinations(); list[0].IsValid() {
		text = strings.TrimSpace(text + " " + ip + " daddr { " + a.dst.String() + " }")
		mark += " to " + strings.ReplaceAll(a.dst.String(), " ", "")
	}
	if a.in != "" && !strings.ContainsAny(a.in, oddSigns) {
		text += ` iifname "` + a.in + `"`
		mark += " by " + a.in
	}
	switch {
	case len(a.ports) > 0:
		text += " " + protocolName(a.protocol) + " dport { " + a.ports.String() + " }"
		mark += " " + protocolName(a.protocol) + " " + strings.ReplaceAll(a.ports.String(), " ", "")
	case a.protocol != 0:
		text += " meta l4proto " + protocolName(a.protocol)
		mark += " " + protocolName(a.protocol)
	}
	const maxComment = 128 // bytes, NFTNL_UDATA_COMMENT_MAXLEN
	mark = mark[:min(len(mark), maxComment)]
	return []string{text + ` accept comment "` + mark + `"`}, mark
}
