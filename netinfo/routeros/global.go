package routeros

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// runGlobal runs a command of the language itself.
func (r *interpreter) runGlobal(c *command) (value, error) {
	switch c.verb.text {
	case "local", "global":
		return value{}, r.declare(c)
	case "set":
		name, err := r.eval(c.plain(0), nil)
		if err != nil {
			return value{}, err
		}
		v, err := r.eval(c.plain(1), nil)
		if err == nil {
			r.assign(name.String(), v)
		}
		return value{}, err
	case "if":
		return r.runIf(c)
	case "foreach":
		return value{}, r.runForeach(c)
	case "for":
		return value{}, r.runFor(c)
	case "while":
		return value{}, r.runWhile(c.plain(0), c.named("do"))
	case "do":
		return r.runDo(c)
	case "log", "delay", "beep", "nothing", "environment":
		return value{}, nil
	case "error", "return":
		return r.runStop(c)
	case "put":
		v, err := r.eval(c.plain(0), nil)
		if err == nil && r.typed {
			r.out.WriteString(v.join(";") + "\n")
		}
		return v, err
	}
	return r.runFunction(c)
}

// declare does :local and :global, which keep a variable that is only named.
func (r *interpreter) declare(c *command) error {
	name, err := r.eval(c.plain(0), nil)
	if err != nil {
		return err
	}
	v := value{}
	if len(c.args) > 1 {
		if v, err = r.eval(c.args[1].value, nil); err != nil {
			return err
		}
	}
	into := r.scopes[len(r.scopes)-1]
	if c.verb.text == "global" {
		into = r.globals
		if old, ok := into[name.String()]; ok && len(c.args) == 1 {
			v = old
		} else if !ok && len(c.args) == 1 && !r.typed {
			v = value{kind: unknown}
		}
	}
	into[name.String()] = v
	return nil
}

// runBlock runs what stands after do= or else=.
func (r *interpreter) runBlock(n *node) (value, error) {
	if n == nil || n.op != opBlock {
		return value{}, nil
	}
	return r.runAll(n.commands)
}

func (r *interpreter) runIf(c *command) (value, error) {
	v, err := r.eval(c.plain(0), nil)
	if err != nil {
		return value{}, err
	}
	is, known := v.isTrue()
	switch {
	case !known:
		return value{}, errDepends
	case is:
		return r.runBlock(c.named("do"))
	}
	return r.runBlock(c.named("else"))
}

func (r *interpreter) runForeach(c *command) error {
	in, err := r.eval(c.named("in"), nil)
	if err != nil {
		return err
	}
	if in.kind == unknown {
		return errDepends
	}
	elements := in.list
	if in.kind == text && in.text != "" || in.kind == number {
		elements = []value{in}
	}
	name, err := r.eval(c.plain(0), nil)
	if err != nil {
		return err
	}
	for i, e := range elements {
		key := numberOf(int64(i))
		if e.key != "" {
			key = textOf(e.key)
		}
		e.key = ""
		vars := map[string]value{name.String(): e}
		if k, v, two := strings.Cut(name.String(), ","); two {
			vars = map[string]value{k: key, v: e}
		}
		if err := r.round(vars, c.named("do")); err != nil {
			return err
		}
	}
	return nil
}

// round is one round of a loop.
func (r *interpreter) round(vars map[string]value, do *node) error {
	if err := r.spend(10); err != nil {
		return err
	}
	r.scopes = append(r.scopes, vars)
	defer func() { r.scopes = r.scopes[:len(r.scopes)-1] }()
	_, err := r.runBlock(do)
	return err
}

func (r *interpreter) runFor(c *command) error {
	name, err := r.eval(c.plain(0), nil)
	if err != nil {
		return err
	}
	var bounds [3]int64
	for i, bound := range []string{"from", "to", "step"} {
		v, err := r.eval(c.named(bound), nil)
		if err != nil {
			return err
		}
		n, known := numberIn(v)
		if !known {
			return errDepends
		}
		bounds[i] = n
	}
	from, to, step := bounds[0], bounds[1], bounds[2]
	if step == 0 {
		step = 1
		if to < from {
			step = -1
		}
	}
	for i := from; step > 0 && i <= to || step < 0 && i >= to; i += step {
		if err := r.round(map[string]value{name.String(): numberOf(i)}, c.named("do")); err != nil {
			return err
		}
	}
	return nil
}

