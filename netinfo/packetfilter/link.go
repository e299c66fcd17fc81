package packetfilter

import (
	"cmp"
	"net/netip"
	"slices"
)

type hookKey struct {
	hook HookName
	ipv6 bool
}

// New puts together what front ends read: it finds the chains that rules jump
// to and the sets they ask, and orders the base chains. It takes over the
// parts, which must not be changed or given to New again.
//
// A table of iptables-nft is also listed by nft, with the extensions of
// iptables left out. Where both listings are given, the one of iptables counts.
func New(parts ...Parts) *Ruleset {
	r := &Ruleset{
		chains: map[hookKey][]*Chain{}, ipsets: map[string]*Set{}, users: map[*Set][]Step{},
		Recent: map[string]*RecentTable{}, Hashes: map[string]*HashTable{},
	}
	for _, p := range parts {
		r.Tables = append(r.Tables, p.Tables...)
		r.Sets = append(r.Sets, p.Sets...)
		r.Faults = append(r.Faults, p.Faults...)
		for _, t := range p.Hashes {
			r.Hashes[string(t.Family)+" "+t.Name] = t
		}
		for _, t := range p.Recent {
			r.Recent[t.Name] = t
		}
	}
	r.dropDoubles()
	for _, s := range r.Sets {
		r.ipsets[s.Name] = s
	}
	for _, s := range r.Sets {
		for _, name := range s.Members {
			s.members = append(s.members, cmp.Or(r.ipsets[name], &Set{Tool: ToolIPSet, Name: name, Incomplete: because("set-unlisted", "set", name)}))
		}
		s.build()
	}
	for _, t := range r.Tables {
		r.linkTable(t)
	}
	r.orderChains()
	return r
}

// dropDoubles leaves out the nft listing of tables that iptables-nft listed
// too, and tables that are listed twice word for word. Twice with different
// rules stays, as a packet that must pass both is the careful reading.
func (r *Ruleset) dropDoubles() {
	type key struct {
		tool, name string
		family     TableFamily
	}
	xt := map[key]bool{}
	for _, t := range r.Tables {
		if t.Tool == ToolIPTablesNFT || t.Tool == ToolIP6TablesNFT {
			xt[key{ToolNFT, t.Name, t.Family}] = true
		}
	}
	seen := map[key]*Table{}
	r.Tables = slices.DeleteFunc(r.Tables, func(t *Table) bool {
		k := key{t.Tool, t.Name, t.Family}
		if xt[k] {
			return true
		}
		before := seen[k]
		if before == nil {
			seen[k] = t
			return false
		}
		if sameTable(before, t) {
			return true
		}
		r.Faults = append(r.Faults, Fault{Tool: t.Tool, Why: because("listed-twice", "family", string(t.Family), "table", t.Name)})
		return false
	})
}

// sameTable reports whether two listings have the same chains with the same
// rules, counters aside.
func sameTable(a, b *Table) bool {
	return slices.EqualFunc(a.Chains, b.Chains, func(c, d *Chain) bool {
		if c.Name != d.Name || (c.Base == nil) != (d.Base == nil) || c.Base != nil && c.Base.Policy != d.Base.Policy {
			return false
		}
		return slices.EqualFunc(c.Rules, d.Rules, func(x, y *Rule) bool { return x.Text == y.Text && x.Handle == y.Handle })
	})
}

func (r *Ruleset) linkTable(t *Table) {
	t.byName = make(map[string]*Chain, len(t.Chains))
	for _, c := range t.Chains {
		c.table = t
		t.byName[c.Name] = c
	}
	for _, c := range t.Chains {
		findRuns(c)
		r.tracks = r.tracks || c.Base != nil && c.Base.Type == "nat"
		for _, rule := range c.Rules {
			for _, x := range rule.Exprs {
				r.linkExpr(t, x)
				r.noteUser(Step{Chain: c, Rule: rule}, x)
			}
		}
	}
}

