package twin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// script is the router's packet filter for nft: one table a family, because sets do
// not reach beyond their table.
func (b *builder) script() string {
	marks := map[string]uint32{}
	var out strings.Builder
	for _, f := range []struct{ family, menu, addr string }{{"ip", "/ip/firewall/", "ipv4_addr"}, {"ip6", "/ipv6/firewall/", "ipv6_addr"}} {
		t := &table{builder: b, family: f.family, menu: f.menu, addr: f.addr, marks: marks, idents: map[string]string{}, filled: map[string]bool{}}
		t.write(&out)
	}
	return out.String()
}

// table is the table of one family.
type table struct {
	*builder
	family, menu string
	addr         string            // the type of its addresses
	marks        map[string]uint32 // of packets and connections, by name
	idents       map[string]string // what lists and chains are called, by what they are
	filled       map[string]bool   // lists that rules fill
	meters       []string          // sets in which rules count
}

// The firewall's menus, in the order in which they see a packet.
var menus = [...]string{"raw", "mangle", "nat", "filter"}

// hooks are where the chains of RouterOS hang, by menu and chain (MikroTik, Packet Flow
// in RouterOS; the kernel's priorities).
func hook(menu, chain string) (text string, ok bool) {
	priority := map[string]string{"raw": "raw", "mangle": "mangle", "filter": "filter"}[menu]
	kind, where := "filter", ""
	switch menu + " " + chain {
	case "raw prerouting", "raw output", "mangle prerouting", "mangle input", "mangle forward", "mangle output", "mangle postrouting",
		"filter input", "filter forward", "filter output":
		where = chain
	case "nat dstnat":
		kind, where, priority = "nat", "prerouting", "dstnat"
	case "nat srcnat":
		kind, where, priority = "nat", "postrouting", "srcnat"
	case "nat output":
		kind, where, priority = "nat", "output", "-100"
	case "nat input":
		kind, where, priority = "nat", "input", "100"
	}
	if menu == "mangle" && chain == "output" {
		kind = "route" // a new mark chooses another route
	}
	return fmt.Sprintf("type %s hook %s priority %s; policy accept;", kind, where, priority), where != ""
}

func (t *table) write(out *strings.Builder) {
	var chains strings.Builder
	for _, menu := range menus {
		t.chainsOf(&chains, menu)
	}
	fmt.Fprintf(out, "table %s twin {\n", t.family)
	if t.isTracked() {
		t.helper(out)
	} else {
		for _, hook := range []string{"prerouting", "output"} {
			fmt.Fprintf(out, "\tchain untracked_%s { type filter hook %s priority -301; notrack; }\n", hook, hook)
		}
	}
	t.lists(out)
	for _, m := range t.meters {
		fmt.Fprintf(out, "\t%s\n", m)
	}
	t.shape(out)
	out.WriteString(chains.String() + "}\n")
}

// chainsOf writes the chains of a menu. Those that rules jump to come before the rules
// that do, as nft reads from the top.
func (t *table) chainsOf(out *strings.Builder, menu string) {
	var order []string
	rules := map[string][]string{}
	add := func(chain string) {
		if !slices.Contains(order, chain) {
			order = append(order, chain)
		}
	}
	for row := range t.cfg.Rows(t.menu + menu) {
		if row.Off() || row.Invalid {
			continue
		}
		chain := row.Get("chain").Text
		add(chain)
		if target := row.Get("jump-target").Text; target != "" && row.Get("action").Text == "jump" {
			add(target)
		}
		if !t.returns(menu, row) {
			t.leave(t.menu+menu, row.Line, "jump-target="+row.Get("jump-target").Text)
			continue
		}
		rules[chain] = append(rules[chain], t.rule(menu, row)...)
	}
	for _, chain := range order {
		base, ok := hook(menu, chain)
		if !ok {
			base = ""
		}
		fmt.Fprintf(out, "\tchain %s { %s }\n", t.chain(menu, chain), base)
	}
	for _, chain := range order {
		fmt.Fprintf(out, "\tchain %s {\n", t.chain(menu, chain))
		for _, r := range rules[chain] {
			fmt.Fprintf(out, "\t\t%s\n", r)
		}
		out.WriteString("\t}\n")
	}
}

