package nftlist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sipdoctor/sipdoctor/platform/command"
	"golang.org/x/sys/unix"
)

// errUnknown is about something that is not known here.
var errUnknown = fmt.Errorf("of a form that only nft lists: %w", errors.ErrUnsupported)

// The program is asked for the table if it would be for more chains than
// maxAsked, or for most rules and more than fewRules of them.
const maxAsked, fewRules = 8, 1000

// questions is what the program is asked for.
type questions struct{ chains, rules int }

// allow adds a chain to what is asked, if that is worth while among so many
// rules.
func (q *questions) allow(c *chain, all int) error {
	q.chains, q.rules = q.chains+1, q.rules+c.count
	if q.chains > maxAsked || q.rules > max(all/2, fewRules) || !command.IsNFTName(c.name) {
		return errUnknown
	}
	return nil
}

// Program runs nft, with arguments, not a script.
type Program func(ctx context.Context, args ...string) ([]byte, error)

// Table lists a table of at least so many rules as "nft -a -j list table FAMILY
// NAME" does. What is not known here is asked of the program, chain by chain.
// The error is errors.ErrUnsupported where that is not possible either, or there are
// fewer rules: then the program is to be asked for the whole table.
func Table(ctx context.Context, family, name string, least int, nft Program) ([]byte, error) {
	number, known := families[family]
	if !known || !command.IsNFTName(name) {
		return nil, errUnknown
	}
	t := &table{ctx: ctx, family: family, number: number, name: name, nft: nft, byName: map[string]bool{}}
	w := &wording{table: t}
	for _, read := range []func() error{
		t.plain, t.readSets, func() error { return t.readChains(t.chainHead) }, func() error { return t.readRules(w.line) },
	} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	if t.rules < least {
		return nil, errUnknown
	}
	return t.listing()
}

// table is one that is being listed.
type table struct {
	ctx    context.Context
	family string
	number uint8
	name   string
	handle uint64
	nft    Program

	chains  []*chain
	byName  map[string]bool
	rules   int
	named   bool // it has sets with names
	maps    bool // and maps
	unnamed map[string]*anonymous
}

// chain is one chain with its rules, worded.
type chain struct {
	name     string
	handle   uint64
	base     bool // the kernel sends packets to it, and what follows tells which
	hook     int
	typ      string
	priority int32
	policy   string
	counters

	head    []byte
	rules   chunks
	count   int
	counted []counters // what each rule of iptables counts
	unknown bool       // the program must list it
}

// hooks are the names of the hooks by their numbers (linux/netfilter.h).
var hooks = []string{"prerouting", "input", "forward", "output", "postrouting"}

// policies are what happens to a packet at the end of a base chain, by the
// kernel's numbers.
var policies = map[uint32]string{0: "drop", 1: "accept"}

// chainOf reads a chain; false where there is more to it than is known.
func chainOf(in []attributes) (c *chain, known bool) {
	const isBase, flags, userdata = 1, 10, 12 // NFT_CHAIN_BASE, NFTA_CHAIN_FLAGS, NFTA_CHAIN_USERDATA
	c = &chain{name: in[unix.NFTA_CHAIN_NAME].text(), handle: in[unix.NFTA_CHAIN_HANDLE].long(), base: in[unix.NFTA_CHAIN_HOOK] != nil}
	known = in[flags].number()&^isBase == 0 && in[userdata] == nil
	if !c.base || !known {
		return c, known
	}
	const devices, bytes, packets = 4, 1, 2 // NFTA_HOOK_DEVS, NFTA_COUNTER_*
	var hook, count [5]attributes
	if !in[unix.NFTA_CHAIN_HOOK].all(hook[:]) || !in[unix.NFTA_CHAIN_COUNTERS].all(count[:]) || hook[unix.NFTA_HOOK_DEV] != nil || hook[devices] != nil {
		return c, false
	}
	c.hook, c.priority = int(hook[unix.NFTA_HOOK_HOOKNUM].number()), int32(hook[unix.NFTA_HOOK_PRIORITY].number())
	c.typ, c.counters = in[unix.NFTA_CHAIN_TYPE].text(), counters{count[packets].long(), count[bytes].long()}
	c.policy, known = policies[in[unix.NFTA_CHAIN_POLICY].number()]
	return c, known && c.hook < len(hooks)
}

