package responder

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// lines makes a SIP message of its lines; what follows an empty line is body.
func lines(l ...string) []byte { return []byte(strings.Join(l, "\r\n") + "\r\n\r\n") }

func TestTopViaSaysWhereTheRequestCameFrom(t *testing.T) {
	from := netip.MustParseAddrPort("203.0.113.1:40000")
	tests := []struct{ name, via, want string }{
		{"phone behind NAT asks with rport",
			"Via: SIP/2.0/UDP 192.168.88.10:5060;branch=z9hG4bKa;rport",
			"Via: SIP/2.0/UDP 192.168.88.10:5060;branch=z9hG4bKa;rport=40000;received=203.0.113.1"},
		{"rport stands in the middle",
			"Via: SIP/2.0/UDP 192.168.88.10;rport;branch=z9hG4bKa",
			"Via: SIP/2.0/UDP 192.168.88.10;rport=40000;branch=z9hG4bKa;received=203.0.113.1"},
		{"old phone without rport",
			"Via: SIP/2.0/UDP 192.168.88.10:5060;branch=z9hG4bKa",
			"Via: SIP/2.0/UDP 192.168.88.10:5060;branch=z9hG4bKa;received=203.0.113.1"},
		{"no NAT and no rport: nothing to add",
			"Via: SIP/2.0/UDP 203.0.113.1:40000;branch=z9hG4bKa",
			"Via: SIP/2.0/UDP 203.0.113.1:40000;branch=z9hG4bKa"},
		{"no NAT but rport: received is due all the same",
			"Via: SIP/2.0/UDP 203.0.113.1:40000;rport",
			"Via: SIP/2.0/UDP 203.0.113.1:40000;rport=40000;received=203.0.113.1"},
		{"a name in sent-by",
			"Via: SIP/2.0/UDP phone.office.lan;branch=z9hG4bKa",
			"Via: SIP/2.0/UDP phone.office.lan;branch=z9hG4bKa;received=203.0.113.1"},
		{"compact form and odd spacing are kept",
			"v:SIP / 2.0 / UDP  192.168.88.10:5060 ; RPORT ; branch=z9hG4bKa",
			"v:SIP / 2.0 / UDP  192.168.88.10:5060 ; RPORT=40000 ; branch=z9hG4bKa;received=203.0.113.1"},
		{"two values in one line: only the first is ours",
			"Via: SIP/2.0/UDP 10.0.0.1;rport, SIP/2.0/UDP 192.168.88.10;rport",
			"Via: SIP/2.0/UDP 10.0.0.1;rport=40000;received=203.0.113.1, SIP/2.0/UDP 192.168.88.10;rport"},
		{"an ALG has filled in received already",
			"Via: SIP/2.0/UDP 192.168.88.10;rport=5060;received=198.51.100.7",
			"Via: SIP/2.0/UDP 192.168.88.10;rport=5060;received=198.51.100.7"},
		{"a parameter that only begins like rport",
			"Via: SIP/2.0/UDP 192.168.88.10;rportal;branch=z9hG4bKa",
			"Via: SIP/2.0/UDP 192.168.88.10;rportal;branch=z9hG4bKa;received=203.0.113.1"},
		{"no Via at all: left alone", "Via: rubbish", "Via: rubbish"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, string(received([]byte(tt.via), from))); d != "" {
				t.Errorf("top Via (-want +got):\n%s", d)
			}
		})
	}
}

// request is one as a phone behind NAT sends it.
func request(method, extra string) []byte {
	return []byte(method + " sip:a@pbx.example.net SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP 192.168.88.10:5060;branch=z9hG4bKa;rport\r\n" +
		"v: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKb\r\n" +
		"Max-Forwards: 70\r\n" +
		"f:  \"Desk\" <sip:a@example.net>;tag=1\r\n" +
		"To: <sip:a@example.net>\r\n" +
		"i: call-1@192.168.88.10\r\n" +
		"CSeq: 7 " + method + "\r\n" +
		"Record-Route: <sip:10.0.0.1;lr>\r\n" +
		extra +
		"l: 0\r\n\r\n")
}

