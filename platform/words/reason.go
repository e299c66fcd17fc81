package words

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Reason is a Text in a form that can be compared and be the key of a map:
// whoever evaluates a million rules cannot carry maps about. Its values are
// strings, or one Reason inside; see In. The zero value says nothing.
type Reason string

// What stands between the ID, the names and the values of a Reason; of one inside
// another; before such a one; and before a Cause. Values have none of them.
const (
	reasonSep   = "\x00"
	innerSep    = "\x01"
	innerReason = "\x02"
	innerCause  = "\x03"
)

// Because makes a reason of a message and its values, each after its name.
func Because(id string, namesAndValues ...string) Reason {
	var b strings.Builder
	b.WriteString(id)
	for _, s := range namesAndValues {
		b.WriteString(reasonSep)
		if strings.ContainsAny(s, reasonSep+innerSep+innerReason+innerCause) {
			s = strings.NewReplacer(reasonSep, "\uFFFD", innerSep, "\uFFFD", innerReason, "\uFFFD", innerCause, "\uFFFD").Replace(s)
		}
		b.WriteString(s)
	}
	return Reason(b.String())
}

// Quote is the reason that is in no language of ours, such as a rule; the zero
// Reason for "".
func Quote(s string) Reason {
	if s == "" {
		return ""
	}
	return Because(literal, "text", s)
}

// In is the message id with r as its value of that name. r must have none inside
// itself.
func (r Reason) In(id, name string, namesAndValues ...string) Reason {
	return Because(id, namesAndValues...) + r.As(name)
}

// As returns r as a value with that name, to be appended to another Reason.
func (r Reason) As(name string) Reason {
	if text, ok := strings.CutPrefix(string(r), errorText+reasonSep+"text"+reasonSep); ok {
		return Reason(reasonSep + name + reasonSep + innerCause + text)
	}
	return Reason(reasonSep + name + reasonSep + innerReason + strings.ReplaceAll(string(r), reasonSep, innerSep))
}

// ID is the message that r is.
func (r Reason) ID() string {
	id, _, _ := strings.Cut(string(r), reasonSep)
	return id
}

// Text is r as a message.
func (r Reason) Text() Text {
	parts := strings.Split(string(r), reasonSep)
	t := Text{ID: parts[0]}
	for i := 1; i+1 < len(parts); i += 2 {
		if t.Args == nil {
			t.Args = Args{}
		}
		t.Args[parts[i]] = parts[i+1]
		if inner, ok := strings.CutPrefix(parts[i+1], innerReason); ok {
			t.Args[parts[i]] = Reason(strings.ReplaceAll(inner, innerSep, reasonSep)).Text()
		}
		if cause, ok := strings.CutPrefix(parts[i+1], innerCause); ok {
			t.Args[parts[i]] = Say(errorText, Args{"text": cause})
		}
	}
	return t
}

// MarshalJSON keeps r as the Text that it is.
func (r Reason) MarshalJSON() ([]byte, error) { return json.Marshal(r.Text()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Reason) UnmarshalJSON(b []byte) error {
	var t Text
	if err := json.Unmarshal(b, &t); err != nil {
		return err
	}
	*r = reasonOf(t)
	return nil
}

func reasonOf(t Text) Reason {
	r := Because(t.ID)
	for _, name := range slices.Sorted(maps.Keys(t.Args)) {
		if inner, ok := t.Args[name].(Text); ok {
			r += reasonOf(inner).As(name)
		} else {
			r += Reason(reasonSep) + Because(name, fmt.Sprint(t.Args[name]))
		}
	}
	return r
}

// Quotes is Cause.Reason for each of list.
func Quotes[S ~string](list []S) []Reason {
	var out []Reason
	for _, s := range list {
		out = append(out, Cause(s).Reason())
	}
	return out
}

// Texts is Text for each of list.
func Texts(list []Reason) []Text {
	var out []Text
	for _, r := range list {
		out = append(out, r.Text())
	}
	return out
}
