package labtest

import (
	"fmt"
	"strings"
)

func lines(l ...string) string { return strings.Join(l, "\r\n") + "\r\n" }

// message puts header fields and a body together.
func message(start, body string, fields ...string) []byte {
	return []byte(start + "\r\n" + lines(fields...) + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body)
}

// fill replaces what only the flow knows: PHONE, ADDR and PORT of the phone,
// SERVER, MEDIA and CONTROL, its RTP and RTCP ports.
func (f *flow) fill(text string) string {
	rtp := 20000 + 2*(int(f.self.Port())-40000)
	return strings.NewReplacer(
		"PHONE", f.self.String(), "ADDR", f.self.Addr().String(), "PORT", fmt.Sprint(f.self.Port()), "SERVER", f.remote.String(),
		"MEDIA", fmt.Sprint(rtp), "CONTROL", fmt.Sprint(rtp+1), "SEEN", f.seen.String(), "WAN", f.seen.Addr().String(),
	).Replace(text)
}

// request is a request as phones send it, with a body or without.
func (f *flow) request(method, body string, change ...string) []byte {
	body = strings.ReplaceAll(f.fill(strings.ReplaceAll(body, "\n", "\r\n")), "\x01", "\n")
	fields := []string{
		"Via: SIP/2.0/UDP PHONE;branch=z9hG4bKPORT;rport",
		"Max-Forwards: 70",
		`From: "phone" <sip:phone@PHONE>;tag=1`,
		"To: <sip:echo@SERVER>",
		"Call-ID: PORT@ADDR",
		"CSeq: 1 " + method,
		"Contact: <sip:phone@PHONE;transport=udp>",
		"X-Canary: PHONE",
		"Allow:INVITE,ACK",
	}
	if body != "" {
		fields = append(fields, "Content-Type: application/sdp")
	}
	text := string(message(method+" sip:echo@SERVER SIP/2.0", "", fields...))
	text = strings.Replace(text, "Content-Length: 0", "Content-Length: LENGTH", 1)
	for i := 0; i+1 < len(change); i += 2 {
		if !strings.Contains(text, change[i]) {
			f.Fatalf("%q is not in the request", change[i])
		}
		text = strings.ReplaceAll(text, change[i], change[i+1])
	}
	return []byte(strings.ReplaceAll(f.fill(text), "LENGTH", fmt.Sprint(len(body))) + body)
}

const (
	audio = "v=0\no=- 1 1 IN IP4 ADDR\ns=-\nc=IN IP4 ADDR\nt=0 0\nm=audio MEDIA RTP/AVP 0 8\na=rtcp:CONTROL IN IP4 ADDR\na=sendrecv\n"
	video = audio + "m=video 31000 RTP/AVP 96\n"
)

