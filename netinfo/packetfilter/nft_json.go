package packetfilter

import (
	"encoding/json"
	"strconv"
	"strings"
)

// A jsonReader reads JSON that is known to be valid, out of the text itself:
// encoding/json goes over each rule of a listing five times, and people
// wait for 100,000 of them. What it reads is the same.
type jsonReader struct {
	// lefts are the left sides of matches, of which a listing has few.
	lefts map[string]any
}

// cutJSON cuts the first value off, without the space before it.
func cutJSON(s string) (value, rest string) {
	s = strings.TrimLeft(s, " \t\r\n")
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i = endOfString(s, i)
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return s[:i], s[i:]
			}
		case ',', ':', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return s[:i], s[i:]
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return s[:i+1], s[i+1:]
		}
	}
	return s, ""
}

// endOfString is where the string that begins at i ends.
func endOfString(s string, i int) int {
	for i++; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return min(i, len(s)-1)
}

// elements goes through a list or, with keys, an object, and stops where each
// returns false. It reports whether s is one and was gone through.
func elements(s string, keys bool, each func(key, value string) bool) bool {
	open := byte('[')
	if keys {
		open = '{'
	}
	if s == "" || s[0] != open {
		return false
	}
	for s = strings.TrimLeft(s[1:], " \t\r\n"); s != "" && s[0] != '}' && s[0] != ']'; s = strings.TrimLeft(s, ", \t\r\n") {
		var key, value string
		if keys {
			key, s = cutJSON(s)
			s = strings.TrimLeft(s, ": \t\r\n")
		}
		if value, s = cutJSON(s); !each(key, value) {
			return false
		}
	}
	return s != ""
}

// plainJSON is a string of JSON without signs that need reading.
func plainJSON(s string) (string, bool) {
	if len(s) < 2 || s[0] != '"' {
		return "", false
	}
	s = s[1 : len(s)-1]
	for i := range len(s) {
		if s[i] == '\\' || s[i] >= 0x80 {
			return "", false
		}
	}
	return strings.Clone(s), true // not to keep the whole listing for a word of it
}

// value reads a value as encoding/json reads it into an empty interface.
func (r *jsonReader) value(s string) any {
	const long = 1 << 16 // what is nested is gone over once for each level
	first := s[0]
	if len(s) > long {
		first = 0
	}
	switch first {
	case '{':
		m := map[string]any{}
		if elements(s, true, func(key, value string) bool {
			k, ok := plainJSON(key)
			if ok {
				m[k] = r.member(k, value)
			}
			return ok
		}) {
			return m
		}
	case '[':
		list := []any{}
		elements(s, false, func(_, value string) bool {
			list = append(list, r.value(value))
			return true
		})
		return list
	case '"':
		if text, ok := plainJSON(s); ok {
			return text
		}
	case 'n', 't', 'f', 0:
	default:
		if n, err := strconv.ParseFloat(s, 64); err == nil {
			return n
		}
	}
	var v any
	if json.Unmarshal([]byte(s), &v) != nil {
		return nil
	}
	return v
}

// member reads a member of an object.
func (r *jsonReader) member(key, s string) any {
	if key != "left" {
		return r.value(s)
	}
	if v, seen := r.lefts[s]; seen {
		return v
	}
	v := r.value(s)
	if len(r.lefts) < maxStatements {
		r.lefts[strings.Clone(s)] = v
	}
	return v
}
