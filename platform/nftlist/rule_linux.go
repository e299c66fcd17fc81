package nftlist

import (
	"slices"
	"strconv"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// wording writes the rules of a table one after the other.
type wording struct {
	table  *table
	writer // of the last rule, with a comma before it

	list []expression
	at   int // the one that is read

	net       uint8 // the network protocol that the rule has asked for; 0: none yet
	transport uint8
	loaded    *left
	mask      []byte // of what is loaded
	words     int    // statements that were written
}

// expression is one step of a rule in the kernel.
type expression struct {
	name string
	data attributes
}

// nftSteps are the steps that are known of rules of nft, by name.
var nftSteps = []string{"payload", "cmp", "meta", "immediate", "counter", "lookup", "bitwise", "reject", "ct", "range"}

// line is a rule as JSON, until the next is read. In a chain with one that is not
// known none is worded.
func (w *wording) line(c *chain, in []attributes) ([]byte, bool) {
	known := !c.unknown && w.rule(in)
	return w.out, known
}

// rule writes a rule as JSON; false where it is of a form that is not known.
func (w *wording) rule(in []attributes) bool {
	if _, known := w.split(in[unix.NFTA_RULE_EXPRESSIONS], nftSteps); !known || in[unix.NFTA_RULE_COMPAT] != nil {
		return false
	}
	w.writer = writer{out: w.out[:0]}
	w.put(`,{"rule":{"family":"`, w.table.family, `","table":"`, w.table.name, `","chain":`, quoted(in[unix.NFTA_RULE_CHAIN].text()), `,"handle":`)
	w.out = strconv.AppendUint(w.out, in[unix.NFTA_RULE_HANDLE].long(), 10)
	w.comment(in[unix.NFTA_RULE_USERDATA])
	w.put(`,"expr":[`)
	w.net, w.transport, w.loaded, w.mask, w.words = 0, 0, nil, nil, 0
	if f := w.table.number; f != unix.NFPROTO_INET {
		w.net = f
	}
	for w.at = 0; w.at < len(w.list) && !w.unknown; w.at++ {
		w.must(w.expression(w.list[w.at].name, w.list[w.at].data))
	}
	w.put("]}}")
	return !w.unknown && w.loaded == nil
}

// split splits a rule into its steps; false where there is one of another name.
func (w *wording) split(a attributes, names []string) (list []expression, known bool) {
	const name, data = 1, 2 // NFTA_EXPR_*
	w.list = w.list[:0]
	for len(a) > 0 {
		_, value, err := a.next()
		var e [3]attributes
		if err != nil || !value.fill(e[:]) {
			return nil, false
		}
		i := slices.IndexFunc(names, e[name].is)
		if i < 0 {
			return nil, false
		}
		w.list = append(w.list, expression{names[i], e[data]})
	}
	return w.list, true
}

// comment writes the rule's comment, which the kernel keeps for nft as a type,
// a length and a text.
func (w *wording) comment(userdata attributes) {
	if userdata == nil {
		return
	}
	const comment = 0 // NFTNL_UDATA_RULE_COMMENT
	if len(userdata) < 3 || userdata[0] != comment || int(userdata[1]) != len(userdata)-2 {
		w.unknown = true
		return
	}
	text := userdata[2:].text()
	w.must(userdata[2:].is(text) && utf8.ValidString(text))
	w.put(`,"comment":`, quoted(text))
}

// statement begins a statement.
func (w *wording) statement() {
	if w.words > 0 {
		w.out = append(w.out, ',')
	}
	w.words++
}

// expression takes one step. What was loaded must be asked before anything
// else is done.
func (w *wording) expression(name string, data attributes) bool {
	switch name {
	case "bitwise":
		return w.bitwise(data)
	case "cmp":
		return w.compare(data)
	case "range":
		return w.between(data)
	case "lookup":
		return w.lookup(data)
	}
	if w.loaded != nil {
		return false
	}
	var l left
	var ok bool
	switch name {
	case "payload":
		l, ok = w.payload(data)
	case "meta":
		l, ok = meta(data)
	case "ct":
		l, ok = ctState(data)
	case "counter":
		return w.counter(data)
	case "immediate":
		return w.verdict(data)
	case "reject":
		return w.reject(data)
	}
	w.loaded, w.mask = &l, nil
	return ok
}

func (w *wording) counter(data attributes) bool {
	c, ok := countersOf(data)
	w.statement()
	w.put(`{"counter":{"packets":`, strconv.FormatUint(c.packets, 10), `,"bytes":`, strconv.FormatUint(c.bytes, 10), "}}")
	return ok
}

// verdicts are the kernel's numbers for what a rule decides.
var verdicts = map[int32]string{0: "drop", 1: "accept", unix.NFT_CONTINUE: "continue", unix.NFT_RETURN: "return",
	unix.NFT_JUMP: "jump", unix.NFT_GOTO: "goto"}

func (w *wording) verdict(data attributes) bool {
	name, chain, ok := verdictOf(data)
	if !ok {
		return false
	}
	w.statement()
	if name != "jump" && name != "goto" {
		w.put(`{"`, name, `":null}`)
		return chain == ""
	}
	w.put(`{"`, name, `":{"target":`, quoted(chain), "}}")
	return w.table.byName[chain]
}

// verdictOf reads an immediate step that decides; chain is where it leads.
func verdictOf(data attributes) (name, chain string, ok bool) {
	const dreg, value, verdict, code, target = 1, 2, 2, 1, 2 // NFTA_IMMEDIATE_*, NFTA_DATA_VERDICT, NFTA_VERDICT_*
	var a, d, v [3]attributes
	if !data.all(a[:]) || a[dreg].number() != unix.NFT_REG_VERDICT || !a[value].all(d[:]) || d[verdict] == nil || !d[verdict].all(v[:]) || v[code] == nil {
		return "", "", false
	}
	name, ok = verdicts[int32(v[code].number())]
	return name, v[target].text(), ok
}

// The codes of ICMP that reject may send, in the words of nft.
var (
	codes4 = map[byte]string{0: "net-unreachable", 1: "host-unreachable", 2: "prot-unreachable", 3: "port-unreachable",
		9: "net-prohibited", 10: "host-prohibited", 13: "admin-prohibited"}
	codes6 = map[byte]string{0: "no-route", 1: "admin-prohibited", 3: "addr-unreachable", 4: "port-unreachable"}
	codesX = map[byte]string{0: "no-route", 2: "host-unreachable", 3: "admin-prohibited"}
)

// reject writes a reject of a rule that has said for which packets it is.
func (w *wording) reject(data attributes) bool {
	const typ, code = 1, 2 // NFTA_REJECT_*
	var a [3]attributes
	if !data.all(a[:]) || w.net == 0 || len(a[code]) > 1 {
		return false
	}
	number := byte(0)
	if len(a[code]) == 1 {
		number = a[code][0]
	}
	kind, codes := "icmp", codes4
	switch to := a[typ].number(); {
	case to == unix.NFT_REJECT_ICMPX_UNREACH:
		kind, codes = "icmpx", codesX
	case to != unix.NFT_REJECT_ICMP_UNREACH:
		return false
	case w.net == etherIP6:
		kind, codes = "icmpv6", codes6
	}
	name, known := codes[number]
	w.statement()
	w.put(`{"reject":{"type":"`, kind, `","expr":"`, name, `"}}`)
	return known
}