// corpus are the requests of phones, odd ones included: pairs of "old, new" that
// change the ordinary request, and a body.
func corpus() map[string][]string {
	via := "Via: SIP/2.0/UDP PHONE;branch=z9hG4bKPORT;rport"
	contact := "Contact: <sip:phone@PHONE;transport=udp>"
	return map[string][]string{
		"an INVITE":                      {"INVITE", audio},
		"a REGISTER":                     {"REGISTER", "", contact, contact + "\r\nExpires: 60"},
		"an OPTIONS":                     {"OPTIONS", ""},
		"a SUBSCRIBE":                    {"SUBSCRIBE", ""},
		"a MESSAGE":                      {"MESSAGE", ""},
		"an UPDATE":                      {"UPDATE", audio},
		"a PRACK":                        {"PRACK", audio},
		"a BYE":                          {"BYE", ""},
		"a CANCEL":                       {"CANCEL", ""},
		"an ACK":                         {"ACK", audio},
		"a method nobody knows":          {"FROBNICATE", ""},
		"an INVITE without a body":       {"INVITE", ""},
		"compact names":                  {"INVITE", audio, "Via:", "v:", "From:", "f:", "To:", "t:", "Call-ID:", "i:", "Contact:", "m:", "Content-Type:", "c:", "Content-Length:", "l:"},
		"small letters":                  {"INVITE", audio, "Via:", "via:", "Contact:", "contact:", "Content-Length:", "content-length:", "From:", "FROM:"},
		"no space after the colon":       {"INVITE", audio, "Via: ", "Via:", "Contact: ", "Contact:", "From: ", "From:"},
		"space before the colon":         {"INVITE", audio, "Contact:", "Contact :", "From:", "From \t:"},
		"Content-Length first":           {"INVITE", audio, via, "Content-Length: LENGTH\r\n" + via, "ACK\r\nContent-Type: application/sdp\r\nContent-Length: LENGTH", "ACK\r\nContent-Type: application/sdp"},
		"two Vias":                       {"INVITE", audio, via, via + "\r\nVia: SIP/2.0/UDP PHONE;branch=z9hG4bKother"},
		"two Vias in one field":          {"OPTIONS", "", via, via + ", SIP/2.0/UDP PHONE;branch=z9hG4bKother"},
		"somebody else's Via":            {"OPTIONS", "", via, "Via: SIP/2.0/UDP 192.168.88.77:5060;branch=z9hG4bK7\r\n" + via},
		"a Via with maddr":               {"OPTIONS", "", ";rport", ";maddr=ADDR;rport"},
		"a Via with received":            {"OPTIONS", "", ";rport", ";received=ADDR;rport=PORT"},
		"a Via of another port":          {"OPTIONS", "", "UDP PHONE", "UDP ADDR:5099"},
		"a Via without a port":           {"OPTIONS", "", "UDP PHONE", "UDP ADDR"},
		"a Via with a name":              {"OPTIONS", "", "UDP PHONE", "UDP phone.example"},
		"a Via over TCP":                 {"OPTIONS", "", "SIP/2.0/UDP", "SIP/2.0/TCP"},
		"a Contact without brackets":     {"REGISTER", "", contact, "Contact: sip:phone@PHONE"},
		"a Contact with a name":          {"REGISTER", "", contact, `Contact: "The Phone" <sip:phone@PHONE>;expires=60;q=0.5`},
		"a Contact without a user":       {"REGISTER", "", contact, "Contact: <sip:PHONE>"},
		"a Contact of another port":      {"REGISTER", "", contact, "Contact: <sip:phone@ADDR:5099>"},
		"a Contact without a port":       {"REGISTER", "", contact, "Contact: <sip:phone@ADDR>"},
		"two Contacts":                   {"REGISTER", "", contact, contact + "\r\nContact: <sip:two@PHONE>"},
		"two Contacts in one field":      {"REGISTER", "", contact, "Contact: <sip:one@PHONE>, <sip:two@PHONE>"},
		"a Contact star":                 {"REGISTER", "", contact, "Contact: *"},
		"a Contact with sips":            {"REGISTER", "", contact, "Contact: <sips:phone@PHONE>"},
		"a Contact in capitals":          {"REGISTER", "", contact, "Contact: <SIP:phone@PHONE>"},
		"a Contact of a telephone":       {"REGISTER", "", contact, "Contact: <tel:+493012345>"},
		"a Request-URI of our own":       {"OPTIONS", "", "sip:echo@SERVER SIP", "sip:echo@PHONE SIP"},
		"a To of our own":                {"REGISTER", "", "<sip:echo@SERVER>", "<sip:phone@PHONE>"},
		"a From without brackets":        {"OPTIONS", "", `"phone" <sip:phone@PHONE>`, "sip:phone@PHONE"},
		"a From without a port":          {"OPTIONS", "", `<sip:phone@PHONE>`, "<sip:phone@ADDR>"},
		"a Route and a Record-Route":     {"OPTIONS", "", via, via + "\r\nRoute: <sip:PHONE;lr>\r\nRecord-Route: <sip:PHONE;lr>"},
		"an identity":                    {"OPTIONS", "", via, via + "\r\nP-Asserted-Identity: <sip:phone@PHONE>"},
		"a folded Contact":               {"OPTIONS", "", contact, "Contact:\r\n <sip:phone@PHONE>"},
		"a Cisco phone":                  {"REGISTER", "", contact, contact + "\r\nUser-Agent: Cisco-CP7940G/8.0"},
		"no Contact":                     {"INVITE", audio, contact + "\r\n", ""},
		"no CSeq":                        {"OPTIONS", "", "CSeq: 1 OPTIONS\r\n", ""},
		"CSeq 0":                         {"INVITE", audio, "CSeq: 1", "CSeq: 0"},
		"audio and video":                {"INVITE", video},
		"video first":                    {"INVITE", strings.Replace(audio, "m=audio", "m=video 31002 RTP/AVP 96\nm=audio", 1)},
		"c= in the media":                {"INVITE", "v=0\no=- 1 1 IN IP4 ADDR\ns=-\nt=0 0\nm=audio MEDIA RTP/AVP 0\nc=IN IP4 ADDR\n"},
		"c= in both":                     {"INVITE", audio + "c=IN IP4 ADDR\n"},
		"c= of somebody else":            {"INVITE", strings.Replace(audio, "c=IN IP4 ADDR", "c=IN IP4 192.168.88.77", 1)},
		"o= of somebody else":            {"INVITE", strings.Replace(audio, "o=- 1 1 IN IP4 ADDR", "o=- 1 1 IN IP4 10.0.0.1", 1)},
		"a hold of old, c=0.0.0.0":       {"INVITE", strings.Replace(audio, "c=IN IP4 ADDR", "c=IN IP4 0.0.0.0", 1)},
		"a refused stream":               {"INVITE", strings.Replace(audio, "MEDIA RTP/AVP", "0 RTP/AVP", 1)},
		"a refused stream and one more":  {"INVITE", strings.Replace(video, "31000", "0", 1)},
		"media below port 1024":          {"INVITE", strings.Replace(audio, "m=audio MEDIA", "m=audio 1022", 1)},
		"an odd media port":              {"INVITE", strings.Replace(audio, "m=audio MEDIA", "m=audio 31011", 1)},
		"a fax":                          {"INVITE", strings.Replace(audio, "m=audio MEDIA RTP/AVP 0 8", "m=image RTP udptl t38", 1)},
		"an application":                 {"INVITE", audio + "m=application 31020 TCP/MSRP *\n"},
		"no c= at all":                   {"INVITE", strings.Replace(audio, "c=IN IP4 ADDR\n", "", 1)},
		"a body with bare line feeds":    {"INVITE", strings.ReplaceAll(audio, "\n", "\x01")},
		"a body that is no SDP":          {"MESSAGE", "call me at ADDR\n"},
		"SDP in an OPTIONS":              {"OPTIONS", audio},
		"a Content-Length that is short": {"INVITE", audio, "LENGTH", "20"},
		"a Content-Length that is long":  {"INVITE", audio, "LENGTH", "2000"},
		"no Content-Length":              {"INVITE", audio, "\r\nContent-Length: LENGTH", ""},
		"a line that is cut off":         {"OPTIONS", "", "\r\nContent-Length: LENGTH\r\n\r\n", "\r\nX-Cut: off"},
	}
}

