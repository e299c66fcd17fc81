package nftlist

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform/command"
	"golang.org/x/sys/unix"
)

// Save lists what iptables-nft keeps as "iptables-nft-save -c" does, or, with
// six, ip6tables-nft-save, if there are at least so many rules. A chain with a
// rule that is not known is asked of the program, which lists it with the
// arguments "-t TABLE -S CHAIN". Errors are those of Table.
func Save(ctx context.Context, six bool, least int, iptables Program) ([]byte, error) {
	family := "ip"
	if six {
		family = "ip6"
	}
	names, err := savedTables(ctx, family)
	if err != nil {
		return nil, err
	}
	rules := 0
	var list []*savedTable
	for _, name := range names {
		t := &savedTable{table{ctx: ctx, family: family, number: families[family], name: name, nft: iptables, byName: map[string]bool{}}}
		if err := t.read(); err != nil {
			return nil, err
		}
		rules += t.rules
		list = append(list, t)
	}
	if rules < least {
		return nil, errUnknown
	}
	var parts chunks
	for _, t := range list {
		if err := t.save(&parts, rules); err != nil {
			return nil, err
		}
	}
	return parts.appendTo(make([]byte, 0, parts.size())), nil
}

// savedTable is one that is listed as iptables does.
type savedTable struct{ table }

type counters struct{ packets, bytes uint64 }

// keptChains are the base chains of iptables by table, with their priorities: others are
// not its own, and it refuses a table with them.
var keptChains = map[string]struct {
	hooks    []string
	priority int32
}{
	"raw":      {[]string{"PREROUTING", "OUTPUT"}, -300},
	"mangle":   {[]string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}, -150},
	"filter":   {[]string{"INPUT", "FORWARD", "OUTPUT"}, 0},
	"security": {[]string{"INPUT", "FORWARD", "OUTPUT"}, 150},                    // where the kernel's own name stands for 50
	"nat":      {[]string{"PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"}, -100}, // the sources at 100
}

// keptTables is the order in which iptables-nft-save lists its tables.
var keptTables = []string{"mangle", "security", "raw", "filter", "nat"}

// savedTables names those that iptables would list.
func savedTables(ctx context.Context, family string) (names []string, err error) {
	t := &table{ctx: ctx, number: families[family]}
	err = t.dump(unix.NFT_MSG_GETTABLE, nil, func(a attributes) error {
		var in [2]attributes
		if !a.fill(in[:]) {
			return errDamaged
		}
		name := in[1].text()
		if _, kept := keptChains[name]; kept {
			names = append(names, name)
		}
		return nil
	})
	slices.SortFunc(names, func(a, b string) int { return slices.Index(keptTables, a) - slices.Index(keptTables, b) })
	return names, err
}

// read reads the table. One with sets is not of iptables, every rule of which
// counts.
func (t *savedTable) read() error {
	noSets := func() error {
		return t.ours(unix.NFT_MSG_GETSET, 1, func([]attributes) error { return errUnknown })
	}
	rule, uncounted := &savedRule{}, false
	word := func(c *chain, in []attributes) ([]byte, bool) {
		known := rule.read(in, t.number)
		uncounted = uncounted || !rule.counted
		c.counted = append(c.counted, rule.counters)
		return rule.line(c.name), known
	}
	for _, read := range []func() error{t.plain, noSets, func() error { return t.readChains(t.chainHead) }, func() error { return t.readRules(word) }} {
		if err := read(); err != nil {
			return err
		}
	}
	if uncounted {
		return errUnknown
	}
	for _, name := range keptChains[t.name].hooks { // iptables lists those as well that it has not made yet
		if !t.byName[name] {
			hook := slices.Index(hooks, strings.ToLower(name))
			t.chains = append(t.chains, &chain{name: name, base: true, hook: hook, head: []byte(":" + name + " ACCEPT [0:0]\n")})
		}
	}
	return nil
}

// chainHead words a chain as iptables does.
func (t *savedTable) chainHead(c *chain) (head []byte, known bool) {
	if !c.base {
		return fmt.Appendf(nil, ":%s - [0:0]\n", c.name), command.IsNFTName(c.name)
	}
	return fmt.Appendf(nil, ":%s %s [%d:%d]\n", c.name, strings.ToUpper(c.policy), c.packets, c.bytes), t.own(c)
}

// own reports whether a base chain is one of iptables.
func (t *savedTable) own(c *chain) bool {
	kept := keptChains[t.name]
	want := "filter"
	switch {
	case t.name == "mangle" && c.name == "OUTPUT":
		want = "route"
	case t.name == "nat":
		want = "nat"
		if c.name == "INPUT" || c.name == "POSTROUTING" {
			kept.priority = 100
		}
	}
	return c.name == strings.ToUpper(hooks[c.hook]) && slices.Contains(kept.hooks, c.name) && c.priority == kept.priority && c.typ == want
}

// save adds the table to a listing: base chains as packets meet them, then those
// that rules jump to, by name. Among so many rules of all tables some may be
// asked of the program.
func (t *savedTable) save(parts *chunks, rules int) error {
	slices.SortFunc(t.chains, func(a, b *chain) int {
		switch {
		case a.base && b.base:
			return a.hook - b.hook
		case a.base:
			return -1
		case b.base:
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	parts.add([]byte("# Generated in the stead of iptables-nft-save (nf_tables)\n*" + t.name + "\n"))
	for _, c := range t.chains {
		parts.add(c.head)
	}
	var asked questions
	for _, c := range t.chains {
		if !c.unknown {
			*parts = append(*parts, c.rules...)
			continue
		}
		if err := asked.allow(c, rules); err != nil {
			return err
		}
		if err := t.ask(c, parts); err != nil {
			return err
		}
	}
	parts.add([]byte("COMMIT\n# Completed\n"))
	return nil
}

// ask takes the rules of a chain from the program. It lists them without
// counters, which were read with the rules.
func (t *savedTable) ask(c *chain, parts *chunks) error {
	out, err := t.nft(t.ctx, "-t", t.name, "-S", c.name)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnknown, err)
	}
	n := 0
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "-A ") {
			continue
		}
		if n == len(c.counted) {
			return errUnknown
		}
		parts.add(fmt.Appendf(nil, "[%d:%d] %s", c.counted[n].packets, c.counted[n].bytes, line))
		n++
	}
	if n != c.count {
		return errUnknown
	}
	return nil
}
