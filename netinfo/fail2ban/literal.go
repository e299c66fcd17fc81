package fail2ban

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// "fail2ban-client banned" prints a Python literal: lists, tuples, dicts,
// strings, numbers, None, True and False. It becomes what JSON would.

var errLiteral = problem(because("not-literal"))

// parseLiteral reads one literal; trailing input is an error.
func parseLiteral(text string) (any, error) {
	l := &literal{in: strings.TrimSpace(text)}
	v, err := l.value(0)
	if l.space(); err == nil && l.in != "" {
		err = errLiteral
	}
	return v, err
}

type literal struct{ in string }

func (l *literal) space() { l.in = strings.TrimLeft(l.in, " \t\r\n") }

func (l *literal) value(depth int) (any, error) {
	l.space()
	if l.in == "" || depth > maxDepth {
		return nil, errLiteral
	}
	switch c := l.in[0]; c {
	case '[', '(', '{':
		l.in = l.in[1:]
		return l.items(map[byte]byte{'[': ']', '(': ')', '{': '}'}[c], depth)
	case '\'', '"':
		return l.str(c)
	}
	n := strings.IndexAny(l.in, ",:]}) \t\r\n")
	if n < 0 {
		n = len(l.in)
	}
	word := l.in[:n]
	l.in = l.in[n:]
	switch word {
	case "None":
		return nil, nil
	case "True", "False":
		return word == "True", nil
	}
	if _, err := strconv.ParseFloat(word, 64); err == nil {
		return json.Number(word), nil
	}
	// Python 2 marks its strings: u'192.0.2.1'.
	if len(word) > 1 && (word[1] == '\'' || word[1] == '"') {
		l.in = word[1:] + l.in
		return l.str(l.in[0])
	}
	return nil, errLiteral
}

func (l *literal) items(end byte, depth int) (any, error) {
	out, dict, isDict := []any{}, map[string]any{}, false
	for {
		l.space()
		if l.in == "" {
			return nil, errLiteral
		}
		if l.in[0] == end {
			l.in = l.in[1:]
			if isDict || end == '}' && len(out) == 0 {
				return dict, nil
			}
			return out, nil
		}
		v, err := l.value(depth + 1)
		if err != nil {
			return nil, err
		}
		l.space()
		if end == '}' && strings.HasPrefix(l.in, ":") {
			l.in, isDict = l.in[1:], true
			w, err := l.value(depth + 1)
			if err != nil {
				return nil, err
			}
			dict[fmt.Sprint(v)] = w
			l.space()
		} else {
			out = append(out, v)
		}
		if rest, ok := strings.CutPrefix(l.in, ","); ok {
			l.in = rest
		} else if l.in == "" || l.in[0] != end {
			return nil, errLiteral
		}
	}
}

// str reads a string; addresses and names of jails need no more escapes than
// those of the quotes and the backslash.
func (l *literal) str(quote byte) (any, error) {
	var b strings.Builder
	for i := 1; i < len(l.in); i++ {
		switch c := l.in[i]; {
		case c == quote:
			l.in = l.in[i+1:]
			return b.String(), nil
		case c == '\\' && i+1 < len(l.in):
			i++
			b.WriteByte(l.in[i])
		default:
			b.WriteByte(c)
		}
	}
	return nil, errLiteral
}