// step is one message of a call from outside: a request of the server, or an
// answer of the phone.
type step struct{ method, answer, body, contact string }

func calls() map[string][]step {
	const far = "v=0\no=- 1 1 IN IP4 198.51.100.2\ns=-\nc=IN IP4 198.51.100.2\nt=0 0\nm=audio 40000 RTP/AVP 0\n"
	elsewhere := strings.Replace(far, "c=IN IP4 198.51.100.2", "c=IN IP4 198.51.100.99", 1)
	return map[string][]step{
		"a call": {
			{method: "INVITE", body: far}, {method: "INVITE", answer: "180 Ringing"}, {method: "INVITE", answer: "200 OK", body: audio},
			{method: "ACK"}, {method: "BYE"}, {method: "BYE", answer: "200 OK"},
		},
		"a call with early media": {{method: "INVITE", body: far}, {method: "INVITE", answer: "183 Session Progress", body: audio},
			{method: "PRACK"}, {method: "PRACK", answer: "200 OK"}, {method: "INVITE", answer: "200 OK", body: audio}},
		"a call that is refused":            {{method: "INVITE", body: far}, {method: "INVITE", answer: "486 Busy Here"}, {method: "ACK"}},
		"a call that is taken back":         {{method: "INVITE", body: far}, {method: "CANCEL"}, {method: "CANCEL", answer: "200 OK"}, {method: "INVITE", answer: "487 Request Terminated"}},
		"a call with media elsewhere":       {{method: "INVITE", body: elsewhere}, {method: "INVITE", answer: "200 OK", body: audio}},
		"a call with two streams":           {{method: "INVITE", body: far + "m=video 40002 RTP/AVP 96\n"}, {method: "INVITE", answer: "200 OK", body: video}},
		"a call without an offer":           {{method: "INVITE"}, {method: "INVITE", answer: "200 OK", body: audio}, {method: "ACK", body: far}},
		"a call that names us in Contact":   {{method: "INVITE", body: far, contact: "<sip:us@SEEN>"}, {method: "INVITE", answer: "200 OK", body: audio, contact: "<sip:us@SERVER>"}},
		"a question":                        {{method: "OPTIONS"}, {method: "OPTIONS", answer: "200 OK"}},
		"a notice":                          {{method: "NOTIFY"}, {method: "NOTIFY", answer: "481 Subscription does not exist"}},
		"a call answered with a low port":   {{method: "INVITE", body: far}, {method: "INVITE", answer: "200 OK", body: strings.Replace(audio, "MEDIA", "80", 1)}},
		"a call answered with another host": {{method: "INVITE", body: far}, {method: "INVITE", answer: "200 OK", body: strings.ReplaceAll(audio, "ADDR", "192.168.88.77")}},
	}
}

