package sipalg

import (
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

// fieldSays is the name of a field for people.
func fieldSays(name string) words.Text { return words.Say("sip-alg.field", words.Args{"name": name}) }

// evidenceSays is a part of evidence for people.
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