// readChains reads the chains of the table; head words each without its rules, as
// far as it is known.
func (t *table) readChains(head func(*chain) ([]byte, bool)) error {
	return t.ours(unix.NFT_MSG_GETCHAIN, 12, func(in []attributes) error {
		c, known := chainOf(in)
		if known {
			c.head, known = head(c)
		}
		if !known {
			return errUnknown
		}
		t.chains, t.byName[c.name] = append(t.chains, c), true
		return nil
	})
}

// chainHead words a chain as JSON.
func (t *table) chainHead(c *chain) (head []byte, known bool) {
	b := fmt.Appendf(nil, `{"chain":{"family":%q,"table":%s,"name":%s,"handle":%d`, t.family, quoted(t.name), quoted(c.name), c.handle)
	if !c.base {
		return append(b, "}}"...), true
	}
	return fmt.Appendf(b, `,"type":%s,"hook":%q,"prio":%d,"policy":%q}}`, quoted(c.typ), hooks[c.hook], c.priority, c.policy), true
}

// readRules reads the rules of all chains; word words one, as far as it is known.
func (t *table) readRules(word func(*chain, []attributes) (line []byte, known bool)) error {
	for _, c := range t.chains {
		err := t.rulesOf(c.name, func(in []attributes) error {
			t.rules++
			c.count++
			line, known := word(c, in)
			if c.unknown = c.unknown || !known; c.unknown {
				c.rules = nil // all are listed again
			} else {
				c.rules.add(line)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// listing puts the table together.
func (t *table) listing() ([]byte, error) {
	head := fmt.Appendf(nil, `{"nftables":[{"table":{"family":%q,"name":%s,"handle":%d}}`, t.family, quoted(t.name), t.handle)
	head, err := t.listSets(head)
	if err != nil {
		return nil, err
	}
	var asked questions
	size := 0
	for _, c := range t.chains {
		head = append(append(head, ','), c.head...)
		size += c.rules.size()
		if !c.unknown {
			continue
		}
		if err := asked.allow(c, t.rules); err != nil {
			return nil, err
		}
		if err := t.askChain(c); err != nil {
			return nil, err
		}
		size += c.rules.size()
	}
	out := append(make([]byte, 0, len(head)+size+2), head...)
	for _, c := range t.chains {
		out, c.rules = c.rules.appendTo(out), nil
	}
	return append(out, "]}"...), nil
}

// askChain takes the rules of one chain from the program.
func (t *table) askChain(c *chain) error {
	objects, err := t.ask("rule", "-a", "-j", "list", "chain", t.family, t.name, c.name)
	if err != nil {
		return err
	}
	if len(objects) != c.count {
		return errUnknown
	}
	for _, o := range objects {
		c.rules.add(append([]byte{','}, o...))
	}
	return nil
}

// ask returns the objects of one kind that the program lists of the table.
func (t *table) ask(kind string, args ...string) ([][]byte, error) {
	out, err := t.nft(t.ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnknown, err)
	}
	var all struct {
		NFTables []map[string]json.RawMessage `json:"nftables"`
	}
	if err := json.Unmarshal(out, &all); err != nil {
		return nil, errUnknown
	}
	var list [][]byte
	for _, o := range all.NFTables {
		var of struct{ Family, Table string }
		if raw, ok := o[kind]; ok && json.Unmarshal(raw, &of) == nil && of.Family == t.family && of.Table == t.name {
			list = append(list, fmt.Appendf(nil, `{"%s":%s}`, kind, raw))
		}
	}
	return list, nil
}

// quoted is a string of JSON.
func quoted(s string) string {
	b, _ := json.Marshal(s) // a string can be written
	return string(b)
}

// chunks is a long text in pieces, none of which is ever moved.
type chunks [][]byte

const chunkSize = 256 << 10

func (c *chunks) add(b []byte) {
	if n := len(*c); n > 0 && len((*c)[n-1])+len(b) <= cap((*c)[n-1]) {
		(*c)[n-1] = append((*c)[n-1], b...)
		return
	}
	size := 1 << 10
	if len(*c) > 0 {
		size = chunkSize
	}
	*c = append(*c, append(make([]byte, 0, max(size, len(b))), b...))
}

func (c chunks) appendTo(out []byte) []byte {
	for _, part := range c {
		out = append(out, part...)
	}
	return out
}

func (c chunks) size() (n int) {
	for _, part := range c {
		n += len(part)
	}
	return n
}
