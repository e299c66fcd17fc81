package sip

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Code names one kind of change to a message on its way.
type Code string

// The codes; they are part of the report's contract.
const (
	ViaSentBy        Code = "VIA_SENTBY"
	ViaAdded         Code = "VIA_ADDED"
	ViaBranch        Code = "VIA_BRANCH"
	RPortAdded       Code = "RPORT_ADDED"
	RPortRemoved     Code = "RPORT_REMOVED"
	ReceivedReversed Code = "RECEIVED_REVERSED" // received= or rport= of a response changed back
	ContactChanged   Code = "CONTACT"
	RequestURI       Code = "REQUEST_URI"
	FromChanged      Code = "FROM"
	ToChanged        Code = "TO"
	CallID           Code = "CALL_ID"
	RecordRoute      Code = "RECORD_ROUTE"
	SDPOrigin        Code = "SDP_ORIGIN"
	SDPConnection    Code = "SDP_CONNECTION"
	SDPMediaPort     Code = "SDP_MEDIA_PORT"
	SDPAttribute     Code = "SDP_ATTRIBUTE"
	ContentLength    Code = "CONTENT_LENGTH"
	MaxForwards      Code = "MAX_FORWARDS"
	HeaderAdded      Code = "HEADER_ADDED"
	HeaderRemoved    Code = "HEADER_REMOVED"
	HeaderOrder      Code = "HEADER_ORDER"
	HeaderCase       Code = "HEADER_CASE"
	HeaderSpacing    Code = "HEADER_SPACING"
	BodyTruncated    Code = "BODY_TRUNCATED"
	Other            Code = "OTHER"
)

