package packetfilter

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Limits of one evaluation. Real rulesets stay far below; they are for dumps
// made to stall the reader.
const (
	// maxVisits bounds rules met, counted for each part of the class. 100,000
	// rules met by 30 parts are 3 million, which take about a second.
	maxVisits = 4_000_000
	// maxForks bounds unknown matches followed both ways. Rulesets of people
	// have a few dozen.
	maxForks = 10_000
	// mergeFrom is the number of parts at which looking for parts that can be
	// put together again begins to pay.
	mergeFrom = 32
	// maxParts bounds the parts of a class that are alive at once. Putting them
	// together compares each with each, so it must stay in the thousands.
	maxParts = 2048
	// maxDepth bounds nested jumps. nft allows 16; iptables has no limit but
	// the number of chains, and people stop at about ten.
	maxDepth = 500
)

// evaluation is one run of Evaluate.
type evaluation struct {
	rules *Ruleset
	class Class
	ipv6  bool
	local AddrSet

	hook     HookName
	priority int
	nat      bool // in a chain of type nat
	onStack  map[*Chain]bool
	depth    int
	visits   int
	forks    int
	later    bool           // what is followed is a piece of a packet after its first
	mergeAt  int            // frags from which tidy looks again
	reasons  []words.Reason // every reason met, for outcomes whose own were merged away

	accepted []*frag // by the base chain at work
	outcomes []result
}

// result is what became of a frag.
type result struct {
	f       *frag
	verdict Decision
	with    string
	by      Step
	reason  words.Reason // of a maybe without an assumption
}

func newEvaluation(r *Ruleset, c Class) *evaluation {
	if c.Hook == "" {
		c.Hook = HookInput
	}
	if c.State == 0 {
		c.State = StateNew
	}
	e := &evaluation{rules: r, class: c, ipv6: c.IPv6, onStack: map[*Chain]bool{}}
	for _, p := range slices.Concat(c.Src, c.Dst) {
		e.ipv6 = p.Addr().Is6() && !p.Addr().Is4In6()
		break
	}
	var local []netip.Addr
	for _, a := range c.Local {
		if a = a.Unmap(); a.Is6() == e.ipv6 && a.IsValid() {
			local = append(local, a.WithZone(""))
		}
	}
	e.local = addrsOf(local...)
	return e
}

func everyAddr(ipv6 bool) AddrSet {
	if ipv6 {
		return AddrSet{PrefixSpan(netip.PrefixFrom(netip.IPv6Unspecified(), 0))}
	}
	return AddrSet{PrefixSpan(netip.PrefixFrom(netip.IPv4Unspecified(), 0))}
}