func TestEveryMethodGetsItsAnswer(t *testing.T) {
	a := &answerer{
		from: netip.MustParseAddrPort("203.0.113.1:40000"), visible: netip.MustParseAddrPort("198.51.100.2:5060"),
		transport: "udp", media: 8770, tag: "sdr1",
	}
	copied := func(method string) string {
		return "Via: SIP/2.0/UDP 192.168.88.10:5060;branch=z9hG4bKa;rport=40000;received=203.0.113.1\r\n" +
			"v: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKb\r\n" +
			"f:  \"Desk\" <sip:a@example.net>;tag=1\r\n" +
			"To: <sip:a@example.net>;tag=sdr1\r\n" +
			"i: call-1@192.168.88.10\r\n" +
			"CSeq: 7 " + method + "\r\n" +
			"Record-Route: <sip:10.0.0.1;lr>\r\n"
	}
	sdp := "v=0\r\no=sipdoctor 1 1 IN IP4 198.51.100.2\r\ns=-\r\nc=IN IP4 198.51.100.2\r\nt=0 0\r\n" +
		"m=audio 8770 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
	tests := []struct{ name, method, extra, status, want string }{
		{"OPTIONS", "OPTIONS", "", "200 OK", "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER\r\nContent-Length: 0\r\n\r\n"},
		{"REGISTER gets its contact back as it arrived", "REGISTER", "m: <sip:a@192.168.88.10:5060>;x=\"1,2\"\r\n",
			"200 OK", "m: <sip:a@192.168.88.10:5060>;x=\"1,2\";expires=60\r\nContent-Length: 0\r\n\r\n"},
		{"REGISTER that names its own lifetime", "REGISTER", "Contact: <sip:a@192.168.88.10>;Expires=3600\r\n",
			"200 OK", "Contact: <sip:a@192.168.88.10>;Expires=3600\r\nContent-Length: 0\r\n\r\n"},
		{"REGISTER that ends the registration leaves no binding", "REGISTER", "Contact: <sip:a@192.168.88.10>\r\nExpires: 0\r\n",
			"200 OK", "Content-Length: 0\r\n\r\n"},
		{"INVITE gets SDP", "INVITE", "", "200 OK",
			"Contact: <sip:sipdoctor@198.51.100.2:5060>\r\nContent-Type: application/sdp\r\nContent-Length: " + strconv.Itoa(len(sdp)) + "\r\n\r\n" + sdp},
		{"BYE", "BYE", "", "200 OK", "Content-Length: 0\r\n\r\n"},
		{"CANCEL", "CANCEL", "", "200 OK", "Content-Length: 0\r\n\r\n"},
		{"a method that is not played", "SUBSCRIBE", "", "501 Not Implemented", "Content-Length: 0\r\n\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := sip.Parse(request(tt.method, tt.extra))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff("SIP/2.0 "+tt.status+"\r\n"+copied(tt.method)+tt.want, string(a.full(m))); d != "" {
				t.Errorf("answer (-want +got):\n%s", d)
			}
		})
	}
	t.Run("ACK gets none", func(t *testing.T) {
		m, _ := sip.Parse(request("ACK", ""))
		if got := a.full(m); got != nil {
			t.Errorf("got %q", got)
		}
	})
}

func TestTheAnswerKeepsATagThatIsThere(t *testing.T) {
	m, err := sip.Parse(lines("BYE sip:a@x SIP/2.0", "Via: SIP/2.0/UDP 10.0.0.1", "From: <sip:a@x>;tag=1",
		"To: <sip:a@x;tag=no>;TAG=2", "Call-ID: c", "CSeq: 1 BYE"))
	if err != nil {
		t.Fatal(err)
	}
	got := (&answerer{from: netip.MustParseAddrPort("10.0.0.1:5060"), tag: "new"}).full(m)
	if !bytes.Contains(got, []byte("To: <sip:a@x;tag=no>;TAG=2\r\n")) {
		t.Errorf("To was changed:\n%s", got)
	}
}

