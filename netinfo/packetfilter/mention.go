package packetfilter

import (
	"maps"
	"net/netip"
	"slices"
)

// Mention is a rule, an element of a set or an entry of a recent list that
// names an address or a network it lies in. Evaluate tells whether it has an effect.
type Mention struct {
	// Step is the rule, with what it does in What ("drop", "jump" …; "effect"
	// when it does not end the packet's way). Its Chain is nil for elements and
	// entries.
	Step Step
	// Set and Element are the element; nil otherwise. UsedBy are the rules that
	// ask the set, directly or as a member of a list.
	Set     *Set
	Element *Element
	UsedBy  []Step
	// List and Entry are the entry of a recent list; Entry is nil otherwise.
	List  string
	Entry *RecentEntry

	Dest   bool    // it names the address as a destination
	Covers AddrSet // the addresses it names: more than what was asked for a network
}

// Delete takes away what was found, for all of Covers. Empty when there is no
// such command, as for elements of a set without a name.
func (m Mention) Delete(w *Wording) Change {
	switch {
	case m.Entry != nil:
		return deleteRecent(m.List, m.Entry)
	case m.Set != nil:
		return m.Set.deleteElement(m.Element)
	}
	return m.Step.Delete(w)
}

// Mentions lists what names p or addresses in it. Rules and elements for every
// address are left out, and so are rules for all but some.
func (r *Ruleset) Mentions(p netip.Prefix) []Mention {
	asked := prefixSpans([]netip.Prefix{p})
	var list []Mention
	for c, rule := range r.Rules() {
		if m, ok := mentioned(c, rule, asked); ok {
			list = append(list, m)
		}
	}
	for _, s := range r.everySet() {
		list = append(list, r.elements(s, asked)...)
	}
	return append(list, r.entries(asked)...)
}

// mentioned looks for the address among the matches of a rule.
func mentioned(c *Chain, rule *Rule, asked AddrSet) (Mention, bool) {
	for _, x := range rule.Exprs {
		m, ok := x.(*Match)
		if !ok || m.Not || !isAddr(m.Field) || asked.overlap(m.Addrs) == coverNone || allAddrs(m.Addrs) {
			continue
		}
		step := Step{Chain: c, Rule: rule, What: rule.Does()}
		return Mention{
			Step: step, Covers: m.Addrs,
			Dest: m.Field == FieldDst || m.Field == FieldCtOrigDst,
		}, true
	}
	return Mention{}, false
}

func allAddrs(s AddrSet) bool {
	return len(s) == 1 && (s[0] == everyAddr(false)[0] || s[0] == everyAddr(true)[0])
}

// Does is what a rule does with packets that match it: accept, drop, reject,
// jump, goto, return, queue, a kind of NAT, or effect.
func (r *Rule) Does() string {
	for _, x := range slices.Backward(r.Exprs) {
		switch x := x.(type) {
		case *Verdict:
			return x.Kind.String()
		case *VerdictMap:
			return "vmap"
		case *NAT:
			return string(x.Kind)
		}
	}
	return "effect"
}

// everySet is all sets with names and without.
func (r *Ruleset) everySet() []*Set {
	list := slices.Clone(r.Sets)
	for _, t := range r.Tables {
		for _, name := range slices.Sorted(maps.Keys(t.Sets)) {
			list = append(list, t.Sets[name])
		}
	}
	return append(list, r.anonymous...)
}

// elements looks for the address in a set; in sets of several dimensions, in
// each that is an address.
func (r *Ruleset) elements(s *Set, asked AddrSet) []Mention {
	var list []Mention
	for i := range s.Elements {
		el := &s.Elements[i]
		for _, v := range el.Values {
			if v.Any || !v.Addr.Lo.IsValid() {
				continue
			}
			covers := AddrSet{v.Addr}
			if asked.overlap(covers) == coverNone || allAddrs(covers) {
				continue
			}
			list = append(list, Mention{Set: s, Element: el, UsedBy: r.users[s], Covers: covers})
			break
		}
	}
	return list
}

func (r *Ruleset) entries(asked AddrSet) []Mention {
	var list []Mention
	for _, name := range slices.Sorted(maps.Keys(r.Recent)) {
		t := r.Recent[name]
		for i := range t.Entries {
			if en := &t.Entries[i]; asked.Contains(en.Addr) {
				list = append(list, Mention{List: name, Entry: en, Covers: AddrSet{{en.Addr, en.Addr}}})
			}
		}
	}
	return list
}