func (r *Ruleset) linkExpr(t *Table, x Expr) {
	r.tracks = r.tracks || needsTracking(x)
	if x, ok := x.(interface{ setUse() *SetUse }); ok {
		u := x.setUse()
		u.Set = r.findSet(t, u.Set, u.Name)
		u.Fields = u.Set.fields(u.Fields, u.Dirs)
	}
	switch x := x.(type) {
	case *Match:
		if x.Field == FieldDst {
			r.dests = append(r.dests, x.Addrs)
		}
	case *Verdict:
		x.target = t.byName[x.Chain]
	case *SetMark:
		r.ctMarks = r.ctMarks || x.To == FieldCtMark
	case *VerdictMap:
		for i := 0; x.Set != nil && i < len(x.Set.Elements); i++ {
			if v := x.Set.Elements[i].Verdict; v != nil {
				v.target = t.byName[v.Chain]
			}
		}
	}
}

// needsTracking reports whether an expression has the kernel follow connections.
func needsTracking(x Expr) bool {
	switch x := x.(type) {
	case *NAT, *Helper:
		return true
	case *SetMark:
		return x.To == FieldCtMark || x.From == FieldCtMark
	case *Match:
		return x.Field >= FieldCtMark && x.Field <= FieldCtProtocol
	case *Lookup:
		return slices.ContainsFunc(x.Fields, func(f Field) bool { return f >= FieldCtMark && f <= FieldCtProtocol })
	}
	return false
}

// noteUser remembers which rules ask a set.
func (r *Ruleset) noteUser(by Step, x Expr) {
	var s *Set
	switch x := x.(type) {
	case *Lookup:
		s = x.Set
	case *VerdictMap:
		s = x.Set
	}
	if s == nil {
		return
	}
	by.What = by.Rule.Does()
	for _, one := range append([]*Set{s}, s.members...) {
		r.users[one] = append(r.users[one], by)
		if one.Name == "" && len(r.users[one]) == 1 {
			r.anonymous = append(r.anonymous, one)
		}
	}
}

func (r *Ruleset) findSet(t *Table, s *Set, name string) *Set {
	if s == nil && t.Tool == ToolNFT {
		s = t.Sets[name]
	} else if s == nil {
		s = r.ipsets[name]
	}
	if s != nil {
		s.build()
	}
	return s
}

// Hooks are where packets come to the chain from: its own hook, or those of the
// base chains of its table that lead to it.
func (c *Chain) Hooks() (list []HookName) {
	if c.table == nil {
		return nil
	}
	for _, base := range c.table.Chains {
		if base.Base != nil && !slices.Contains(list, base.Base.Hook) && base.leadsTo(c, map[*Chain]bool{}) {
			list = append(list, base.Base.Hook)
		}
	}
	return list
}

func (c *Chain) leadsTo(to *Chain, seen map[*Chain]bool) bool {
	if c == nil || c == to || seen[c] {
		return c == to
	}
	seen[c] = true
	for _, r := range c.Rules {
		for _, x := range r.Exprs {
			switch x := x.(type) {
			case *Verdict:
				if x.target.leadsTo(to, seen) {
					return true
				}
			case *VerdictMap:
				if x.Set != nil && slices.ContainsFunc(x.Set.Elements, func(e Element) bool {
					return e.Verdict != nil && e.Verdict.target.leadsTo(to, seen)
				}) {
					return true
				}
			}
		}
	}
	return false
}

// orderChains sorts the base chains of each hook by priority. Which of two
// chains with one priority comes first depends on which was made first, and
// that no listing tells. It does not matter for accept and drop, as a packet
// has to be accepted by each.
func (r *Ruleset) orderChains() {
	for _, t := range r.Tables {
		if !t.seesIP() {
			continue
		}
		for _, c := range t.Chains {
			if c.Base == nil {
				continue
			}
			for _, ipv6 := range []bool{false, true} {
				if k := (hookKey{c.Base.Hook, ipv6}); t.Family != FamilyIP6 && !ipv6 || t.Family != FamilyIP && ipv6 {
					r.chains[k] = append(r.chains[k], c)
				}
			}
		}
	}
	for _, list := range r.chains {
		slices.SortStableFunc(list, func(a, b *Chain) int { return a.Base.Priority - b.Base.Priority })
	}
}

