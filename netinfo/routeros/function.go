package routeros

import (
	"strings"
	"unicode/utf8"
)

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