func TestARequestWithoutTheNeededHeadersIsNotAnswered(t *testing.T) {
	for _, missing := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		var keep []string
		for _, h := range []string{"Via: SIP/2.0/UDP 10.0.0.1", "From: <sip:a@x>", "To: <sip:a@x>", "Call-ID: c", "CSeq: 1 OPTIONS"} {
			if !strings.HasPrefix(h, missing+":") {
				keep = append(keep, h)
			}
		}
		m, err := sip.Parse(lines(append([]string{"OPTIONS sip:a@x SIP/2.0"}, keep...)...))
		if err != nil {
			t.Fatal(err)
		}
		if got := (&answerer{from: netip.MustParseAddrPort("10.0.0.1:5060")}).full(m); got != nil {
			t.Errorf("without %s the answer is %q, want none", missing, got)
		}
	}
}

func TestOurCallIsAcknowledgedAsRFC3261Wants(t *testing.T) {
	a := &answerer{
		from: netip.MustParseAddrPort("203.0.113.1:40000"), visible: netip.MustParseAddrPort("[2001:db8::2]:5060"),
		transport: "udp", media: 8770, tag: "sdr1",
	}
	if call := a.call("tok"); !bytes.Contains(call, []byte("\r\nc=IN IP6 2001:db8::2\r\n")) || !bytes.Contains(call, []byte("Call-ID: tok@[2001:db8::2]\r\n")) {
		t.Errorf("INVITE over IPv6:\n%s", call)
	}
	response := func(status, contact string) []byte {
		return lines("SIP/2.0 "+status, "Via: SIP/2.0/UDP x;branch=z9hG4bKtok", "From: <sip:a@x>", "To: <sip:tok@203.0.113.1>;tag=9",
			"Call-ID: tok", "CSeq: 1 INVITE", "Contact: "+contact)
	}
	tests := []struct{ name, status, contact, start, branch string }{
		{"answered: a request of its own to the contact", "200 OK", "<sip:me@192.168.88.10:5060>;q=1", "ACK sip:me@192.168.88.10:5060 SIP/2.0", ";branch=z9hG4bKtokack"},
		{"busy: the branch of the call", "486 Busy Here", "<sip:me@192.168.88.10:5060>", "ACK sip:tok@203.0.113.1:40000 SIP/2.0", ";branch=z9hG4bKtok\r\n"},
		{"a contact with a line break is not believed", "200 OK", "<sip:me@x\x01>", "ACK sip:tok@203.0.113.1:40000 SIP/2.0", ";branch=z9hG4bKtokack"},
		{"ringing needs none", "180 Ringing", "<sip:me@x>", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := sip.Parse(response(tt.status, tt.contact))
			if err != nil {
				t.Fatal(err)
			}
			got := string(a.ack(m, "tok"))
			if tt.start == "" && got == "" {
				return
			}
			if !strings.HasPrefix(got, tt.start+"\r\n") || !strings.Contains(got, tt.branch) || !strings.Contains(got, "\r\nTo: <sip:tok@203.0.113.1>;tag=9\r\n") {
				t.Errorf("ACK:\n%s\nwant it to begin with %q and to hold %q", got, tt.start, tt.branch)
			}
		})
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(request("INVITE", "Contact: <sip:a@192.168.88.10>\r\n"))
	f.Add(request("REGISTER", "m: *\r\n"))
	f.Add(lines("OPTIONS sip:a SIP/2.0", "Via: \"", "v: SIP/2.0/UDP a;rport,b", "t:", "f:", "i:", "cseq:"))
	a := &answerer{from: netip.MustParseAddrPort("203.0.113.1:40000"), visible: netip.MustParseAddrPort("198.51.100.2:5060"), transport: "udp", tag: "t"}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		m, err := sip.Parse(b)
		if err != nil {
			return
		}
		for _, reply := range [][]byte{a.full(m), a.short(m), a.ack(m, "tok")} {
			if reply == nil {
				continue
			}
			if _, err := sip.Parse(reply); err != nil {
				t.Errorf("our own answer is no SIP: %v\n%q", err, reply)
			}
		}
		if !bytes.Equal(b, before) {
			t.Error("the request was changed in place")
		}
	})
}
