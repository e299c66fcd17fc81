package routeros

// condition reads what find and where ask of each item: comparisons one after the
// other, which must all hold unless "or" stands between them.
func (p *parser) condition(c *command) error {
	p.blanks()
	if p.whereFollows() {
		p.i += len("where")
		c.filtered = true
	}
	n, err := p.conditionOr(c)
	if n != nil {
		c.cond, c.filtered = n, true
	}
	return err
}

func (p *parser) conditionOr(c *command) (left *node, err error) {
	for n := 0; ; n++ {
		if n > maxTerms {
			return nil, errTooDeep
		}
		right, err := p.conditionAnd(c)
		if err != nil {
			return nil, err
		}
		if left == nil {
			left = right
		} else if right != nil {
			left = &node{op: "or", kids: []*node{left, right}}
		}
		if !p.joins("or", "||") {
			return left, nil
		}
	}
}

func (p *parser) conditionAnd(c *command) (left *node, err error) {
	for n := 0; ; n++ {
		if n > maxTerms {
			return nil, errTooDeep
		}
		p.joins("and", "&&")
		p.blanks()
		if p.atEnd() || p.starts("||") || p.wordIs("or") {
			return left, nil
		}
		right, err := p.comparison(c)
		if err != nil {
			return nil, err
		}
		if right == nil {
			continue
		}
		if left == nil {
			left = right
		} else {
			left = &node{op: "and", kids: []*node{left, right}}
		}
	}
}

// wordIs reports whether s stands here as a word of its own.
func (p *parser) wordIs(s string) bool {
	return p.starts(s) && (p.i+len(s) == len(p.src) || !isNameByte(p.src[p.i+len(s)]) && p.src[p.i+len(s)] != '=')
}

// joins steps over one of the two ways to write one.
func (p *parser) joins(name, sign string) bool {
	p.blanks()
	switch {
	case p.wordIs(name):
		p.i += len(name)
	case p.starts(sign):
		p.i += len(sign)
	default:
		return false
	}
	return true
}

// comparison reads one term. What print takes after its condition, such as
// proplist, is not part of it: nil.
func (p *parser) comparison(c *command) (n *node, err error) {
	switch p.peek() {
	case '!':
		err = p.nested(func() error {
			p.i++
			n, err = p.comparison(c)
			return err
		})
		if err == nil && n == nil {
			err = errSyntax
		}
		return &node{op: opNot, kids: []*node{n}}, err
	case '(':
		err = p.deeper(')', func() error {
			n, err = p.conditionOr(c)
			return err
		})
		return n, err
	case '[', '$', '"':
		return p.piece()
	}
	at, start := p.here(), p.i
	if p.peek() == '.' { // .id
		p.i++
	}
	if p.name() == "" {
		return nil, errSyntax
	}
	left := &node{op: opName, text: p.src[start:p.i]}
	p.blanks()
	for _, o := range []op{"!=", "<=", ">=", "=", "<", ">", "~", "in"} {
		if !p.starts(string(o)) || o == "in" && !p.wordIs("in") {
			continue
		}
		p.i += len(o)
		p.blanks()
		right, err := p.value()
		if left.text == "proplist" {
			c.args = append(c.args, arg{place: at, name: left.text, value: right})
			return nil, err
		}
		return &node{op: o, kids: []*node{left, right}}, err
	}
	return left, nil
}