// call is a request of the server.
func (f *flow) call(s step) []byte {
	contact := s.contact
	if contact == "" {
		contact = "<sip:echo@SERVER>"
	}
	body := strings.ReplaceAll(s.body, "\n", "\r\n")
	return message(f.fill(s.method+" sip:phone@SEEN SIP/2.0"), body, f.fill("Via: SIP/2.0/UDP SERVER;branch=z9hG4bKs;rport"), "Max-Forwards: 70",
		f.fill("From: <sip:echo@SERVER>;tag=s"), f.fill("To: <sip:phone@SEEN>"), f.fill("Call-ID: PORT@server"),
		"CSeq: 1 "+s.method, f.fill("Contact: "+contact), "Content-Type: application/sdp")
}

// reply is the phone's answer. The helper has shown it its private address in
// the place of the public one, so that is what it copies.
func (f *flow) reply(s step) []byte {
	contact := s.contact
	if contact == "" {
		contact = "<sip:phone@PHONE>"
	}
	body := f.fill(strings.ReplaceAll(s.body, "\n", "\r\n"))
	return message("SIP/2.0 "+s.answer, body, f.fill("Via: SIP/2.0/UDP SERVER;branch=z9hG4bKs;rport=5060;received=198.51.100.2"),
		f.fill("From: <sip:echo@SERVER>;tag=s"), f.fill("To: <sip:phone@PHONE>;tag=p"), f.fill("Call-ID: PORT@server"),
		"CSeq: 1 "+s.method, f.fill("Contact: "+contact), "Content-Type: application/sdp")
}

// answeredAt are the requests whose answers a NAT with the helper takes to
// another port of the phone: the one that its Via names.
func answeredAt() map[string]uint16 {
	return map[string]uint16{"a Via of another port": 5099, "a Via without a port": 5060}
}

// answer is what a proper server says to a request as it arrived: the fields
// that RFC 3261, 8.2.6.2 wants copied, and its own Contact and SDP.
func (f *flow) answer(request string, sdp bool) []byte {
	head, _, _ := strings.Cut(request, "\r\n\r\n")
	var fields []string
	method, top := strings.Fields(head)[0], true
	for _, l := range strings.Split(head, "\r\n")[1:] {
		name, _, _ := strings.Cut(strings.ToLower(l), ":")
		switch strings.TrimSpace(name) {
		case "via", "v":
			if top {
				l = strings.Replace(l, ";rport", f.fill(";received=WAN;rport=")+fmt.Sprint(f.seen.Port()), 1)
			}
			top = false
			fields = append(fields, l)
		case "to", "t":
			fields = append(fields, l+";tag=2")
		case "from", "f", "call-id", "i", "cseq", "record-route":
			fields = append(fields, l)
		case "contact", "m":
			if method == "REGISTER" {
				fields = append(fields, l+";expires=60")
			}
		}
	}
	body := ""
	if sdp {
		body = f.fill(lines("v=0", "o=- 1 1 IN IP4 198.51.100.2", "s=-", "c=IN IP4 198.51.100.2", "t=0 0", "m=audio 40000 RTP/AVP 0"))
		fields = append(fields, "Contact: <sip:echo@198.51.100.2:5060>", "Content-Type: application/sdp")
	}
	return message("SIP/2.0 200 OK", body, fields...)
}
