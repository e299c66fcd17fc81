package packetfilter

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxNFTWays is how many values of maps one rule is unfolded into. Maps with
// more are rare in packet filters (load balancers have them), and only which
// value is used becomes unknown.
const maxNFTWays = 256

// nftBuilder compiles the statements of one rule.
type nftBuilder struct {
	reader *nftReader
	rule   *nftRule
	ways   [][]Expr // alternatives of which at most one comes true
}

func (b *nftBuilder) add(list ...Expr) {
	if len(b.ways) == 1 {
		b.ways[0] = append(b.ways[0], list...)
		return
	}
	for i := range b.ways {
		b.ways[i] = append(b.ways[i][:len(b.ways[i]):len(b.ways[i])], list...)
	}
}

// fork continues in several alternatives.
func (b *nftBuilder) fork(list [][]Expr) {
	var out [][]Expr
	for _, w := range b.ways {
		for _, f := range list {
			out = append(out, append(w[:len(w):len(w)], f...))
		}
	}
	b.ways = out
}

// mayFork reports whether n alternatives can be taken: nothing that was done
// before in this rule may be done again with another effect.
func (b *nftBuilder) mayFork(n int) bool {
	if n == 0 || n*len(b.ways) > maxNFTWays {
		return false
	}
	for _, e := range b.ways[0] {
		switch e.(type) {
		case *SetMark, *Update, *NAT:
			return false
		}
	}
	return true
}

func (b *nftBuilder) unknown(what, key string, not bool) {
	b.add(&Unknown{What: what, Key: key, Not: not})
}

// statement compiles one statement: an object with one key.
func (b *nftBuilder) statement(s map[string]any) {
	for key, v := range s {
		b.keyed(key, v)
		return
	}
	b.unknown("{}", "", false)
}

func (b *nftBuilder) keyed(key string, v any) {
	if x := nftVerdict(key, v); x != nil {
		b.add(rejected(v)...)
		b.add(x)
		return
	}
	switch key {
	case "match":
		b.match(v)
	case "vmap":
		b.verdictMap(v)
	case "mangle":
		b.mangle(v)
	case "snat", "dnat", "masquerade", "redirect", "tproxy":
		b.nat(NATKind(key), v)
	case "notrack":
		b.add(&NoTrack{})
	case "set":
		b.update(v)
	case "ct helper":
		b.helper(v)
	case "counter":
	case "log", "ct timeout", "ct expectation", "dup", "flow", "secmark", "tunnel", "last", "reset":
		b.add(&Note{What: renderNFT(map[string]any{key: v})})
	case "synproxy":
		b.add(protocolIs(TCP), &Verdict{Kind: Stolen, With: "synproxy"})
	case "fwd":
		b.add(&Verdict{Kind: Stolen, With: "fwd"})
	case "xt":
		b.xt(v)
	case "meter":
		b.meter(v)
	case "ct count":
		b.metered(map[string]any{key: v}, SetUse{})
	default:
		b.unknown(renderNFT(map[string]any{key: v}), "", false)
	}
}

// nftVerdict reads a verdict; nil where it is none.
func nftVerdict(key string, v any) *Verdict {
	k := VerdictKind(max(slices.Index(verdictNames, key), 0))
	if k == 0 || k == Stolen {
		return nil
	}
	x := &Verdict{Kind: k, Chain: textOf(v, "target")}
	switch k {
	case Reject:
		x.With = nftReject(v)
	case Queue:
		x.With = strings.TrimSpace(renderNFT(map[string]any{key: v}))
	}
	return x
}

// verdictIn is the verdict that an object of JSON is; nil where it is none.
func verdictIn(v any) *Verdict {
	m, _ := v.(map[string]any)
	for key, x := range m {
		return nftVerdict(key, x)
	}
	return nil
}

// nftReject words a reject as iptables does: icmp-port-unreachable, tcp-reset.
func nftReject(v any) string {
	kind, expr := textOf(v, "type"), textOf(v, "expr")
	switch {
	case kind == "tcp reset":
		return "tcp-reset"
	case kind == "icmpv6":
		return "icmp6-" + expr
	case expr != "":
		return "icmp-" + expr
	}
	return "icmp-port-unreachable"
}

// rejected is what a reject implies: outside the tables of one family, one with
// the ICMP of one family matches only that.
func rejected(v any) []Expr {
	switch field(v, "type") {
	case "icmp":
		return []Expr{familyIs(afInet)}
	case "icmpv6":
		return []Expr{familyIs(afInet6)}
	case "tcp reset":
		return []Expr{protocolIs(TCP)}
	}
	return nil
}

// afInet and afInet6 are the values of FieldFamily.
const (
	afInet  Num = 2
	afInet6 Num = 10
)

