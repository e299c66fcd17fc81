package nftlist

import (
	"cmp"
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
	s := &saving{ctx: ctx, family: family, program: iptables}
	names, err := s.tables()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := s.read(name); err != nil {
			return nil, err
		}
	}
	if s.rules < least {
		return nil, errUnknown
	}
	return s.listing()
}

// saving is a listing of iptables in the making.
type saving struct {
	ctx     context.Context
	family  string
	program Program
	list    []*savedTable
	rules   int
}

type savedTable struct {
	*table
	chains []*savedChain
}

type savedChain struct {
	chain
	hook     int // -1, the last of all as a uint: a chain that rules jump to
	counters []counters
}

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

// tables names those that iptables would list.
func (s *saving) tables() (names []string, err error) {
	t := &table{ctx: s.ctx, number: families[s.family]}
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

// read reads a table. One with sets is not of iptables.
func (s *saving) read(name string) error {
	t := &savedTable{table: &table{ctx: s.ctx, family: s.family, number: families[s.family], name: name}}
	s.list = append(s.list, t)
	if err := t.plain(); err != nil {
		return err
	}
	if err := t.ours(unix.NFT_MSG_GETSET, 1, func([]attributes) error { return errUnknown }); err != nil {
		return err
	}
	if err := t.ours(unix.NFT_MSG_GETCHAIN, 12, t.chain); err != nil {
		return err
	}
	if err := s.readRules(t); err != nil {
		return err
	}
	t.addEmpty()
	return nil
}

func (s *saving) readRules(t *savedTable) error {
	w := &savedRule{}
	for _, c := range t.chains {
		err := t.rulesOf(c.name, func(in []attributes) error {
			s.rules++
			c.count++
			known := w.read(in, t.number)
			if !w.counted {
				return errUnknown // every rule of iptables counts
			}
			c.counters = append(c.counters, w.counters)
			if c.unknown = c.unknown || !known; c.unknown {
				c.rules = nil // all are listed again: only their counters stay
				return nil
			}
			c.rules.add(w.line(c.name))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *savedTable) chain(in []attributes) error {
	c := &savedChain{chain: chain{name: in[unix.NFTA_CHAIN_NAME].text()}, hook: -1}
	const base, flags = 1, 10
	if !command.IsNFTName(c.name) || in[flags].number()&^base != 0 {
		return errUnknown
	}
	t.chains = append(t.chains, c)
	policy := "- [0:0]"
	if in[unix.NFTA_CHAIN_HOOK] != nil {
		var hook, count [5]attributes
		if !in[unix.NFTA_CHAIN_HOOK].all(hook[:]) || !in[unix.NFTA_CHAIN_COUNTERS].all(count[:]) || hook[unix.NFTA_HOOK_DEV] != nil || hook[4] != nil {
			return errUnknown
		}
		c.hook = int(hook[unix.NFTA_HOOK_HOOKNUM].number())
		if !t.own(c, in[unix.NFTA_CHAIN_TYPE].text(), int32(hook[unix.NFTA_HOOK_PRIORITY].number())) {
			return errUnknown
		}
		word, known := policies[in[unix.NFTA_CHAIN_POLICY].number()]
		if !known {
			return errUnknown
		}
		policy = fmt.Sprintf("%s [%d:%d]", strings.ToUpper(word), count[2].long(), count[1].long())
	}
	c.head = fmt.Appendf(nil, ":%s %s\n", c.name, policy)
	return nil
}

// addEmpty adds the base chains that iptables has not made yet: it lists them
// all the same.
func (t *savedTable) addEmpty() {
	for _, name := range keptChains[t.name].hooks {
		if !slices.ContainsFunc(t.chains, func(c *savedChain) bool { return c.name == name }) {
			hook := slices.Index(hooks, strings.ToLower(name))
			t.chains = append(t.chains, &savedChain{chain: chain{name: name, head: []byte(":" + name + " ACCEPT [0:0]\n")}, hook: hook})
		}
	}
}

// own reports whether a base chain is one of iptables.
func (t *savedTable) own(c *savedChain, typ string, priority int32) bool {
	if c.hook >= len(hooks) || c.name != strings.ToUpper(hooks[c.hook]) {
		return false
	}
	kept, known := keptChains[t.name]
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
	return known && slices.Contains(kept.hooks, c.name) && priority == kept.priority && typ == want
}

// listing puts the tables together: base chains as packets meet them, then
// those that rules jump to, by name.
func (s *saving) listing() ([]byte, error) {
	var parts chunks
	for _, t := range s.list {
		slices.SortFunc(t.chains, func(a, b *savedChain) int {
			return cmp.Or(cmp.Compare(uint(a.hook), uint(b.hook)), strings.Compare(a.name, b.name))
		})
		parts.add([]byte("# Generated in the stead of iptables-nft-save (nf_tables)\n*" + t.name + "\n"))
		for _, c := range t.chains {
			parts.add(c.head)
		}
		if err := s.rulesOf(t, &parts); err != nil {
			return nil, err
		}
		parts.add([]byte("COMMIT\n# Completed\n"))
	}
	return parts.appendTo(make([]byte, 0, parts.size())), nil
}

func (s *saving) rulesOf(t *savedTable, parts *chunks) error {
	var asked questions
	for _, c := range t.chains {
		if !c.unknown {
			*parts = append(*parts, c.rules...)
			continue
		}
		if err := asked.allow(&c.chain, s.rules); err != nil {
			return err
		}
		if err := s.ask(t, c, parts); err != nil {
			return err
		}
	}
	return nil
}

// ask takes the rules of a chain from the program. It lists them without
// counters, which were read with the rules.
func (s *saving) ask(t *savedTable, c *savedChain, parts *chunks) error {
	out, err := s.program(s.ctx, "-t", t.name, "-S", c.name)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnknown, err)
	}
	n := 0
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "-A ") {
			continue
		}
		if n == len(c.counters) {
			return errUnknown
		}
		parts.add(fmt.Appendf(nil, "[%d:%d] %s", c.counters[n].packets, c.counters[n].bytes, line))
		n++
	}
	if n != c.count {
		return errUnknown
	}
	return nil
}
