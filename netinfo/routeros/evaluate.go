package routeros

import "strings"

// eval computes n. row is the item that a condition is asked of, nil elsewhere.
func (r *interpreter) eval(n *node, row *Row) (value, error) {
	if n == nil {
		return value{}, nil
	}
	switch n.op {
	case opText:
		if n.quoted {
			return textOf(n.text), nil
		}
		return wordOf(n.text), nil
	case opName:
		if row != nil {
			return row.property(n.text), nil
		}
		return wordOf(n.text), nil
	case opVar:
		return r.lookup(n.text), nil
	case opSub:
		return r.runAll(n.commands)
	case opBlock:
		return value{kind: unknown}, nil // a function
	case opJoin:
		return r.evalJoin(n, row)
	case opList:
		return r.evalList(n, row)
	case "and", "or":
		return r.evalLogic(n, row)
	}
	return r.evalOperator(n, row)
}

func (r *interpreter) evalJoin(n *node, row *Row) (value, error) {
	var b strings.Builder
	for _, kid := range n.kids {
		v, err := r.eval(kid, row)
		if err != nil || v.kind == unknown {
			return v, err
		}
		b.WriteString(v.String())
		if b.Len() > maxValue {
			return value{kind: unknown}, nil
		}
	}
	return textOf(b.String()), r.spend(b.Len() / 16)
}

func (r *interpreter) evalList(n *node, row *Row) (value, error) {
	out := value{kind: list}
	for _, kid := range n.kids {
		key := ""
		if kid.op == opPair {
			key, kid = kid.text, kid.kids[0]
		}
		v, err := r.eval(kid, row)
		if err != nil {
			return v, err
		}
		v.key = key
		out.list = append(out.list, v)
	}
	return out, nil
}

// evalLogic computes "and" and "or" with what may be unknown.
func (r *interpreter) evalLogic(n *node, row *Row) (value, error) {
	decides := n.op == "or"
	doubt := false
	for _, kid := range n.kids {
		v, err := r.eval(kid, row)
		if err != nil {
			return v, err
		}
		is, known := v.isTrue()
		if known && is == decides {
			return truthOf(decides), nil
		}
		doubt = doubt || !known
	}
	if doubt {
		return value{kind: unknown}, nil
	}
	return truthOf(!decides), nil
}

func (r *interpreter) evalOperator(n *node, row *Row) (value, error) {
	a, err := r.eval(n.kids[0], row)
	if err != nil {
		return a, err
	}
	if len(n.kids) == 1 {
		return unary(n.op, a), nil
	}
	b, err := r.eval(n.kids[1], row)
	if err != nil {
		return b, err
	}
	if a.kind == unknown || b.kind == unknown {
		return value{kind: unknown}, nil
	}
	v := binary(n.op, a, b)
	return v, r.spend(len(v.text)/16 + len(v.list)/16)
}

func unary(o op, a value) value {
	if o == opMinus && a.kind == number {
		return numberOf(-a.n)
	}
	is, known := a.isTrue()
	if o == opMinus || !known {
		return value{kind: unknown}
	}
	return truthOf(!is)
}

// binary computes a value of two that are known.
func binary(o op, a, b value) value {
	switch o {
	case "=", "!=":
		n, _ := compare(a, b)
		return truthOf((n == 0) == (o == "="))
	case "<", ">", "<=", ">=":
		n, _ := compare(a, b)
		return truthOf(n < 0 && o[0] == '<' || n > 0 && o[0] == '>' || n == 0 && len(o) == 2)
	case "~":
		return matches(a.String(), b.String())
	case "in":
		return within(a.String(), b.String())
	case ".":
		return textOf(a.String() + b.String())
	case ",":
		return joined(a, b)
	case "->":
		return elementOf(a, b)
	}
	return arithmetic(o, a, b)
}

// joined is a list of the elements of both.
func joined(a, b value) value {
	out := value{kind: list}
	for _, v := range []value{a, b} {
		switch v.kind {
		case list:
			out.list = append(out.list, v.list...)
		case nothing:
		default:
			out.list = append(out.list, v)
		}
	}
	if len(out.list) > maxList {
		return value{kind: unknown}
	}
	return out
}

// elementOf is the element of a list by number or name.
func elementOf(a, b value) value {
	for i, e := range a.list {
		if e.key != "" && e.key == b.String() || b.kind == number && int64(i) == b.n {
			e.key = ""
			return e
		}
	}
	return value{}
}

func arithmetic(o op, a, b value) value {
	x, ok1 := numberIn(a)
	y, ok2 := numberIn(b)
	if !ok1 || !ok2 {
		return value{kind: unknown} // times and addresses, which scripts seldom add up
	}
	switch o {
	case "+":
		return numberOf(x + y)
	case "-":
		return numberOf(x - y)
	case "*":
		return numberOf(x * y)
	case "/", "%":
		if y == 0 {
			return value{kind: unknown}
		}
		if o == "/" {
			return numberOf(x / y)
		}
		return numberOf(x % y)
	case "&":
		return numberOf(x & y)
	case "|":
		return numberOf(x | y)
	case "^":
		return numberOf(x ^ y)
	case "<<", ">>":
		if y < 0 || y > 63 {
			return value{kind: unknown}
		}
		if o == "<<" {
			return numberOf(x << y)
		}
		return numberOf(x >> y)
	}
	return value{kind: unknown}
}

// numberIn is v as a number, which a text may hold.
func numberIn(v value) (int64, bool) {
	if v.kind == number {
		return v.n, true
	}
	if v.kind == nothing {
		return 0, true
	}
	return parseInt(v.String())
}
