package sipalg

import (
	"slices"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// codeNames are the words for the change codes: short for the one-line
// summary, long for the evidence.
var codeNames = map[sip.Code][2]string{
	sip.ViaSentBy:        {"Via", "Via sent-by"},
	sip.ViaAdded:         {"Via", "Via added"},
	sip.ViaBranch:        {"Via", "Via branch"},
	sip.RPortAdded:       {"rport", "Via parameter added"},
	sip.RPortRemoved:     {"rport", "Via rport"},
	sip.ReceivedReversed: {"received", "Via received"},
	sip.ContactChanged:   {"Contact", "Contact"},
	sip.RequestURI:       {"Request-URI", "Request-URI"},
	sip.FromChanged:      {"From", "From"},
	sip.ToChanged:        {"To", "To"},
	sip.CallID:           {"Call-ID", "Call-ID"},
	sip.RecordRoute:      {"Record-Route", "Record-Route"},
	sip.SDPOrigin:        {"SDP o=", "SDP o="},
	sip.SDPConnection:    {"SDP", "SDP c="},
	sip.SDPMediaPort:     {"SDP", "SDP m="},
	sip.SDPAttribute:     {"SDP", "SDP attribute"},
	sip.ContentLength:    {"Content-Length", "Content-Length"},
	sip.MaxForwards:      {"Max-Forwards", "Max-Forwards"},
	sip.HeaderAdded:      {"headers", "header added"},
	sip.HeaderRemoved:    {"headers", "header removed"},
	sip.HeaderOrder:      {"header order", "header order"},
	sip.HeaderCase:       {"header names", "header name"},
	sip.HeaderSpacing:    {"spacing", "spacing"},
	sip.BodyTruncated:    {"body", "body cut short"},
	sip.Other:            {"other fields", "other"},
}

func shortName(c sip.Code) string { return codeNames[c][0] }
func longName(c sip.Code) string  { return codeNames[c][1] }

// weight orders the short names by what a technician looks at first.
func weight(short string) int {
	order := []string{"Via", "Contact", "SDP", "SDP o=", "Call-ID", "received", "Max-Forwards", "headers", "header order"}
	if i := slices.Index(order, short); i >= 0 {
		return i
	}
	return len(order)
}
