package packetfilter

import (
	"slices"
	"strconv"
	"strings"
)

// unreadRule is a rule that is left as it stands in the listing: the sets it uses
// may be listed after it, and 100,000 rules take some hundred megabytes once read.
type unreadRule struct{}

func (*unreadRule) UnmarshalJSON([]byte) error { return nil }

// rawRule is where the object of a rule is in the listing.
type rawRule struct{ start, end int64 }

// compile reads the rules and compiles them, one after the other.
func (r *nftReader) compile(listing string) {
	r.known = statements{json: jsonReader{map[string]any{}}, seen: map[string]*statement{}}
	for _, raw := range r.rules {
		// Between two objects is a comma.
		r.rule(r.known.rule(strings.TrimLeft(listing[raw.start:raw.end], ", \t\r\n")))
	}
}

// statement is one statement of a rule, and what was made of it.
type statement struct {
	json  map[string]any
	text  string // as nft words it, or close to that
	exact bool   // just as nft words it
	odd   bool
	exprs []Expr // nil: to be compiled in each rule
}

func newStatement(v map[string]any) *statement {
	s := &statement{json: v, text: renderNFT(v), exact: len(v) == 1, odd: hasOddText(v)}
	for key, x := range v {
		s.exact = s.exact && exactStatement(key, x)
	}
	return s
}

// statements are those that were read, by their text: in long chains only the
// address differs from rule to rule.
type statements struct {
	json jsonReader
	seen map[string]*statement
}

// maxStatements bounds what is kept.
const maxStatements = 1000

func (s *statements) read(text string) *statement {
	if v, seen := s.seen[text]; seen {
		return v
	}
	v, _ := s.json.value(text).(map[string]any)
	x := newStatement(v)
	if len(s.seen) < maxStatements && !strings.Contains(text, `addr"`) {
		s.seen[strings.Clone(text)] = x
	}
	return x
}

// rule reads the object of a rule, as far as it is one.
func (s *statements) rule(text string) *nftRule {
	rule := &nftRule{}
	word := func(value string) string {
		text, _ := s.json.value(value).(string)
		return text
	}
	member := func(key, value string) bool {
		switch key {
		case `"family"`:
			rule.Family = TableFamily(word(value))
		case `"table"`:
			rule.Table = word(value)
		case `"chain"`:
			rule.Chain = word(value)
		case `"comment"`:
			rule.Comment = word(value)
		case `"handle"`:
			rule.Handle, _ = strconv.ParseUint(value, 10, 64)
		case `"expr"`:
			rule.Expr = make([]*statement, 0, 4)
			elements(value, false, func(_, v string) bool {
				rule.Expr = append(rule.Expr, s.read(v))
				return true
			})
		}
		return true
	}
	elements(text, true, func(key, value string) bool { return key != `"rule"` || elements(value, true, member) })
	return rule
}

// compile compiles a statement, or takes what it was compiled to before: plain
// matches and verdicts are the same in every rule.
func (b *nftBuilder) compile(s *statement) {
	if s.exprs != nil {
		b.add(s.exprs...)
		return
	}
	if len(b.ways) > 1 {
		b.statement(s.json)
		return
	}
	before := len(b.ways[0])
	b.statement(s.json)
	if len(b.ways) > 1 {
		return
	}
	added := b.ways[0][before:]
	if len(added) > 0 && !slices.ContainsFunc(added, func(x Expr) bool { return !reusable(x) }) {
		s.exprs = slices.Clone(added)
	}
}

func reusable(x Expr) bool {
	switch x := x.(type) {
	case *Match:
		return true
	case *Verdict:
		return x.Chain == ""
	}
	return false
}

// chainOf is the chain of a rule; nil when it is not listed.
func (r *nftReader) chainOf(raw *nftRule) *Chain {
	if l := &r.last; l.of == nil || l.chain != raw.Chain || l.table != raw.Table || l.family != raw.Family {
		l.family, l.table, l.chain = raw.Family, raw.Table, raw.Chain
		l.of = r.chains[nftName(raw.Family, raw.Table, raw.Chain)]
	}
	return r.last.of
}

// rule compiles one rule into its chain. A rule that looks up a value in a map
// becomes one rule for each value, of which at most one matches a packet.
func (r *nftReader) rule(raw *nftRule) {
	c := r.chainOf(raw)
	if c == nil {
		r.fault(0, because("rule-astray", "handle", strconv.FormatUint(raw.Handle, 10), "chain", nftName(raw.Family, raw.Table, raw.Chain)))
		return
	}
	b := &nftBuilder{reader: r, rule: raw, ways: [][]Expr{make([]Expr, 0, 2*len(raw.Expr))}}
	odd, exact := strings.ContainsAny(raw.Comment, oddSigns), plainComment(raw.Comment)
	for _, s := range raw.Expr {
		b.compile(s)
		odd, exact = odd || s.odd, exact && s.exact
	}
	position := 1
	if n := len(c.Rules); n > 0 {
		position = c.Rules[n-1].Position + 1
	}
	text := raw.text()
	for _, way := range b.ways {
		for _, exprs := range unjoin(way, text) {
			c.Rules = append(c.Rules, &Rule{
				Text: text, Position: position, Handle: raw.Handle, Comment: raw.Comment,
				Exprs: exprs, odd: odd, exact: exact && !odd,
			})
		}
	}
}

// text words a rule from its JSON, close to how nft does.
func (r *nftRule) text() string {
	parts := make([]string, 0, len(r.Expr)+1)
	for _, s := range r.Expr {
		if s.text != "" {
			parts = append(parts, s.text)
		}
	}
	if r.Comment != "" {
		parts = append(parts, "comment "+strconv.Quote(r.Comment))
	}
	return strings.Join(parts, " ")
}

// oddSigns are what nft's language cannot express in a string and what would
// look like another rule in its listing. Netlink and JSON let both in.
const oddSigns = "\"\n\r"

// hasOddText reports whether a text within JSON holds one of the odd signs.
func hasOddText(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.ContainsAny(v, oddSigns)
	case []any:
		return slices.ContainsFunc(v, hasOddText)
	case map[string]any:
		for _, x := range v {
			if hasOddText(x) {
				return true
			}
		}
	}
	return false
}