// A Change is one difference between what was sent and what arrived. Before
// and After are the bytes that matter, cut to a readable length; an empty
// Before means that the thing was added, an empty After that it is gone.
type Change struct {
	Code   Code   `json:"code"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// byHeader is the code of a changed value, by canonical header name; the rest
// is Other.
var byHeader = map[string]Code{
	"via": ViaSentBy, "contact": ContactChanged, "from": FromChanged, "to": ToChanged, "call-id": CallID,
	"record-route": RecordRoute, "content-length": ContentLength, "max-forwards": MaxForwards,
}

// CodeOf is the code of a changed header field, by its name.
func CodeOf(name string) Code { return cmp.Or(byHeader[Canonical([]byte(name))], Other) }

// Compare names every difference between a message as it was sent and as it
// arrived. It returns nil exactly when the bytes are equal.
func Compare(sent, arrived []byte) []Change {
	if bytes.Equal(sent, arrived) {
		return nil
	}
	s, err := Parse(sent)
	if err != nil {
		return []Change{{Other, clip(sent), clip(arrived)}}
	}
	a, err := Parse(arrived)
	if err != nil {
		return []Change{{Other, clip(s.Start), clip(arrived)}}
	}
	d := &differ{}
	d.start(s, a)
	d.headers(s, a)
	d.changed(HeaderOrder, commonNames(s, a), commonNames(a, s))
	d.changed(HeaderSpacing, strconv.Quote(s.LineEnd), strconv.Quote(a.LineEnd))
	d.body(s, a)
	if len(d.out) == 0 {
		d.add(Other, clip(sent), clip(arrived))
	}
	return d.out
}

type differ struct{ out []Change }

func (d *differ) add(c Code, before, after string) {
	d.out = append(d.out, Change{c, clip([]byte(before)), clip([]byte(after))})
}

func (d *differ) changed(c Code, before, after string) {
	if before != after {
		d.add(c, before, after)
	}
}

func (d *differ) start(s, a *Message) {
	code := Other
	if s.Method != "" && s.Method == a.Method {
		code = RequestURI
	}
	d.changed(code, string(s.Start), string(a.Start))
}

// headers compares the fields name by name, the values of one name in order.
func (d *differ) headers(s, a *Message) {
	done := map[string]bool{}
	for _, h := range slices.Concat(s.Headers, a.Headers) {
		name := Canonical(h.Name)
		switch {
		case done[name]:
		case name == "via":
			d.vias(s.All(name), a.All(name), s.Status != 0)
		default:
			d.values(name, s.All(name), a.All(name))
		}
		done[name] = true
	}
}

func (d *differ) values(name string, s, a []*Header) {
	for i := range max(len(s), len(a)) {
		switch {
		case i >= len(s):
			code := HeaderAdded
			if name == "record-route" {
				code = RecordRoute
			}
			d.add(code, "", string(a[i].Raw))
		case i >= len(a):
			d.add(HeaderRemoved, string(s[i].Raw), "")
		default:
			d.value(name, s[i], a[i])
		}
	}
}

// value compares one field with its counterpart and reports the weightiest
// difference of value, and the spelling of the name beside it.
func (d *differ) value(name string, s, a *Header) {
	if bytes.Equal(s.Raw, a.Raw) {
		return
	}
	d.changed(HeaderCase, string(s.Name), string(a.Name))
	switch {
	case !bytes.Equal(squeeze(s.Value), squeeze(a.Value)):
		d.add(CodeOf(name), string(s.Raw), string(a.Raw))
	case bytes.Equal(s.Name, a.Name) || !bytes.Equal(s.Value, a.Value):
		d.add(HeaderSpacing, string(s.Raw), string(a.Raw))
	}
}

// vias compares from the bottom up: what a proxy adds stands on top.
func (d *differ) vias(s, a []*Header, response bool) {
	extra := len(a) - len(s)
	for i := 0; i < extra; i++ {
		d.add(ViaAdded, "", string(a[i].Raw))
	}
	for i := 0; i < -extra; i++ {
		d.add(HeaderRemoved, string(s[i].Raw), "")
	}
	s, a = s[max(0, -extra):], a[max(0, extra):]
	for i := range s {
		d.via(s[i], a[i], response)
	}
}

func (d *differ) via(s, a *Header, response bool) {
	if bytes.Equal(s.Raw, a.Raw) {
		return
	}
	before := len(d.out)
	vs, oks := ParseVia(s.Value)
	va, oka := ParseVia(a.Value)
	if !oks || !oka {
		d.add(Other, string(s.Raw), string(a.Raw))
		return
	}
	param := RPortAdded
	if response {
		param = ReceivedReversed
	}
	d.changed(ViaSentBy, vs.SentBy, va.SentBy)
	d.changed(ViaBranch, vs.Branch, va.Branch)
	d.changed(param, receivedText(vs), receivedText(va))
	if vs.HasRPort && !va.HasRPort {
		param = RPortRemoved
	}
	d.changed(param, rportText(vs), rportText(va))
	d.changed(HeaderCase, string(s.Name), string(a.Name))
	if len(d.out) == before {
		code := Other
		if bytes.Equal(squeeze(s.Value), squeeze(a.Value)) {
			code = HeaderSpacing
		}
		d.add(code, string(s.Raw), string(a.Raw))
	}
}

// receivedText is the parameter as it stood in the message.
func receivedText(v Via) string {
	if v.Received == "" {
		return ""
	}
	return "received=" + v.Received
}

// rportText is the parameter as it stood in the message.
func rportText(v Via) string {
	switch {
	case v.RPort != "":
		return "rport=" + v.RPort
	case v.HasRPort:
		return "rport"
	}
	return ""
}

// commonNames lists the canonical names of m that stand in other as well, each
// once, in order of appearance.
func commonNames(m, other *Message) string {
	var names []string
	seen := map[string]bool{}
	for i := range m.Headers {
		n := Canonical(m.Headers[i].Name)
		if !seen[n] && other.Get(n) != nil {
			names = append(names, n)
		}
		seen[n] = true
	}
	return strings.Join(names, ", ")
}

func (d *differ) body(s, a *Message) {
	switch {
	case bytes.Equal(s.Body, a.Body):
	case len(a.Body) < len(s.Body) && bytes.HasPrefix(s.Body, a.Body):
		d.add(BodyTruncated, strconv.Itoa(len(s.Body)), strconv.Itoa(len(a.Body)))
	case bytes.Equal(squeeze(s.Body), squeeze(a.Body)):
		if s.LineEnd == a.LineEnd { // else it has been said
			d.add(HeaderSpacing, strconv.Quote(clip(s.Body)), strconv.Quote(clip(a.Body)))
		}
	case bytes.HasPrefix(s.Body, []byte("v=")):
		d.sdp(SDPLines(s.Body), SDPLines(a.Body))
	default:
		d.add(Other, clip(s.Body), clip(a.Body))
	}
}

var bySDPType = map[byte]Code{'o': SDPOrigin, 'c': SDPConnection, 'm': SDPMediaPort}

// sdp compares what a description says: a line that is gone does not make
// changed ones of those after it.
func (d *differ) sdp(s, a [][]byte) {
	before := len(d.out)
	gone, added := without(s, a), without(a, s)
	for _, x := range gone {
		y := ""
		if i := slices.IndexFunc(added, func(l string) bool { return sdpKey(l) == sdpKey(x) }); i >= 0 {
			y = added[i]
			added = slices.Delete(added, i, i+1)
		}
		d.add(sdpCode(x[0], x, y), x, y)
	}
	for _, y := range added {
		d.add(sdpCode(y[0], "", y), "", y)
	}
	if len(d.out) == before {
		d.add(Other, clip(bytes.Join(s, []byte("\n"))), clip(bytes.Join(a, []byte("\n"))))
	}
}

// without returns the lines that other does not have, each as often as it is
// missing there.
func without(lines, other [][]byte) []string {
	have := map[string]int{}
	for _, l := range other {
		have[string(l)]++
	}
	var out []string
	for _, l := range lines {
		if have[string(l)]--; have[string(l)] < 0 && len(l) > 0 {
			out = append(out, string(l))
		}
	}
	return out
}

// sdpKey is what makes two lines of different content the same line: the type,
// of an attribute its name, of a payload format its number as well.
func sdpKey(line string) string {
	if !strings.HasPrefix(line, "a=") {
		return line[:1]
	}
	name, value, _ := strings.Cut(line, ":")
	if name == "a=rtpmap" || name == "a=fmtp" {
		format, _, _ := strings.Cut(value, " ")
		name += ":" + format
	}
	return name
}

// sdpCode tells a moved port from other changes of an m= line.
func sdpCode(t byte, before, after string) Code {
	code, ok := bySDPType[t]
	if !ok {
		return SDPAttribute
	}
	if code == SDPMediaPort {
		b, a := strings.Fields(before), strings.Fields(after)
		if len(b) > 1 && len(a) > 1 && b[1] == a[1] {
			return SDPAttribute
		}
	}
	return code
}

// squeeze removes white space, so that only the spelling differs.
func squeeze(b []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, b)
}

// clip keeps evidence readable: 160 bytes are two lines of a terminal.
func clip(b []byte) string {
	const most = 160
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}
