package sipalg

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

type dialog struct {
	token     string // in the user part, branch, Call-ID: whatever survives names the probe
	transport string // udp tcp tls
	local     netip.AddrPort
	remote    netip.AddrPort
	rtp       int // the audio port that the SDP names, even
	toTag     string
}

// decoyAddr is a private address that is nobody's here. A helper that works by
// its connection table leaves it alone; one that replaces whatever looks
// private does not.
const decoyAddr = "10.254.253.252"

// request builds a request. Via, Contact, From, Call-ID and SDP carry the true
// local address and port of the socket, because connection-tracking helpers
// rewrite nothing else. The order of the fields, the missing space after
// "Allow:" and the double one in Supported are canaries for a proxy that
// writes the message anew.
func (d dialog) request(method, variant string) []byte {
	body := ""
	if method == "INVITE" {
		body = d.sdp(variant)
	}
	seq, expires := cseq[method], 60 // seconds, as short as registrars take it
	if variant == variantLeave {
		seq, expires = seq+1, 0
	}
	fields := []string{
		fmt.Sprintf("%s: SIP/2.0/%s %s;branch=z9hG4bK%s;rport", d.name("Via", variant), strings.ToUpper(d.transport), d.local, d.token),
		"Max-Forwards: 70",
		fmt.Sprintf("%s: \"sipdoctor\" <sip:probe@%s>;tag=%s", d.name("From", variant), d.local, d.token[len(d.token)-12:]),
		fmt.Sprintf("%s: <sip:%s@%s>%s", d.name("To", variant), d.user(method), d.remote, d.tag()),
		fmt.Sprintf("%s: %s@%s", d.name("Call-ID", variant), d.token, d.local.Addr()),
		fmt.Sprintf("CSeq: %d %s", seq, method),
		fmt.Sprintf("%s: <sip:probe@%s;transport=%s>", d.name("Contact", variant), d.local, d.transport),
	}
	if method == "REGISTER" {
		fields = append(fields, fmt.Sprintf("Expires: %d", expires))
	}
	fields = append(fields,
		"X-Canary: "+d.local.String(),
		"User-Agent: sipdoctor",
		"Allow:INVITE,ACK,BYE,CANCEL,OPTIONS",
		d.name("Supported", variant)+":  replaces",
	)
	if body != "" {
		fields = append(fields, d.name("Content-Type", variant)+": application/sdp")
	}
	length := fmt.Sprintf("%s: %d", d.name("Content-Length", variant), len(body))
	if variant == variantCLFirst {
		fields = append([]string{length}, fields...)
	} else {
		fields = append(fields, length) // last: older TCP helpers want it directly before the body
	}
	start := fmt.Sprintf("%s sip:%s@%s SIP/2.0", method, d.user(method), d.remote)
	return []byte(start + "\r\n" + strings.Join(fields, "\r\n") + "\r\n\r\n" + body)
}

// cseq numbers the requests of a dialog; 0 is avoided because old kernels
// dropped it.
var cseq = map[string]int{"INVITE": 1, "ACK": 1, "CANCEL": 1, "REGISTER": 1, "OPTIONS": 1, "SUBSCRIBE": 1, "BYE": 2}

func (d dialog) user(method string) string {
	if method == "REGISTER" {
		return "probe"
	}
	return d.token
}

func (d dialog) tag() string {
	if d.toTag == "" {
		return ""
	}
	return ";tag=" + d.toTag
}

var compactName = map[string]string{
	"Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Contact": "m", "Content-Type": "c", "Content-Length": "l", "Supported": "k",
}

func (d dialog) name(long, variant string) string {
	if variant == variantCompact {
		return compactName[long]
	}
	return long
}

// sdp offers one audio stream. a=rtcp repeats address and port, which helpers
// tend to forget.
func (d dialog) sdp(variant string) string {
	addr := d.local.Addr()
	v := "IP4"
	if addr.Is6() {
		v = "IP6"
	}
	lines := []string{
		"v=0",
		fmt.Sprintf("o=- 1 1 IN %s %s", v, addr),
		"s=-",
		fmt.Sprintf("c=IN %s %s", v, addr),
		"t=0 0",
		fmt.Sprintf("m=audio %d RTP/AVP 0 8 101", d.rtp),
		"a=rtpmap:0 PCMU/8000",
		"a=rtpmap:8 PCMA/8000",
		"a=rtpmap:101 telephone-event/8000",
		fmt.Sprintf("a=rtcp:%d IN %s %s", d.rtp+1, v, addr),
		"a=sendrecv",
	}
	if variant == variantDecoy {
		lines = append(lines, "a=X-decoy:"+decoyAddr+":5060")
	}
	return strings.Join(lines, "\r\n") + "\r\n"
}

// answer builds the 200 OK to an INVITE that the responder sent us: the fields
// that RFC 3261, 8.2.6.2 wants copied, our Contact, our SDP.
func (d dialog) answer(m *sip.Message) []byte {
	lines, body := []string{"SIP/2.0 200 OK"}, d.sdp("")
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		value := ""
		if h := m.Get(strings.ToLower(name)); h != nil {
			value = string(h.Value)
		}
		if name == "To" {
			value += ";tag=" + d.token[len(d.token)-12:]
		}
		lines = append(lines, name+": "+value)
	}
	lines = append(lines,
		fmt.Sprintf("Contact: <sip:%s@%s;transport=udp>", d.token, d.local),
		"User-Agent: sipdoctor",
		"Content-Type: application/sdp",
		fmt.Sprintf("Content-Length: %d", len(body)),
	)
	return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n" + body)
}
