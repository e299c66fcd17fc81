package sipalg

import (
	"cmp"
	_ "embed"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// A note is why something has its verdict: a code for the facts, and a message.
// One that says several things has as many codes.
type note struct {
	codes []string
	text  words.Text
}

// noted makes the note of that code.
func noted(code string, args words.Args) note {
	return note{[]string{code}, words.Say("sip-alg.note."+code, args)}
}

// failure is the note of an error, which stands in the observation in English.
// hop is who sent it; invalid where nobody did.
func failure(class string, text words.Cause, hop netip.Addr) note {
	args := words.Args{"class": class, "why": text, "hop": "nobody"}
	if hop.IsValid() {
		args["hop"] = hop
	}
	return note{[]string{cmp.Or(class, "error")}, words.Say("sip-alg.note.error", args)}
}

func (n note) isZero() bool { return n.text.IsZero() }

// code is the first of n's codes; "" without any.
func (n note) code() string {
	if n.isZero() {
		return ""
	}
	return n.codes[0]
}

// joined says several things in one note.
func joined(notes ...note) (out note) {
	var texts []words.Text
	for _, n := range notes {
		if !n.isZero() {
			out.codes, texts = append(out.codes, n.codes...), append(texts, n.text)
		}
	}
	out.text = apart(texts)
	return out
}

// apart is several messages in one.
func apart(texts []words.Text) words.Text {
	switch len(texts) {
	case 0:
		return words.Text{}
	case 1:
		return texts[0]
	}
	return words.Say("sip-alg.apart", words.Args{"texts": texts})
}
