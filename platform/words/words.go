// Package words turns messages into sentences. A message is an ID with values;
// the sentence stands in a words.yaml, once for each language. So whoever
// judges names what was found, and only the last step before the screen knows
// how it is said.
package words

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"
)

// Lang is a language that the program speaks.
type Lang string

// The languages. Every message has all of them.
const (
	English Lang = "en"
	Russian Lang = "ru"
)

// Languages returns every language, the one that messages are written in first.
func Languages() []Lang { return []Lang{English, Russian} }

// Text is one message: what is said, and with which values. The zero value says
// nothing.
type Text struct {
	ID   string `json:"say"`
	Args Args   `json:"args,omitempty"`
}

// Say makes a message. args may be nil.
func Say(id string, args Args) Text { return Text{ID: id, Args: args} }

// IsZero reports whether t says nothing.
func (t Text) IsZero() bool { return t.ID == "" }

// Names reports whether t is the message id, or has it somewhere among its
// values.
func (t Text) Names(id string) bool {
	return t.ID == id || slices.ContainsFunc(slices.Collect(maps.Values(t.Args)), func(v any) bool { return holds(v, id) })
}

func holds(v any, id string) bool {
	switch v := plain(v).(type) {
	case Text:
		return v.Names(id)
	case []any:
		return slices.ContainsFunc(v, func(v any) bool { return holds(v, id) })
	}
	return false
}

// Args are the values of a message by name. A value is one of
//
//   - a string, or a type with a String method: shown as it is, because it
//     belongs to no language (an address, a header's name, a rule);
//   - Raw: bytes that a stranger chose, shown in quotation marks;
//   - a number, a Percent, a time.Duration, a time.Time, a bool;
//   - a Text: a part of the sentence that is a message of its own;
//   - a slice of these, shown as "a, b and c".
type Args map[string]any

// Raw is text that a stranger chose.
type Raw string

// Percent is a share in percent: 0.5 is half a percent.
type Percent float64

// The forms of those values in JSON that JSON itself cannot tell apart.
type (
	rawJSON     struct{ Raw string }
	percentJSON struct{ Percent float64 }
	secondsJSON struct{ Seconds float64 }
	timeJSON    struct{ Time time.Time }
)

// MarshalJSON keeps of each value what it is, so that UnmarshalJSON restores it.
func (a Args) MarshalJSON() ([]byte, error) {
	out := make(map[string]any, len(a))
	for name, v := range a {
		out[name] = toJSON(plain(v))
	}
	return json.Marshal(out)
}

func toJSON(v any) any {
	switch v := v.(type) {
	case Raw:
		return map[string]string{"raw": string(v)}
	case Percent:
		return map[string]float64{"percent": float64(v)}
	case time.Duration:
		return map[string]float64{"seconds": v.Seconds()}
	case time.Time:
		return map[string]time.Time{"time": v}
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = toJSON(v[i])
		}
		return list
	}
	return v
}

// UnmarshalJSON reads what MarshalJSON wrote. Reports come from strangers:
// anything else is an error.
func (a *Args) UnmarshalJSON(b []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	*a = make(Args, len(raw))
	for name, r := range raw {
		v, err := fromJSON(r)
		if err != nil {
			return fmt.Errorf("value %q: %w", name, err)
		}
		(*a)[name] = v
	}
	return nil
}

func fromJSON(b json.RawMessage) (any, error) {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case float64:
		if v == float64(int64(v)) {
			return int64(v), nil
		}
		return v, nil
	case []any:
		var parts []json.RawMessage
		if err := json.Unmarshal(b, &parts); err != nil {
			return nil, err
		}
		list := make([]any, len(parts))
		for i, p := range parts {
			var err error
			if list[i], err = fromJSON(p); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		return objectFromJSON(b, v)
	case nil:
		return nil, fmt.Errorf("null is not a value")
	}
	return v, nil // string or bool
}

func objectFromJSON(b json.RawMessage, v map[string]any) (any, error) {
	for key, read := range map[string]func() (any, error){
		"raw":     func() (any, error) { var x rawJSON; err := json.Unmarshal(b, &x); return Raw(x.Raw), err },
		"percent": func() (any, error) { var x percentJSON; err := json.Unmarshal(b, &x); return Percent(x.Percent), err },
		"seconds": func() (any, error) {
			var x secondsJSON
			err := json.Unmarshal(b, &x)
			return time.Duration(x.Seconds * float64(time.Second)), err
		},
		"time": func() (any, error) { var x timeJSON; err := json.Unmarshal(b, &x); return x.Time, err },
		"say":  func() (any, error) { var x Text; err := json.Unmarshal(b, &x); return x, err },
	} {
		if _, ok := v[key]; ok {
			return read()
		}
	}
	return nil, fmt.Errorf("%s is not a value", b)
}

// plain makes one of a few types out of the many that may be given: string, Raw,
// int64, float64, bool, Percent, time.Duration, time.Time, Text, []any.
func plain(v any) any {
	switch v := v.(type) {
	case string, Raw, int64, float64, bool, Percent, time.Duration, time.Time, Text:
		return v
	case fmt.Stringer:
		return v.String()
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.String:
		return r.String()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return r.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return int64(r.Uint())
	case reflect.Slice:
		list := make([]any, r.Len())
		for i := range list {
			list[i] = plain(r.Index(i).Interface())
		}
		return list
	}
	return fmt.Sprint(v)
}

// Literal is a sentence that has no message yet.
func Literal(s string) Text {
	if s == "" {
		return Text{}
	}
	return Say(literal, Args{"text": s})
}

const literal = "literal.text"

// Literals is Literal for each of list.
func Literals(list []string) []Text {
	var out []Text
	for _, s := range list {
		out = append(out, Literal(s))
	}
	return out
}

// Literal returns the sentence of a Literal, the ID of any other message.
func (t Text) Literal() string {
	if s, ok := t.Args["text"].(string); ok && t.ID == literal {
		return s
	}
	return t.ID
}

// Strings is the sentence of each Literal in list.
func Strings(list []Text) []string {
	var out []string
	for _, t := range list {
		out = append(out, t.Literal())
	}
	return out
}
