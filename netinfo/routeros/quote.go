package routeros

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// escape reads what follows a backslash in a text, which is not the end of a line.
func (p *parser) escape(b *strings.Builder) {
	p.i++
	c := p.peek()
	if at := strings.IndexByte(`nrtabfv_`, c); at >= 0 && c != 0 {
		b.WriteByte("\n\r\t\a\b\f\v "[at])
		p.i++
		return
	}
	if p.i+1 < len(p.src) { // two hexadecimal digits, always capitals
		if n, err := strconv.ParseUint(p.src[p.i:p.i+2], 16, 8); err == nil && p.src[p.i:p.i+2] == strings.ToUpper(p.src[p.i:p.i+2]) {
			b.WriteByte(byte(n))
			p.i += 2
			return
		}
	}
	_, size := utf8.DecodeRuneInString(p.src[p.i:])
	b.WriteString(p.src[p.i : p.i+size])
	p.i += size
}

// quoted reads a text in quotation marks, with the variables and commands in it.
func (p *parser) quoted() (*node, error) {
	p.i++
	var b strings.Builder
	var parts []*node
	for {
		switch c := p.peek(); {
		case !p.more():
			return nil, errUnclosed
		case c == '"':
			p.i++
			if len(parts) == 0 {
				return &node{op: opText, text: utf8Of(b.String()), quoted: true}, nil
			}
			return &node{op: opJoin, kids: appendText(parts, &b)}, nil
		case p.continued():
		case c == '\\':
			p.escape(&b)
		case c == '\n':
			b.WriteByte('\n')
			p.newline()
		case c == '$':
			n, err := p.variable()
			if err != nil {
				return nil, err
			}
			if n == nil {
				b.WriteByte('$')
				continue
			}
			parts = append(appendText(parts, &b), n)
		default:
			b.WriteByte(c)
			p.i++
		}
	}
}

// appendText moves what stands in b to the end of parts.
func appendText(parts []*node, b *strings.Builder) []*node {
	if b.Len() > 0 {
		parts = append(parts, &node{op: opText, text: utf8Of(b.String()), quoted: true})
		b.Reset()
	}
	return parts
}

// variable reads $name, $"a name", $(expression) or $[command]. It is nil, and has
// stepped over the dollar sign, if there is no name.
func (p *parser) variable() (*node, error) {
	p.i++
	switch p.peek() {
	case '(', '[':
		return p.bracketed()
	case '"':
		n, err := p.quoted()
		if err != nil || n.op != opText {
			return nil, errSyntax
		}
		return &node{op: opVar, text: n.text}, nil
	}
	start := p.i
	for p.more() && isNameByte(p.src[p.i]) && p.src[p.i] != '-' && p.src[p.i] != '_' {
		p.i++
	}
	if p.i == start {
		return nil, nil
	}
	return &node{op: opVar, text: p.src[start:p.i]}, nil
}

// bracketed reads (expression) or [commands].
func (p *parser) bracketed() (n *node, err error) {
	if p.peek() == '(' {
		err = p.deeper(')', func() error {
			n, err = p.expression(0)
			p.space()
			return err
		})
		return n, err
	}
	n = &node{op: opSub}
	err = p.deeper(']', func() error {
		n.commands, err = p.statements()
		return err
	})
	return n, err
}