// prefixSpans is the set of the prefixes, IPv4-mapped ones unmapped.
func prefixSpans(list []netip.Prefix) AddrSet {
	spans := make([]Span[netip.Addr], 0, len(list))
	for _, p := range list {
		if p.Addr().Is4In6() {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		if p.IsValid() {
			spans = append(spans, PrefixSpan(netip.PrefixFrom(p.Addr().WithZone(""), p.Bits())))
		}
	}
	return NewSpans(spans...)
}

// start is the whole class as one frag.
func (e *evaluation) start() *frag {
	c := e.class
	f := &frag{src: prefixSpans(c.Src), dst: prefixSpans(c.Dst)}
	if len(c.Src) == 0 {
		f.src = everyAddr(e.ipv6)
	}
	switch {
	case len(c.Dst) > 0:
	case c.Hook == HookInput && len(e.local) > 0:
		f.dst = e.local
	case c.Hook == HookInput:
		// A machine's address is not a group's, and the loopback is reached only
		// from there.
		f.dst = everyAddr(e.ipv6).Subtract(multicasts(e.ipv6)).Subtract(e.broadcasts())
		if f.src.overlap(loopback(e.ipv6)) != coverAll {
			f.dst = f.dst.Subtract(loopback(e.ipv6))
		}
	default:
		f.dst = everyAddr(e.ipv6)
	}
	f.sport, f.dport = c.ports(c.SrcPorts), c.ports(c.DstPorts)
	f.mark = bits{c.Mark, ^uint32(0)}
	switch {
	case c.State == StateNew:
		f.ctmark = bits{0, ^uint32(0)}
	case c.CtMarkKnown:
		f.ctmark = bits{c.CtMark, ^uint32(0)}
	case !e.rules.ctMarks:
		f.ctmark = bits{0, ^uint32(0)} // no rule ever sets one
	}
	return f
}

// ports are those of a list, all where it is empty, or 0 for a protocol that has
// none.
func (c *Class) ports(list NumSet) NumSet {
	every := NumSet{{0, 65535}}
	switch {
	case !hasPorts(c.Protocol):
		return OneNum(0)
	case len(list) == 0:
		return every
	}
	return list.Intersect(every)
}

func hasPorts(protocol uint8) bool {
	const dccp, udplite = 33, 136
	return protocol == TCP || protocol == UDP || protocol == SCTP || protocol == dccp || protocol == udplite
}

// chain takes frags through the rules of c and gives back those that came out
// at its end or returned.
func (e *evaluation) chain(c *Chain, frags []*frag) (back []*frag) {
	if e.onStack[c] || e.depth > maxDepth {
		reason := because("too-many-rules")
		if e.onStack[c] {
			reason = because("chain-loop", "chain", c.Name)
		}
		for _, f := range frags {
			e.giveUp(f, Step{Chain: c}, reason)
		}
		return nil
	}
	e.onStack[c] = true
	e.depth++
	defer func() { delete(e.onStack, c); e.depth-- }()

	live := slices.Clone(frags)
	var w walk
	runs := c.runs
	if len(e.class.Ignore) > 0 {
		runs = nil // a run is taken as a whole, the ignored rules with it
	}
	for i := 0; i < len(c.Rules) && len(live) > 0; i++ {
		r, forks := c.Rules[i], e.forks
		if e.class.Ignore[r] {
			continue
		}
		if len(runs) > 0 && runs[0].start == i {
			e.throughRun(c, runs[0], live, &w)
			i, runs = runs[0].end-1, runs[1:]
		} else {
			for _, f := range live {
				e.visit(c, r, f, &w)
			}
		}
		live, w.fall = w.fall, live[:0]
		if e.forks != forks {
			live = rejoin(live)
		}
		live = e.tidy(live, Step{Chain: c, Rule: r})
	}
	if c.Incomplete && c.Base == nil {
		for _, f := range live {
			e.giveUp(f, Step{Chain: c}, incomplete(c))
		}
		live = nil
	}
	return e.tidy(append(w.back, live...), Step{Chain: c})
}

func incomplete(c *Chain) words.Reason { return because("chain-incomplete", "chain", c.Name) }

// visit takes f through one rule, while there is time.
func (e *evaluation) visit(c *Chain, r *Rule, f *frag, w *walk) {
	if e.visits++; e.visits > maxVisits || e.forks > maxForks {
		e.giveUp(f, Step{Chain: c, Rule: r}, because("too-many-rules"))
		return
	}
	e.rule(c, r, 0, f, w)
}

// walk gathers what one chain's rules send on: fall to the next rule, back to
// the chain that jumped here.
type walk struct{ fall, back []*frag }

// rule carries out the expressions of r from number i on.
func (e *evaluation) rule(c *Chain, r *Rule, i int, f *frag, w *walk) {
	touched := false // f is our own copy
	for ; i < len(r.Exprs); i++ {
		switch x := r.Exprs[i].(type) {
		case *Verdict:
			e.verdict(c, r, x, f, w)
			return
		case *NAT:
			if x.Kind == TProxy {
				e.tproxy(c, r, i+1, x, f, w)
			} else {
				e.rewrite(c, r, x, f)
			}
			return
		case *VerdictMap:
			e.verdictMap(c, r, i, x, f, w)
			return
		case *SetMark, *NoTrack, *Helper, *Update, *Note:
			if !touched {
				f, touched = f.after(Step{Chain: c, Rule: r, What: "effect"}), true
			}
			e.effect(f, x)
		default:
			a := e.test(f, x)
			switch a.kind {
			case answerYes:
				continue
			case answerNo:
				w.fall = append(w.fall, f)
				return
			}
			if a.kind == answerFork && onlyNotes(r.Exprs[i+1:]) {
				w.fall = append(w.fall, f)
				return
			}
			yes, no := e.apply(f, a)
			w.fall = append(w.fall, no...)
			for _, g := range yes {
				e.rule(c, r, i+1, g, w)
			}
			return
		}
	}
	if !touched {
		f = f.after(Step{Chain: c, Rule: r, What: "effect"})
	}
	w.fall = append(w.fall, f)
}

// onlyNotes reports that the rest of a rule has no bearing on the packet, so
// that whether it is reached need not be known.
func onlyNotes(list []Expr) bool {
	for _, x := range list {
		switch x := x.(type) {
		case *Note, *Unknown, *Match, *Never, *Metered, *Expected:
		case *Verdict:
			if x.Kind != Continue {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// verdict carries out a verdict on f.
func (e *evaluation) verdict(c *Chain, r *Rule, v *Verdict, f *frag, w *walk) {
	step := Step{Chain: c, Rule: r, What: v.Kind.String()}
	switch v.Kind {
	case Accept:
		e.accept(f, step)
		return
	case Continue:
		w.fall = append(w.fall, f)
		return
	}
	f = f.after(step)
	switch v.Kind {
	case Drop:
		e.end(result{f: f, verdict: Dropped, with: v.With, by: step})
	case Reject:
		e.end(result{f: f, verdict: Rejected, with: v.With, by: step})
	case Return:
		w.back = append(w.back, f)
	case Queue:
		e.giveUp(f, step, because("queue", "target", v.With))
	case Stolen:
		e.giveUp(f, step, because("target", "target", v.With))
	case Jump, Goto:
		if v.target == nil {
			e.giveUp(f, step, because("chain-unlisted", "chain", v.Chain))
			return
		}
		back := e.chain(v.target, []*frag{f})
		if v.Kind == Goto {
			w.back = append(w.back, back...)
		} else {
			w.fall = append(w.fall, back...)
		}
	}
}

// verdictNames are the verdicts in the words of nft.
var verdictNames = []string{"unknown", Accept: "accept", Drop: "drop", Reject: "reject", Return: "return", Jump: "jump",
	Goto: "goto", Continue: "continue", Queue: "queue", Stolen: "stolen"}

// String is the verdict in the words of nft.
func (k VerdictKind) String() string { return verdictNames[k] }
