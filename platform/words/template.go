package words

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A sentence is written in the notation of ICU's MessageFormat, which
// translators and their tools know:
//
//	{name}                                              the value
//	{name, number}                                      with its thousands apart
//	{names, or}                                         a list: "a, b or c"
//	{names, comma}, {names, apart}                      a list: "a, b, c", "a; b; c"
//	{count, plural, one {# port} other {# ports}}       # is the value
//	{count, plural, =0 {no port} one {…} other {…}}
//	{way, select, up {on the way out} other {on the way in}}
//
// A list counts as its length. '{' and '}' in apostrophes are braces.

// A template is a sentence taken apart.
type template []part

// A part is literal text, or a value and what is made of it.
type part struct {
	text  string
	name  string
	how   string // "", number, or, comma, apart, plural, select
	cases []choice
}

// A choice is one case of a plural or select.
type choice struct {
	key  string // one few many other =3, or the value
	body template
}

func (t template) names() []string {
	var all []string
	for _, p := range t {
		if p.name != "" && p.name != "#" {
			all = append(all, p.name)
		}
		for _, c := range p.cases {
			all = append(all, c.body.names()...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// bare is the text without the values; of a plural or select every case.
func (t template) bare() string {
	var out strings.Builder
	for _, p := range t {
		out.WriteString(p.text)
		if p.name != "" && len(p.cases) == 0 {
			out.WriteString("…")
		}
		for _, c := range p.cases {
			out.WriteString(c.body.bare() + "|")
		}
	}
	return out.String()
}

// parse takes a sentence apart. The error says what is wrong and where.
func parse(s string) (template, error) {
	p := parser{in: s}
	t, err := p.template(false)
	if err == nil && p.at < len(p.in) {
		err = p.wrong("a closing brace without an opening one")
	}
	return t, err
}

type parser struct {
	in string
	at int
}

func (p *parser) wrong(what string) error {
	return fmt.Errorf("%s, after %q", what, p.in[:min(p.at, len(p.in))])
}

// template reads until the end or a closing brace, which it leaves.
func (p *parser) template(inPlural bool) (template, error) {
	var t template
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			t = append(t, part{text: text.String()})
			text.Reset()
		}
	}
	for p.at < len(p.in) && p.in[p.at] != '}' {
		switch rest := p.in[p.at:]; {
		case strings.HasPrefix(rest, "'{'"), strings.HasPrefix(rest, "'}'"):
			text.WriteByte(rest[1])
			p.at += 3
		case rest[0] == '#' && inPlural:
			flush()
			t = append(t, part{name: "#"})
			p.at++
		case rest[0] == '{':
			flush()
			a, err := p.argument(inPlural)
			if err != nil {
				return nil, err
			}
			t = append(t, a)
		default:
			text.WriteByte(rest[0])
			p.at++
		}
	}
	flush()
	return t, nil
}

// argument reads from an opening brace past its closing one.
func (p *parser) argument(inPlural bool) (part, error) {
	p.at++
	a := part{name: p.word()}
	if !valueName.MatchString(a.name) {
		return a, p.wrong("a value's name is missing or not made of letters")
	}
	if p.take(',') {
		switch a.how = p.word(); a.how {
		case "number", "or", "comma", "apart":
		case "plural", "select":
			if !p.take(',') {
				return a, p.wrong("a comma is missing")
			}
			if err := p.choices(&a, inPlural || a.how == "plural"); err != nil {
				return a, err
			}
		default:
			return a, p.wrong(fmt.Sprintf("%q is not a way to show a value", a.how))
		}
	}
	if !p.take('}') {
		return a, p.wrong("a closing brace is missing")
	}
	return a, nil
}

func (p *parser) choices(a *part, inPlural bool) error {
	for {
		key := p.word()
		if key == "" {
			break
		}
		if !p.take('{') {
			return p.wrong("a case without braces")
		}
		body, err := p.template(inPlural)
		if err != nil {
			return err
		}
		if p.at >= len(p.in) {
			return p.wrong("a closing brace is missing")
		}
		p.at++ // not take: the space after a case belongs to nobody
		a.cases = append(a.cases, choice{key, body})
	}
	if len(a.cases) == 0 || a.cases[len(a.cases)-1].key != "other" {
		return p.wrong("the last case must be other")
	}
	return nil
}

// word reads past spaces up to a space, comma or brace.
func (p *parser) word() string {
	p.space()
	start := p.at
	for p.at < len(p.in) && !strings.ContainsRune(" \n\t,{}", rune(p.in[p.at])) {
		p.at++
	}
	return p.in[start:p.at]
}

func (p *parser) space() {
	for p.at < len(p.in) && strings.ContainsRune(" \n\t", rune(p.in[p.at])) {
		p.at++
	}
}

func (p *parser) take(c byte) bool {
	p.space()
	if p.at < len(p.in) && p.in[p.at] == c {
		p.at++
		return true
	}
	return false
}

var valueName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
