package packetfilter

import (
	"strings"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// ReadIPTablesSave reads the output of iptables-save or ip6tables-save, with or
// without counters (-c). Tool is the program that keeps the tables, one of the
// Tool constants; one that begins with ip6 is of IPv6. Texts of rules are
// slices of the listing.
func ReadIPTablesSave(tool, listing string) Parts {
	r := &iptablesReader{tool: tool, family: FamilyIP}
	if strings.HasPrefix(tool, "ip6") {
		r.family = FamilyIP6
	}
	r.read(listing)
	switch {
	case r.table != nil:
		r.parts.Unread = r.brokenOff()
	case len(r.parts.Tables) == 0 && len(r.parts.Faults) > 0:
		r.parts.Unread = because("no-listing")
	}
	return r.parts
}

type iptablesReader struct {
	tool   string
	family TableFamily
	parts  Parts
	table  *Table
	chains map[string]*Chain
	line   int
	tokens []token
}

// token is a word of a listing. Quoted ones are never options.
type token struct {
	text   string
	quoted bool
}

// maxFaults bounds what is said about input that is not a listing.
const maxFaults = 50

func (r *iptablesReader) fault(why words.Reason) { r.parts.fault(r.tool, r.line, why) }

// fault notes what could not be read, as long as it is not too much.
func (p *Parts) fault(tool string, line int, why words.Reason) {
	if len(p.Faults) < maxFaults {
		p.Faults = append(p.Faults, Fault{Tool: tool, Line: line, Why: why})
	}
}

// notUnderstood is about a line or word of a listing.
func notUnderstood(text string) words.Reason { return because("not-understood", "text", shorten(text)) }

// brokenOff is about a table whose listing does not end as it should.
func (r *iptablesReader) brokenOff() words.Reason {
	why := because("no-commit", "table", r.table.Name)
	r.fault(why)
	r.incomplete()
	return why
}

func (r *iptablesReader) read(listing string) {
	for line := range strings.Lines(listing) {
		r.line++
		line = strings.TrimRight(line, "\r\n")
		whole := line
		line = strings.TrimLeft(line, " \t")
		switch {
		case line == "":
		case line[0] == '#':
			if strings.Contains(line, "is incompatible") {
				r.fault(because("incompatible", "text", strings.TrimPrefix(line, "# ")))
			}
		case line[0] == '*':
			if r.table != nil {
				r.brokenOff()
			}
			r.table = &Table{Tool: r.tool, Family: r.family, Name: strings.TrimSpace(line[1:])}
			r.chains = map[string]*Chain{}
			r.parts.Tables = append(r.parts.Tables, r.table)
		case line == "COMMIT":
			r.table = nil
		case r.table == nil:
			r.fault(notUnderstood(whole))
		default:
			r.entry(line)
		}
	}
}

// shorten keeps quoted lines of hostile listings readable.
func shorten(s string) string {
	const most = 120
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// entry reads a chain's declaration or a rule.
func (r *iptablesReader) entry(line string) {
	if line[0] == '[' {
		counters, rest, ok := strings.Cut(line, "]")
		if !ok || !strings.Contains(counters, ":") {
			r.fault(notUnderstood(line))
			return
		}
		line = strings.TrimLeft(rest, " ")
	}
	if !r.split(line) {
		r.fault(because("quote-open", "text", shorten(line)))
		r.incomplete()
		return
	}
	t := r.tokens
	switch {
	case len(t) >= 2 && strings.HasPrefix(t[0].text, ":") && !t[0].quoted:
		r.declare(t[0].text[1:], t[1].text)
	case len(t) >= 2 && t[0].text == "-A":
		rule := &Rule{Text: line}
		c := r.chain(t[1].text)
		p := iptablesRule{r: r, rule: rule, chain: c, tokens: t[2:]}
		p.read()
		c.Rules = append(c.Rules, rule)
		rule.Position = len(c.Rules)
	default:
		r.fault(notUnderstood(line))
		r.incomplete()
	}
}

// incomplete marks the chains of the table after a line that could not be
// read: it may have been a rule of any of them.
func (r *iptablesReader) incomplete() {
	for _, c := range r.table.Chains {
		c.Incomplete = true
	}
}

func (r *iptablesReader) chain(name string) *Chain {
	c := r.chains[name]
	if c == nil {
		c = &Chain{Name: name, Base: iptablesBase(r.table.Name, name)}
		if c.Base != nil {
			c.Base.Policy = Accept
		}
		r.chains[name] = c
		r.table.Chains = append(r.table.Chains, c)
	}
	return c
}

func (r *iptablesReader) declare(name, policy string) {
	c := r.chain(name)
	if c.Base == nil {
		return
	}
	switch policy {
	case "DROP":
		c.Base.Policy = Drop
	case "ACCEPT", "-":
		c.Base.Policy = Accept
	default:
		r.fault(because("policy", "policy", shorten(policy), "chain", name))
		c.Incomplete = true
	}
}

// iptablesBase is the hook of a built-in chain; nil for others.
func iptablesBase(table, chain string) *Base {
	hook, ok := map[string]HookName{
		"PREROUTING": HookPrerouting, "INPUT": HookInput, "FORWARD": HookForward,
		"OUTPUT": HookOutput, "POSTROUTING": HookPostrouting,
	}[chain]
	priority, known := map[string]int{
		"raw": priorityRaw, "mangle": priorityMangle, "nat": priorityDNAT,
		"filter": priorityFilter, "security": prioritySecurity,
	}[table]
	if !ok || !known {
		return nil
	}
	b := &Base{Type: "filter", Hook: hook, Priority: priority}
	if table == "nat" {
		b.Type = "nat"
		if hook == HookInput || hook == HookPostrouting {
			b.Priority = prioritySNAT
		}
	}
	return b
}

// split cuts a line into r.tokens: words, or text in double quotes where a
// backslash escapes quotes and itself (iptables: xtables_save_string). Words
// are slices of the line; ok is false if a quote does not end.
func (r *iptablesReader) split(line string) (ok bool) {
	r.tokens = r.tokens[:0]
	for {
		line = strings.TrimLeft(line, " \t")
		if line == "" {
			return true
		}
		if line[0] != '"' {
			end := strings.IndexAny(line, " \t")
			if end < 0 {
				end = len(line)
			}
			r.tokens = append(r.tokens, token{text: line[:end]})
			line = line[end:]
			continue
		}
		text, rest, ended := unquote(line[1:])
		if !ended {
			return false
		}
		r.tokens = append(r.tokens, token{text, true})
		line = rest
	}
}

// unquote reads up to the closing quote.
func unquote(s string) (text, rest string, ok bool) {
	end := strings.IndexAny(s, `"\`)
	if end >= 0 && s[end] == '"' {
		return s[:end], s[end+1:], true
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}