// seesIP reports whether packets to and from this machine go through the
// table; those of bridges and ARP do not.
func (t *Table) seesIP() bool {
	return t.Family == FamilyIP || t.Family == FamilyIP6 || t.Family == FamilyInet || t.Family == FamilyNetdev
}

// fields says what a lookup compares, one for each of the set's kinds: what is
// written or, of ipset, what the directions tell. Nil when these are too few for
// the set, which then never matches (kernel: ip_set_test), or for a list of sets,
// whose members have kinds of their own.
func (s *Set) fields(written []Field, dirs []Dir) []Field {
	if s == nil || written != nil {
		return written
	}
	parts := s.parts()
	if len(dirs) < len(parts) || s.Members != nil {
		return nil
	}
	var list []Field
	for i, name := range parts {
		p := ipsetPart(name)
		if name == "port" && len(parts) > 1 {
			list = append(list, FieldProtocol)
		}
		if dirs[i] == DirSrc {
			list = append(list, p.src)
		} else {
			list = append(list, p.dst)
		}
	}
	return list
}

// setIndex makes lookups quick: sets of one dimension are spans, others are
// found by their first address.
type setIndex struct {
	built      bool
	addrs      AddrSet   // one dimension of addresses: the elements
	exceptions AddrSet   // and where nomatch wins
	nums       NumSet    // one dimension of numbers
	byAddr     spanIndex // others whose first dimension is an address: elements
	any        []int32   // elements of byAddr sets that fit any address
}

// build makes the index, once.
func (s *Set) build() {
	if s.index.built {
		return
	}
	s.index.built = true
	simple := len(s.Kinds) == 1 && !s.Verdicts
	switch {
	case simple && s.Kinds[0] == KindAddr:
		s.buildAddrs()
	case simple:
		list := make([]Span[Num], len(s.Elements))
		for i := range s.Elements {
			list[i] = s.Elements[i].Values[0].Num
		}
		s.index.nums = NewSpans(list...)
	default:
		s.buildByAddr()
	}
}

// buildAddrs joins the elements. In sets of networks the longest prefix wins,
// so exceptions and elements are laid over each other from short to long.
func (s *Set) buildAddrs() {
	if !slices.ContainsFunc(s.Elements, func(e Element) bool { return e.NoMatch }) {
		all := make([]Span[netip.Addr], len(s.Elements))
		for i := range s.Elements {
			all[i] = s.Elements[i].Values[0].Addr
		}
		s.index.addrs = NewSpans(all...)
		return
	}
	byLength := map[int][]*Element{}
	for i := range s.Elements {
		x := s.Elements[i].Values[0].Addr
		p, _ := asPrefix(x.Lo, x.Hi)
		byLength[p.Bits()] = append(byLength[p.Bits()], &s.Elements[i])
	}
	for n := range 129 {
		var yes, no []Span[netip.Addr]
		for _, el := range byLength[n] {
			if el.NoMatch {
				no = append(no, el.Values[0].Addr)
			} else {
				yes = append(yes, el.Values[0].Addr)
			}
		}
		in, out := NewSpans(yes...), NewSpans(no...)
		s.index.addrs = s.index.addrs.Subtract(out).Union(in)
		s.index.exceptions = s.index.exceptions.Subtract(in).Union(out)
	}
}

func (s *Set) buildByAddr() {
	var list []int32
	for i := range s.Elements {
		if s.Elements[i].Values[0].Any {
			s.index.any = append(s.index.any, int32(i))
		} else {
			list = append(list, int32(i))
		}
	}
	s.index.byAddr = newSpanIndex(list, func(i int32) Span[netip.Addr] { return s.Elements[i].Values[0].Addr })
}
