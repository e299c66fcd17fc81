package routeros

import (
	"slices"
	"strings"
)

// value reads one value of a command: pieces without a blank between them. A line
// that goes on after "name=" begins the value, one that goes on elsewhere ends it.
func (p *parser) value() (*node, error) {
	var b strings.Builder
	var parts []*node
	for more := true; more; {
		switch c := p.peek(); {
		case p.atEnd(), c == ' ', c == '\t':
			more = false
		case p.continued():
			more = len(parts)+b.Len() == 0
		case c == '"', c == '$', c == '(', c == '[':
			n, err := p.piece()
			if err != nil {
				return nil, err
			}
			if n == nil {
				b.WriteByte('$')
				continue
			}
			parts = append(appendRaw(parts, &b), n)
		case c == '\\':
			p.escape(&b)
		default:
			b.WriteByte(c)
			p.i++
		}
	}
	parts = appendRaw(parts, &b)
	switch len(parts) {
	case 0:
		return &node{op: opText}, nil
	case 1:
		return parts[0], nil
	}
	return &node{op: opJoin, kids: parts}, nil
}

// appendRaw is appendText for a text that stands without quotation marks.
func appendRaw(parts []*node, b *strings.Builder) []*node {
	n := len(parts)
	if parts = appendText(parts, b); len(parts) > n {
		parts[n].quoted = false
	}
	return parts
}

// piece reads what is quoted, a variable or what is in brackets.
func (p *parser) piece() (*node, error) {
	switch p.peek() {
	case '"':
		return p.quoted()
	case '$':
		return p.variable()
	}
	return p.bracketed()
}

// list reads {1;2;3} and {name=value}.
func (p *parser) list() (*node, error) {
	n := &node{op: opList}
	err := p.deeper('}', func() error {
		for {
			for p.space(); p.peek() == ';' || p.peek() == '#'; p.space() {
				if p.peek() == ';' {
					p.i++
				} else {
					p.skipLine()
				}
			}
			if p.peek() == '}' || !p.more() {
				return nil
			}
			kid, err := p.element()
			if err != nil {
				return err
			}
			n.kids = append(n.kids, kid)
		}
	})
	return n, err
}

// element reads one of a list.
func (p *parser) element() (*node, error) {
	start := *p
	name := p.name()
	if p.peek() == '"' {
		if n, err := p.quoted(); err == nil {
			name = n.text
		}
	}
	if name != "" && p.peek() == '=' {
		p.i++
		var v *node
		err := p.nested(func() (err error) {
			v, err = p.element()
			return err
		})
		return &node{op: opPair, text: name, kids: []*node{v}}, err
	}
	*p = start
	if p.peek() == '{' {
		return p.list()
	}
	n, err := p.value()
	if err == nil && p.i == start.i {
		err = errSyntax
	}
	return n, err
}

// An operator is a binary one, with how tightly it binds.
type operator struct {
	text string
	op   op
	bind int
}

// operators are all of them, the longest first among those that begin alike.
var operators = [...]operator{
	{"||", "or", 1}, {"or ", "or", 1}, {"&&", "and", 2}, {"and ", "and", 2}, {"in ", "in", 3},
	{"!=", "!=", 4}, {"<=", "<=", 4}, {">=", ">=", 4}, {"<<", "<<", 6}, {">>", ">>", 6}, {"->", "->", 9},
	{"=", "=", 4}, {"<", "<", 4}, {">", ">", 4}, {"~", "~", 4}, {".", ".", 5}, {",", ",", 5},
	{"+", "+", 7}, {"-", "-", 7}, {"*", "*", 8}, {"/", "/", 8}, {"%", "%", 8}, {"&", "&", 6}, {"|", "|", 6}, {"^", "^", 6},
}

// expression reads one whose operators bind more tightly than bind.
func (p *parser) expression(bind int) (n *node, err error) {
	err = p.nested(func() error {
		n, err = p.operations(bind)
		return err
	})
	return n, err
}

func (p *parser) operations(bind int) (*node, error) {
	left, err := p.operand()
	for n := 0; err == nil; n++ {
		if n > maxTerms {
			return nil, errTooDeep
		}
		p.space()
		at := slices.IndexFunc(operators[:], func(o operator) bool { return p.starts(o.text) })
		if at < 0 || operators[at].bind <= bind {
			return left, nil
		}
		p.i += len(operators[at].text)
		var right *node
		right, err = p.expression(operators[at].bind)
		left = &node{op: operators[at].op, kids: []*node{left, right}}
	}
	return nil, err
}

// operand reads what stands between two operators.
func (p *parser) operand() (*node, error) {
	p.space()
	switch c := p.peek(); c {
	case '"', '$', '(', '[':
		n, err := p.piece()
		if err == nil && n == nil {
			err = errSyntax
		}
		return n, err
	case '{':
		return p.list()
	case '!', '-', '~':
		p.i++
		n, err := p.expression(8)
		if c == '-' {
			return &node{op: opMinus, kids: []*node{n}}, err
		}
		return &node{op: opNot, kids: []*node{n}}, err
	}
	start := p.i
	for p.more() && (isNameByte(p.src[p.i]) || p.wordGoesOn(start)) {
		p.i++
	}
	if p.i == start {
		return nil, errSyntax
	}
	return &node{op: opName, text: p.src[start:p.i]}, nil
}

// wordGoesOn reports whether the byte here belongs to a word such as an address or
// the number of an item.
func (p *parser) wordGoesOn(start int) bool {
	c := p.src[p.i]
	if p.i == start {
		return c == '*' || c == ':'
	}
	if c == ':' && (p.src[p.i-1] == ':' || strings.HasPrefix(p.src[p.i:], "::")) { // of IPv6
		return true
	}
	after := p.i+1 < len(p.src) && isNameByte(p.src[p.i+1])
	digit := p.src[start] >= '0' && p.src[start] <= '9'
	return after && (c == ':' || digit && (c == '.' || c == '/'))
}
