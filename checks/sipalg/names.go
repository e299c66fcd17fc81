package sipalg

import (
	"cmp"
	_ "embed"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A field is what a change code is about: short for the one-line summary, long
// for the evidence. Names of SIP are said as they are, others are keys of the
// message "field".
type field struct{ short, long string }

var fields = map[sip.Code]field{
	sip.ViaSentBy:        {"Via", "via-sent-by"},
	sip.ViaAdded:         {"Via", "via-added"},
	sip.ViaBranch:        {"Via", "via-branch"},
	sip.RPortAdded:       {"rport", "via-parameter-added"},
	sip.RPortRemoved:     {"rport", "via-rport"},
	sip.ReceivedReversed: {"received", "via-received"},
	sip.ContactChanged:   {"Contact", "Contact"},
	sip.RequestURI:       {"Request-URI", "Request-URI"},
	sip.FromChanged:      {"From", "From"},
	sip.ToChanged:        {"To", "To"},
	sip.CallID:           {"Call-ID", "Call-ID"},
	sip.RecordRoute:      {"Record-Route", "Record-Route"},
	sip.SDPOrigin:        {"SDP o=", "SDP o="},
	sip.SDPConnection:    {"SDP", "SDP c="},
	sip.SDPMediaPort:     {"SDP", "SDP m="},
	sip.SDPAttribute:     {"SDP", "sdp-attribute"},
	sip.ContentLength:    {"Content-Length", "Content-Length"},
	sip.MaxForwards:      {"Max-Forwards", "Max-Forwards"},
	sip.HeaderAdded:      {"headers", "header-added"},
	sip.HeaderRemoved:    {"headers", "header-removed"},
	sip.HeaderOrder:      {"header-order", "header-order"},
	sip.HeaderCase:       {"header-names", "header-name"},
	sip.HeaderSpacing:    {"spacing", "spacing"},
	sip.BodyTruncated:    {"body", "body-truncated"},
	sip.Other:            {"other-fields", "rest"},
}

func fieldSays(name string) words.Text { return words.Say("sip-alg.field", words.Args{"name": name}) }

func evidenceSays(id string, args words.Args) words.Text {
	return words.Say("sip-alg.evidence."+id, args)
}

// weight orders the short names by what a technician looks at first.
func weight(short string) int {
	order := []string{"Via", "Contact", "SDP", "SDP o=", "Call-ID", "received", "Max-Forwards", "headers", "header-order"}
	if i := slices.Index(order, short); i >= 0 {
		return i
	}
	return len(order)
}

//go:embed words.yaml
var ownWords []byte

// A note is why something has its verdict: a code for the facts, and a message.
// One that says several things has as many codes.
type note struct {
	codes []string
	text  words.Text
}

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

func apart(texts []words.Text) words.Text {
	switch len(texts) {
	case 0:
		return words.Text{}
	case 1:
		return texts[0]
	}
	return words.Say("sip-alg.apart", words.Args{"texts": texts})
}
