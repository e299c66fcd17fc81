package routeros

import (
	"errors"
	"regexp"
	"strings"
)

// Errors of a script that cannot be read at all.
var (
	errUnclosed = errors.New("a quotation mark or bracket is not closed")
	errTooDeep  = errors.New("brackets nest too deeply")
	errSyntax   = errors.New("syntax error")
)

// maxDepth bounds how deep brackets nest. Scripts of people have ten levels.
const maxDepth = 60

// A parser reads statements one after the other.
type parser struct {
	src       string
	i         int
	line      int
	lineStart int // where the line begins in src
	depth     int
}

func newParser(src string) *parser { return &parser{src: src, line: 1} }

func (p *parser) here() place { return place{p.line, p.i - p.lineStart + 1} }

func (p *parser) more() bool { return p.i < len(p.src) }

// peek is the next byte, 0 at the end; the text itself has no 0.
func (p *parser) peek() byte {
	if p.i < len(p.src) {
		return p.src[p.i]
	}
	return 0
}

func (p *parser) starts(s string) bool { return strings.HasPrefix(p.src[p.i:], s) }

// newline steps over a line break.
func (p *parser) newline() {
	p.i++
	p.line++
	p.lineStart = p.i
}

// continued steps over a backslash at the end of a line and the indent of the next
// one, if that is what stands here.
func (p *parser) continued() bool {
	if p.peek() != '\\' {
		return false
	}
	end := p.i + 1
	for end < len(p.src) && (p.src[end] == ' ' || p.src[end] == '\t') { // left by an editor
		end++
	}
	if end < len(p.src) && p.src[end] != '\n' || end > p.i+1 && end == len(p.src) {
		return false
	}
	if p.i = end; p.more() {
		p.newline()
	}
	for p.peek() == ' ' || p.peek() == '\t' {
		p.i++
	}
	return true
}

// blanks steps over blanks within a statement.
func (p *parser) blanks() {
	for p.peek() == ' ' || p.peek() == '\t' || p.continued() {
		if c := p.peek(); c == ' ' || c == '\t' {
			p.i++
		}
	}
}

// space steps over blanks and line breaks.
func (p *parser) space() {
	for p.blanks(); p.peek() == '\n'; p.blanks() {
		p.newline()
	}
}

// skipLine goes to the next line, after a mistake.
func (p *parser) skipLine() {
	for p.more() && p.peek() != '\n' {
		p.i++
	}
	if p.more() {
		p.newline()
	}
}

// atEnd reports whether a statement ends here.
func (p *parser) atEnd() bool {
	switch p.peek() {
	case 0, '\n', ';':
		return true
	case ']', '}', ')':
		return p.depth > 0
	}
	return false
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// name reads the name of a menu, command or property.
func (p *parser) name() string {
	start := p.i
	for p.more() && isNameByte(p.src[p.i]) {
		p.i++
	}
	return p.src[start:p.i]
}

// promptPattern is what a console shows before each command: "[admin@hap] > " or
// "[admin@hap] /ip firewall filter> ", with <SAFE> in safe mode.
var promptPattern = regexp.MustCompile(`^\[[^\]\n@]{1,100}@[^\]\n]{1,100}\][ \t]*([a-zA-Z0-9/ -]{0,100})(<SAFE>)?[ \t]*([a-zA-Z0-9/ -]{0,100})>[ \t]?`)

// prompt steps over a console's prompt and returns the menu in it.
func (p *parser) prompt() (menu []string, ok bool) {
	if p.i != p.lineStart || p.peek() != '[' {
		return nil, false
	}
	end := strings.IndexByte(p.src[p.i:], '\n')
	if end < 0 {
		end = len(p.src) - p.i
	}
	m := promptPattern.FindStringSubmatch(p.src[p.i : p.i+end])
	if m == nil {
		return nil, false
	}
	p.i += len(m[0])
	return strings.FieldsFunc(m[1]+" "+m[3], func(r rune) bool { return r == '/' || r == ' ' }), true
}

// maxTerms bounds how many operators stand one after the other.
const maxTerms = 2000

// nested runs read one level deeper.
func (p *parser) nested(read func() error) error {
	if p.depth >= maxDepth {
		return errTooDeep
	}
	p.depth++
	defer func() { p.depth-- }()
	return read()
}

// deeper runs read between two brackets, and steps over the closing one.
func (p *parser) deeper(closing byte, read func() error) error {
	p.i++
	err := p.nested(read)
	switch {
	case err != nil:
		return err
	case p.peek() != closing:
		return errUnclosed
	}
	p.i++
	return nil
}
