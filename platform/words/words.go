// Package words turns messages into sentences. A message is an ID with values;
// the sentence stands in a words.yaml, once for each language. So whoever
// judges names what was found, and only the last step before the screen knows
// how it is said.
package words

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
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
//   - a Text or Reason: a part of the sentence that is a message of its own;
//   - a Cause: an error;
//   - a Phrase: a text that is data, in every language;
//   - a slice of these, shown as "a, b and c".
type Args map[string]any

// Raw is text that a stranger chose.
type Raw string

// Percent is a share in percent: 0.5 is half a percent.
type Percent float64

// foreign is a value of a report that this version does not know. It is kept, and
// a sentence that names it cannot be filled.
type foreign struct{ json any }

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
	case foreign:
		return v.json
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = toJSON(v[i])
		}
		return list
	}
	return v
}

// UnmarshalJSON reads what MarshalJSON wrote. Reports come from strangers and
// from other versions: any other value is kept as it is.
func (a *Args) UnmarshalJSON(b []byte) error {
	var tree map[string]any
	if err := json.Unmarshal(b, &tree); err != nil {
		return err
	}
	*a = argsOf(tree, 0)
	return nil
}

func argsOf(tree map[string]any, deep int) Args {
	args := make(Args, len(tree))
	for name, v := range tree {
		args[name] = fromJSON(v, deep+1)
	}
	return args
}

// fromJSON is the value that a piece of JSON stands for.
func fromJSON(tree any, deep int) any {
	switch v := tree.(type) {
	case string, bool:
		return v
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v)
		}
		return v
	case []any:
		if deep > maxDeep {
			break
		}
		list := make([]any, len(v))
		for i := range v {
			list[i] = fromJSON(v[i], deep+1)
		}
		return list
	case map[string]any:
		if known, ok := objectFromJSON(v, deep); ok {
			return known
		}
	}
	return foreign{tree}
}

func objectFromJSON(v map[string]any, deep int) (known any, ok bool) {
	if id, say := v["say"].(string); say && deep <= maxDeep {
		args, given := v["args"].(map[string]any)
		if !given {
			return Say(id, nil), v["args"] == nil
		}
		return Say(id, argsOf(args, deep)), true
	}
	if p, ok := phraseFromJSON(v); ok {
		return p, true
	}
	if len(v) != 1 {
		return nil, false
	}
	if s, ok := v["raw"].(string); ok {
		return Raw(s), true
	}
	if n, ok := v["percent"].(float64); ok {
		return Percent(n), true
	}
	if n, ok := v["seconds"].(float64); ok && math.Abs(n) < math.MaxInt64/float64(time.Second) {
		return time.Duration(n * float64(time.Second)), true
	}
	if s, ok := v["time"].(string); ok {
		at, err := time.Parse(time.RFC3339, s)
		return at, err == nil
	}
	return nil, false
}

// plain makes one of a few types out of the many that may be given: string, Raw,
// int64, float64, bool, Percent, time.Duration, time.Time, Text, []any.
func plain(v any) any {
	switch v := v.(type) {
	case string, Raw, int64, float64, bool, Percent, time.Duration, time.Time, Text, Phrase, foreign:
		return v
	case Cause:
		return v.value()
	case Reason:
		return v.Text()
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

// Literal is text that is in no language of ours: what a program printed, an
// error.
func Literal(s string) Text {
	if s == "" {
		return Text{}
	}
	return Say(literal, Args{"text": s})
}

const literal = "literal.text"

// Literals are the messages of errors and of what programs printed.
func Literals(list []string) []Text {
	var out []Text
	for _, s := range list {
		out = append(out, Cause(s).Message())
	}
	return out
}