// xt is an extension of iptables that nft knows by name only.
func (b *nftBuilder) xt(v any) {
	kind, name := textOf(v, "type"), textOf(v, "name")
	what := strings.TrimSpace("xt " + kind + " " + name)
	switch {
	case kind == "target" && slices.Contains([]string{"LOG", "NFLOG", "TCPMSS", "CHECKSUM", "CLASSIFY", "DSCP", "TOS", "TTL", "HL", "TEE", "AUDIT", "TRACE"}, name):
		b.add(&Note{What: what})
	case kind == "target" && name == "MARK":
		b.add(&SetMark{To: FieldMark, Unknown: what})
	case kind == "target" && name == "CONNMARK":
		b.add(&SetMark{To: FieldMark, Unknown: what}, &SetMark{To: FieldCtMark, Unknown: what})
	case kind == "target":
		b.add(&Verdict{Kind: Stolen, With: what})
	default:
		b.unknown(what, "", false)
	}
}

// helper adds the helper that a statement attaches; of a map's, SIP's if it is
// among them.
func (b *nftBuilder) helper(v any) {
	name, _ := v.(string)
	for _, object := range textsIn(v) {
		t := b.reader.helpers[nftName(b.rule.Family, b.rule.Table, object)]
		if name = cmp.Or(t, name); t == sipHelper {
			break
		}
	}
	b.add(&Helper{Name: name})
}

// textsIn are the texts in a value of JSON, at whatever depth.
func textsIn(v any) (list []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, e := range v {
			list = append(list, textsIn(e)...)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			list = append(list, textsIn(v[name])...)
		}
	}
	return list
}

// update is a statement that changes a set.
func (b *nftBuilder) update(v any) {
	elem := field(v, "elem")
	if e := field(elem, "elem"); e != nil {
		elem = field(e, "val")
	}
	u := &Update{Delete: textOf(v, "op") == "delete"}
	u.Name = strings.TrimPrefix(textOf(v, "set"), "@")
	_, u.Fields = b.keys(elem)
	stmts, _ := field(v, "stmt").([]any)
	for _, s := range stmts {
		if m, ok := s.(map[string]any); ok {
			b.metered(m, u.SetUse)
		}
	}
	b.add(u)
}

// metered is a limit that each element of a set has for itself.
func (b *nftBuilder) metered(s map[string]any, of SetUse) {
	for key, v := range s {
		switch key {
		case "ct count":
			if n, ok := field(v, "val").(float64); ok && n > 0 {
				b.add(&Metered{What: renderNFT(s), Most: uint64(n), Over: field(v, "inv") == true, SetUse: SetUse{Fields: of.Fields}})
				return
			}
			b.unknown(renderNFT(s), "", false)
		case "limit", "quota":
			b.add(&Metered{What: renderNFT(s), Over: field(v, "inv") == true, SetUse: of})
		default:
			b.statement(s)
		}
		return
	}
}

// meter is a limit for each of something, as older versions write it. What it
// counts is a set that nothing else can name.
func (b *nftBuilder) meter(v any) {
	of := SetUse{Name: textOf(v, "name")}
	_, of.Fields = b.keys(field(v, "key"))
	if s, ok := field(v, "stmt").(map[string]any); ok {
		b.metered(s, of)
	}
}

// plainKeys reports whether each key is a field as it stands, that a lookup
// can use.
func plainKeys(keys []nftKey) bool {
	for _, k := range keys {
		if k.field == FieldNone || k.field == FieldOther || k.masked {
			return false
		}
	}
	return len(keys) > 0
}

// verdictMap is "vmap".
func (b *nftBuilder) verdictMap(v any) {
	keys, fields := b.keys(field(v, "key"))
	data := field(v, "data")
	if !plainKeys(keys) {
		b.unknownVerdictMap(v, b.setOf(data, keys, true))
		return
	}
	m := &VerdictMap{SetUse{Fields: fields}}
	if name, ok := data.(string); ok {
		m.Name = strings.TrimPrefix(name, "@")
	} else if m.Set = b.setOf(data, keys, true); m.Set == nil {
		b.unknown("vmap "+renderNFT(v), "", false)
		b.add(&Verdict{Kind: Stolen, With: "vmap"})
		return
	}
	b.add(m)
}

// unknownVerdictMap: the key is not known of the packet, so that each verdict
// of the map can come, or none.
func (b *nftBuilder) unknownVerdictMap(v any, set *Set) {
	what := "vmap " + renderNFT(field(v, "key"))
	if set == nil || !b.mayFork(len(set.Elements)+1) {
		b.unknown(what, "", false)
		b.add(&Verdict{Kind: Stolen, With: what})
		return
	}
	var list [][]Expr
	seen := map[Verdict]bool{}
	for _, e := range set.Elements {
		if e.Verdict != nil && !seen[*e.Verdict] {
			seen[*e.Verdict] = true
			verdict := *e.Verdict
			list = append(list, []Expr{&Unknown{What: what, Key: fmt.Sprint(what, verdict)}, &verdict})
		}
	}
	b.fork(append(list, nil))
}

// textOf is a member of a JSON object that is a text; empty when it is none.
func textOf(v any, name string) string {
	text, _ := field(v, name).(string)
	return text
}

// field is a member of a JSON object, nil when v is none or has none.
func field(v any, name string) any {
	m, _ := v.(map[string]any)
	return m[name]
}
