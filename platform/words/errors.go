package words

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// A Cause is why something did not work: the English text of an error, as
// platform.Words makes it, or a code, which is a single word. As a value of a
// message it is shown in the user's language.
//
// Errors are English sentences, as in every Go program. error.yaml has those that
// a user may see in every language, and they are found there by the English one,
// as gettext does. So an error needs no more than fmt.Errorf and a line in
// error.yaml. Nothing may be decided by what is found.
type Cause string

//go:embed error.yaml
var errorWords []byte

// errorPage is in every book.
var errorPage = sync.OnceValue(func() *page {
	p := &page{source: errorWords}
	p.once.Do(func() { p.read(errorName) })
	return p
})

const errorName = "error"

// maxError bounds the bytes of an error that is looked up: a report comes from
// strangers, and no error of ours is that long.
const maxError = 1000

// Message is r as a sentence: the one in error.yaml, or r in quotation marks, with
// the sentence of its cause after it.
func (r Cause) Message() Text {
	text := string(r)
	if text == "" {
		return Text{}
	}
	if len(text) > maxError {
		return Say("error.other", Args{"text": text})
	}
	if t := findError(text); !t.IsZero() {
		return t
	}
	if parts := strings.Split(strings.ReplaceAll(text, "\n", "; "), "; "); len(parts) > 1 {
		list := make([]Text, len(parts))
		for i, p := range parts {
			list[i] = Cause(p).Message()
		}
		return Say("error.each", Args{"errors": list})
	}
	for i := range text {
		rest, cut := strings.CutPrefix(text[i:], ": ")
		switch name := text[:i]; {
		case !cut || i == 0:
		case !strings.Contains(name, " "): // an address, a file, a flag
			return Say("error.at", Args{"at": name, "why": Cause(rest).Message()})
		default:
			if t := findError(rest); !t.IsZero() {
				return Say("error.around", Args{"text": name, "why": t})
			}
		}
	}
	return Say("error.other", Args{"text": text})
}

// Reason is r as a message among those of a reader.
func (r Cause) Reason() Reason {
	if r == "" {
		return ""
	}
	return Because(errorText, "text", string(r))
}

// errorText is a message whose text is a Cause; it is looked up when it is shown.
const errorText = "error.text"

// value is r among the values of a message: a code stays one, for select.
func (r Cause) value() any {
	if t := r.Message(); t.ID != "error.other" && !t.IsZero() || strings.Contains(string(r), " ") {
		return t
	}
	return string(r)
}

// findError returns the message with most words of its own that reads like text;
// the zero Text if there is none.
func findError(text string) (best Text) {
	most := 0
	for id, s := range errorPage().words {
		own := s[English].letters()
		if own == 0 || own < most || own == most && id > best.ID {
			continue
		}
		if args, ok := s[English].match(text); ok {
			best, most = Say(id, args), own
		}
	}
	return best
}

// letters counts those between the values of t.
func (t template) letters() (n int) {
	for _, p := range t {
		for _, r := range p.text {
			if unicode.IsLetter(r) {
				n++
			}
		}
	}
	return n
}

// match reads text as t and returns the values in it. A value ends where the
// text that follows it in t comes first.
func (t template) match(text string) (Args, bool) {
	args := Args{}
	for i, p := range t {
		if p.name == "" {
			rest, ok := strings.CutPrefix(text, p.text)
			if !ok {
				return nil, false
			}
			text = rest
			continue
		}
		end := len(text)
		if i+1 < len(t) {
			end = strings.Index(text, t[i+1].text)
		}
		if end <= 0 || p.how != "" {
			return nil, false
		}
		value, ok := valueIn(p.name, text[:end])
		if !ok {
			return nil, false
		}
		args[p.name], text = value, text[end:]
	}
	return args, text == ""
}

// valueIn is what text is as the value name of an error. What begins with "why" is
// an error itself, what fmt has quoted comes from strangers, and a colon ends what
// an error is about.
func valueIn(name, text string) (v any, ok bool) {
	why := strings.HasPrefix(name, "why")
	if inner, err := strconv.Unquote(text); err == nil && text[0] == '"' {
		if t := findError(inner); why && !t.IsZero() {
			return t, true
		}
		if strings.ContainsFunc(inner, func(r rune) bool { return !unicode.IsPrint(r) }) {
			inner = text[1 : len(text)-1] // escaped: a terminal would obey it
		}
		return Raw(inner), true
	}
	if why {
		return Cause(text).Message(), true
	}
	return text, !strings.Contains(text, ": ")
}