// returns reports whether a jump comes back, as the kernel wants it: it leads to a chain of
// the router's own, and not in circles.
func (t *table) returns(menu string, row routeros.Row) bool {
	const deepest = 14 // NFT_JUMP_STACK_SIZE of the kernel, without the base chain
	if row.Get("action").Text != "jump" {
		return true
	}
	next := map[string]bool{row.Get("jump-target").Text: true}
	for range deepest {
		from := next
		next = map[string]bool{}
		for name := range from {
			if _, base := hook(menu, name); base || name == "" {
				return false
			}
		}
		for r := range t.cfg.Rows(t.menu + menu) {
			if !r.Off() && !r.Invalid && from[r.Get("chain").Text] && r.Get("action").Text == "jump" {
				next[r.Get("jump-target").Text] = true
			}
		}
		if len(next) == 0 {
			return true
		}
	}
	return false
}

// chain is what a chain is called in the table.
func (t *table) chain(menu, name string) string { return t.ident("chain", menu+"_"+name) }

// list is what an address list is called in the table.
func (t *table) list(name string) string { return t.ident("list", "list_"+name) }

// ident is an identifier of nft that is like name, and no other's.
func (t *table) ident(kind, name string) string {
	key := kind + " " + name
	if id, ok := t.idents[key]; ok {
		return id
	}
	const longest = 40
	id := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, name)
	id = id[:min(len(id), longest)]
	unique := id
	for n := 2; t.taken(unique); n++ {
		unique = fmt.Sprintf("%s_%d", id, n)
	}
	t.idents[key] = unique
	return unique
}

func (t *table) taken(id string) bool {
	for _, other := range t.idents {
		if other == id || strings.HasPrefix(other, id+dynamic) || strings.HasPrefix(id, other+dynamic) {
			return true
		}
	}
	return false
}

// dynamic ends the name of the set that holds what rules put into an address list:
// sets that packets fill hold no networks.
const dynamic = "_dyn"

// lists writes the address lists that rules name or fill.
func (t *table) lists(out *strings.Builder) {
	rows := map[string][]string{}
	for row := range t.cfg.Rows(t.menu + "address-list") {
		name := row.Get("list").Text
		if _, used := t.idents["list list_"+name]; row.Off() || !used {
			continue
		}
		text, ok := t.addresses(row.Get("address").Text)
		if !ok {
			t.leave(t.menu+"address-list", row.Line, "address="+row.Get("address").Text)
			continue
		}
		rows[name] = append(rows[name], text)
	}
	for _, key := range sortedKeys(t.idents) {
		name, ok := strings.CutPrefix(key, "list list_")
		if !ok {
			continue
		}
		fmt.Fprintf(out, "\tset %s { type %s; flags interval; auto-merge; ", t.list(name), t.addr)
		if list := rows[name]; len(list) > 0 {
			fmt.Fprintf(out, "elements = { %s }; ", strings.Join(list, ", "))
		}
		out.WriteString("}\n")
		if t.filled[name] {
			fmt.Fprintf(out, "\tset %s { type %s; flags dynamic, timeout; size 65535; }\n", t.list(name)+dynamic, t.addr)
		}
	}
}

func sortedKeys(m map[string]string) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// rule is a rule of RouterOS as rules of nft: more than one where RouterOS asks for one
// of two things.
func (t *table) rule(menu string, row routeros.Row) (list []string) {
	conditions, never, what := t.conditions(row)
	deed, ok := t.deed(menu, row)
	switch {
	case never:
		return nil
	case what == "" && !ok:
		what = "action=" + row.Get("action").Text
	}
	if what != "" {
		t.leave(t.menu+menu, row.Line, what)
		return nil
	}
	if deed == "" {
		return nil // it decides nothing
	}
	if pcc := row.Get("per-connection-classifier").Text; pcc != "" {
		t.leave(t.menu+menu, row.Line, "per-connection-classifier="+pcc) // shared, but by another hash
	}
	for _, c := range conditions {
		list = append(list, strings.TrimSpace(c+" "+deed))
	}
	return list
}
