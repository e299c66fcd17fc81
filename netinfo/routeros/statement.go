package routeros

import (
	"slices"
	"strings"
)

// statement reads the next one; nil at the end of the text or block.
func (p *parser) statement() (*command, error) {
	for {
		p.space()
		c := &command{place: p.here()}
		if menu, ok := p.prompt(); ok {
			c.absolute, c.last = true, p.line
			for _, name := range menu {
				c.path = append(c.path, word{c.place, name})
			}
			return c, nil
		}
		switch p.peek() {
		case 0:
			return nil, nil
		case '#':
			for p.more() && p.peek() != '\n' {
				p.i++
			}
			continue
		case ';':
			p.i++
			continue
		case ']', '}', ')':
			if p.depth > 0 {
				return nil, nil
			}
			return nil, errSyntax
		}
		err := p.command(c)
		c.last = p.line
		return c, err
	}
}

// statements reads to the end of a block.
func (p *parser) statements() (list []*command, err error) {
	for {
		c, err := p.statement()
		if c == nil || err != nil {
			return list, err
		}
		list = append(list, c)
	}
}

// command reads one that begins here.
func (p *parser) command(c *command) error {
	switch p.peek() {
	case '$', '(', '[', '"':
		n, err := p.value()
		if err != nil {
			return err
		}
		c.global, c.verb = true, word{c.place, ""}
		c.args = []arg{{place: c.place, value: n}}
		return p.arguments(c)
	case '{':
		return p.menuBlock(c)
	case ':':
		p.i++
		c.global, c.verb = true, word{p.here(), p.name()}
		if c.verb.text == "" {
			return errSyntax
		}
		return p.arguments(c)
	case '/':
		c.absolute = true
	}
	return p.menuCommand(c)
}

// menuBlock reads { commands } that run in the menu of c.
func (p *parser) menuBlock(c *command) (err error) {
	c.isBlock = true
	return p.deeper('}', func() error {
		c.block, err = p.statements()
		return err
	})
}

// menuCommand reads the path of a menu and what follows it.
func (p *parser) menuCommand(c *command) error {
	for {
		p.blanks()
		for p.peek() == '/' {
			p.i++
			p.blanks()
		}
		if p.starts("..") {
			c.up++
			p.i += 2
			continue
		}
		if p.peek() == '{' {
			return p.menuBlock(c)
		}
		w := word{place: p.here(), text: p.name()}
		next := p.peek()
		switch {
		case w.text == "" && p.atEnd():
			return nil
		case w.text == "" && len(c.path) > 0, next == '=' && len(c.path) > 0:
			// A command that is not among the known verbs, with its arguments.
			p.i -= len(w.text)
			c.verb = c.path[len(c.path)-1]
			c.path = c.path[:len(c.path)-1]
			return p.arguments(c)
		case w.text == "":
			return errSyntax
		case len(c.path) == 0 && !c.absolute && c.up == 0 && isGlobal(w.text):
			c.global, c.verb = true, w
			return p.arguments(c)
		case isMenuVerb(w.text):
			c.verb = w
			return p.arguments(c)
		}
		c.path = append(c.path, w)
	}
}

// arguments reads what follows a verb.
func (p *parser) arguments(c *command) error {
	if !c.global && c.verb.text == "find" {
		return p.condition(c)
	}
	for {
		p.blanks()
		if p.atEnd() {
			return nil
		}
		if !c.global && p.whereFollows() {
			return p.condition(c)
		}
		a, err := p.argument(c)
		if err != nil {
			return err
		}
		c.args = append(c.args, a)
	}
}

// whereFollows reports whether the word where stands here.
func (p *parser) whereFollows() bool {
	return p.starts("where") && (p.i+5 == len(p.src) || !isNameByte(p.src[p.i+5]) && p.src[p.i+5] != '=')
}

// argument reads name=value, !name or a value.
func (p *parser) argument(c *command) (a arg, err error) {
	a.place = p.here()
	start := p.i
	if p.peek() == '!' && p.i+1 < len(p.src) && isNameByte(p.src[p.i+1]) {
		p.i++
		if name := p.name(); p.atEnd() || strings.IndexByte(" \t\\", p.peek()) >= 0 {
			a.name, a.unset = name, true
			return a, nil
		}
		p.i = start
	}
	if name := p.name(); name != "" && p.peek() == '=' {
		p.i++
		a.name = name
		p.continued()
		if c.global && (name == "do" || name == "else" || name == "on-error") || name == "on-error" {
			p.blanks()
		}
	} else {
		p.i = start
	}
	code := c.global && (a.name == "do" || a.name == "else" || a.name == "on-error" || a.name == "" && slices.Contains([]string{"do", "onerror", "retry"}, c.verb.text))
	if p.peek() == '{' {
		a.value, err = p.braces(code, c.global)
		return a, err
	}
	a.value, err = p.value()
	return a, err
}

// braces reads {…}: commands, a list, or, where a menu takes a script, the text of
// one.
func (p *parser) braces(code, global bool) (n *node, err error) {
	switch {
	case code:
		n = &node{op: opBlock}
		err = p.deeper('}', func() error {
			n.commands, err = p.statements()
			return err
		})
		return n, err
	case global:
		return p.list()
	}
	start := p.i + 1
	err = p.deeper('}', func() error {
		_, err := p.statements()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &node{op: opText, text: p.src[start : p.i-1], quoted: true}, nil
}
