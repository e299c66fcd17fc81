package packetfilter

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// ReadRouterOS reads the firewall of a MikroTik router: filter, nat, mangle, raw,
// the address lists and the SIP helper, of IPv4 and IPv6. RouterOS is a Linux, and
// its chains are asked in the order of the kernel's. Rules that are disabled or
// invalid are none. Routing marks choose a route, which is not followed.
func ReadRouterOS(c *routeros.Config) Parts {
	var p Parts
	for _, family := range []TableFamily{FamilyIP, FamilyIP6} {
		r := &routerOSReader{cfg: c, family: family, lists: map[string]*Set{}, marks: map[string]Num{"no-mark": 0}}
		r.addressLists()
		for _, table := range []string{"raw", "mangle", "nat", "filter"} {
			if t := r.table(table); len(t.Chains) > 0 {
				p.Tables = append(p.Tables, t)
			}
		}
		p.Tables = append(p.Tables, r.helper()...)
	}
	return p
}

// routerOSReader reads one family.
type routerOSReader struct {
	cfg    *routeros.Config
	family TableFamily
	lists  map[string]*Set // address lists by name
	marks  map[string]Num  // marks have names, numbers are given as they come up
}

// path is a menu of the firewall of the family.
func (r *routerOSReader) path(menu string) string {
	if r.family == FamilyIP6 {
		return "/ipv6/firewall/" + menu
	}
	return "/ip/firewall/" + menu
}

// routerOSBase says where packets come to a chain that RouterOS knows by its name;
// nil if it is one that rules jump to.
func routerOSBase(table, chain string) *Base {
	b := &Base{Type: "filter", Policy: Accept, Hook: HookName(chain)}
	switch table {
	case "raw":
		b.Priority = priorityRaw
	case "mangle":
		b.Priority = priorityMangle
	case "nat":
		return routerOSNATBase(b, chain)
	}
	hooks := map[string][]HookName{
		"raw": {HookPrerouting, HookOutput}, "filter": {HookInput, HookForward, HookOutput},
		"mangle": {HookPrerouting, HookInput, HookForward, HookOutput, HookPostrouting},
	}
	if !slices.Contains(hooks[table], b.Hook) {
		return nil
	}
	return b
}

func routerOSNATBase(b *Base, chain string) *Base {
	b.Type = "nat"
	switch chain {
	case "dstnat":
		b.Hook, b.Priority = HookPrerouting, priorityDNAT
	case "srcnat":
		b.Hook, b.Priority = HookPostrouting, prioritySNAT
	case "output":
		b.Priority = priorityDNAT
	case "input":
		b.Priority = prioritySNAT
	default:
		return nil
	}
	return b
}

// table reads the rules of a menu.
func (r *routerOSReader) table(name string) *Table {
	t := &Table{Tool: ToolRouterOS, Family: r.family, Name: name}
	chains := map[string]*Chain{}
	chainOf := func(chain string) *Chain {
		c := chains[chain]
		if c == nil {
			c = &Chain{Name: chain, Base: routerOSBase(name, chain)}
			chains[chain] = c
			t.Chains = append(t.Chains, c)
		}
		return c
	}
	for row := range r.cfg.Rows(r.path(name)) {
		if row.Off() || row.Invalid {
			continue
		}
		c := chainOf(row.Get("chain").Text)
		if target := row.Get("jump-target").Text; target != "" {
			chainOf(target) // one without rules sends packets back
		}
		rule := &Rule{Text: row.Text(), Position: len(c.Rules) + 1, Comment: row.Get("comment").Text}
		rule.Exprs = append(r.matches(row), r.action(row, name)...)
		c.Rules = append(c.Rules, rule)
	}
	return t
}

// addressLists reads the lists. What rules put into one, an export does not have.
func (r *routerOSReader) addressLists() {
	for row := range r.cfg.Rows(r.path("address-list")) {
		name, text := row.Get("list").Text, row.Get("address").Text
		s := r.list(name)
		if row.Off() {
			continue
		}
		spans, ok := routerOSAddrs(text)
		if !ok {
			s.Incomplete = because("routeros-list-name", "name", text, "list", name)
			continue
		}
		for _, span := range spans {
			s.Elements = append(s.Elements, Element{Values: []Value{{Addr: span}}, Text: text, Comment: row.Get("comment").Text})
		}
	}
	for _, table := range []string{"raw", "mangle", "nat", "filter"} {
		for row := range r.cfg.Rows(r.path(table)) {
			if name := row.Get("address-list").Text; name != "" && !row.Off() {
				r.list(name).Incomplete = because("routeros-list-filled", "list", name)
			}
		}
	}
}

// FilledByRules reports whether all that is not known of an address list of RouterOS is
// what rules have put there.
func (s *Set) FilledByRules() bool {
	return s.Tool == ToolRouterOS && s.Incomplete == because("routeros-list-filled", "list", s.Name)
}

// list is the address list of that name; one that nobody filled is empty.
func (r *routerOSReader) list(name string) *Set {
	s := r.lists[name]
	if s == nil {
		s = &Set{Tool: ToolRouterOS, Family: r.family, Name: name, Type: "address-list", Kinds: []Kind{KindAddr}}
		r.lists[name] = s
	}
	return s
}

// helper is the SIP helper, which takes connections by their port. No rule says
// so; it stands in a table of its own.
func (r *routerOSReader) helper() []*Table {
	sip, ok := r.cfg.Named("/ip/firewall/service-port", "sip")
	if !ok || sip.Off() || r.family == FamilyIP6 {
		return nil
	}
	ports, ok := routerOSPorts(sip.Get("ports").Text)
	if !ok {
		return nil
	}
	c := &Chain{Name: "service-port", Base: &Base{Type: "filter", Hook: HookPrerouting, Priority: priorityConntrack, Policy: Accept}}
	c.Rules = []*Rule{{Text: "sip ports=" + sip.Get("ports").Text, Position: 1, Exprs: []Expr{
		&Match{Field: FieldProtocol, Nums: NewSpans(Span[Num]{TCP, TCP}, Span[Num]{UDP, UDP})},
		&Match{Field: FieldDstPort, Nums: ports}, &Helper{Name: "sip"},
	}}}
	return []*Table{{Tool: ToolRouterOS, Family: r.family, Name: "service-port", Chains: []*Chain{c}}}
}

// routerOSAddrs reads an address, a network or a range.
func routerOSAddrs(s string) (AddrSet, bool) {
	if from, to, ok := cutRange(s); ok {
		a, err1 := netip.ParseAddr(from)
		b, err2 := netip.ParseAddr(to)
		if err1 != nil || err2 != nil || a.BitLen() != b.BitLen() || a.Zone() != "" || b.Zone() != "" {
			return nil, false
		}
		return NewSpans(Span[netip.Addr]{a, b}), true
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		return AddrSet{PrefixSpan(p.Masked())}, true
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return nil, false
	}
	return addrsOf(a), true
}