func (r *interpreter) runWhile(cond, do *node) error {
	for {
		v, err := r.eval(cond, nil)
		if err != nil {
			return err
		}
		is, known := v.isTrue()
		if !known {
			return errDepends
		}
		if !is {
			return nil
		}
		if err := r.round(nil, do); err != nil {
			return err
		}
	}
}

// runDo does :do { } on-error={ } and :do { } while=( ).
func (r *interpreter) runDo(c *command) (value, error) {
	body := c.plain(0)
	if body == nil {
		body = c.named("do")
	}
	v, err := r.runBlock(body)
	if other := c.named("on-error"); err != nil && other != nil {
		if s, ended := isStop(err); ended && s.err != nil {
			err = s.err
		}
		if _, refused := errors.AsType[*Refusal](err); !refused {
			return v, err
		}
		return r.runBlock(other)
	}
	if cond := c.named("while"); err == nil && cond != nil {
		return value{}, r.runWhile(cond, body)
	}
	return v, err
}

func (r *interpreter) runStop(c *command) (value, error) {
	v, err := r.eval(c.plain(0), nil)
	if err != nil {
		return value{}, err
	}
	s := &stopped{value: v}
	if c.verb.text == "error" {
		s.err = says("%s", v.String())
	}
	return value{}, s
}

// runFunction runs a command that only computes a value.
func (r *interpreter) runFunction(c *command) (value, error) {
	var in []value
	for _, a := range c.args {
		v, err := r.eval(a.value, nil)
		if err != nil {
			return value{}, err
		}
		in = append(in, v)
	}
	if len(in) == 0 {
		in = append(in, value{})
	}
	if c.verb.text == "" && len(c.args) == 1 {
		return in[0], nil
	}
	for _, v := range in {
		if v.kind == unknown {
			return v, nil
		}
	}
	return function(c.verb.text, in), nil
}

// function computes one of known values; what it does not know is unknown.
func function(name string, in []value) value {
	v := in[0]
	switch name {
	case "len":
		switch v.kind {
		case list:
			return numberOf(int64(len(v.list)))
		case nothing:
			return numberOf(0)
		}
		return numberOf(int64(utf8.RuneCountInString(v.String())))
	case "pick":
		return pick(in)
	case "find":
		if len(in) == 2 && v.kind == text {
			if i := strings.Index(v.text, in[1].String()); i >= 0 {
				return numberOf(int64(i))
			}
			return value{}
		}
	case "tostr":
		return textOf(v.join(";"))
	case "tonum":
		if n, ok := numberIn(v); ok {
			return numberOf(n)
		}
		return value{}
	case "tobool":
		is, _ := v.isTrue()
		return truthOf(is)
	case "toip":
		return textOf(v.String())
	case "toarray":
		out := value{kind: list}
		for e := range strings.SplitSeq(v.String(), ",") {
			out.list = append(out.list, wordOf(e))
		}
		return out
	case "typeof":
		return textOf([]string{nothing: "nothing", text: "str", number: "num", truth: "bool", list: "array"}[v.kind])
	}
	return value{kind: unknown}
}

// pick takes elements of a list or letters of a text: from, and up to but without
// to.
func pick(in []value) value {
	if len(in) < 2 {
		return value{}
	}
	from, ok := numberIn(in[1])
	if !ok || from < 0 {
		return value{}
	}
	to := from + 1
	if len(in) > 2 {
		if to, ok = numberIn(in[2]); !ok {
			return value{kind: unknown}
		}
	}
	if in[0].kind == list {
		n := int64(len(in[0].list))
		if from >= n {
			return value{}
		}
		if len(in) == 2 {
			return in[0].list[from]
		}
		return value{kind: list, list: in[0].list[from:max(from, min(to, n))]}
	}
	s := []rune(in[0].String())
	n := int64(len(s))
	if from >= n {
		return value{}
	}
	return textOf(string(s[from:max(from, min(to, n))]))
}
