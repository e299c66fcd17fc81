package sip

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	asked = "OPTIONS sip:pbx.example SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP 192.168.88.10:40000;branch=z9hG4bK1;rport\r\n" +
		"From: \"probe\" <sip:probe@192.168.88.10:40000>;tag=a\r\n" +
		"To: <sip:pbx.example>\r\nCall-ID: x@192.168.88.10\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
	answered = "SIP/2.0 200 OK\r\n" +
		"Via: SIP/2.0/UDP 192.168.88.10:40000;branch=z9hG4bK1;received=203.0.113.1;rport=1024\r\n" +
		"From: \"probe\" <sip:probe@192.168.88.10:40000>;tag=a\r\n" +
		"To: <sip:pbx.example>;tag=b\r\nCall-ID: x@192.168.88.10\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)

func TestWhatAnAnswerShouldHaveCopied(t *testing.T) {
	for name, c := range map[string]struct {
		pairs []string
		want  []Change
	}{
		"a good answer":                  {nil, nil},
		"a display name without quotes":  {[]string{"From: \"probe\" <", "From: probe <"}, nil},
		"compact names, spaces":          {[]string{"Via: SIP/2.0/UDP", "v: SIP / 2.0 / UDP", "Call-ID", "i"}, nil},
		"parameters in another order":    {[]string{";branch=z9hG4bK1;received=203.0.113.1;rport=1024", ";rport=1024;received=203.0.113.1;branch=z9hG4bK1"}, nil},
		"a server older than RFC 3581":   {[]string{"rport=1024", "rport"}, nil},
		"the Via's address":              {[]string{"UDP 192.168.88.10", "UDP 203.0.113.1"}, []Change{{ViaSentBy, "192.168.88.10:40000", "203.0.113.1:40000"}}},
		"the branch":                     {[]string{"z9hG4bK1", "z9hG4bK2"}, []Change{{ViaBranch, "z9hG4bK1", "z9hG4bK2"}}},
		"rport is gone":                  {[]string{";rport=1024", ""}, []Change{{RPortRemoved, "rport", ""}}},
		"somebody else's Via below ours": {[]string{"\r\nFrom", "\r\nVia: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKx\r\nFrom"}, []Change{{ViaAdded, "", "Via: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKx"}}},
		"somebody else's Via above ours": {[]string{"Via: ", "Via: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKx, "}, []Change{{ViaAdded, "", "Via: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKx"}}},
		"the address in From": {[]string{"probe@192.168.88.10:40000>", "probe@203.0.113.1:40000>"}, []Change{{FromChanged,
			"From: \"probe\" <sip:probe@192.168.88.10:40000>;tag=a", "From: \"probe\" <sip:probe@203.0.113.1:40000>;tag=a"}}},
		"no port in From, as of PJSIP": {[]string{"probe@192.168.88.10:40000>", "probe@192.168.88.10>"}, nil},
		"another address there, without its port": {[]string{"probe@192.168.88.10:40000>", "probe@203.0.113.1>"}, []Change{{FromChanged,
			"From: \"probe\" <sip:probe@192.168.88.10:40000>;tag=a", "From: \"probe\" <sip:probe@203.0.113.1>;tag=a"}}},
		"another port there": {[]string{"probe@192.168.88.10:40000>", "probe@192.168.88.10:40001>"}, []Change{{FromChanged,
			"From: \"probe\" <sip:probe@192.168.88.10:40000>;tag=a", "From: \"probe\" <sip:probe@192.168.88.10:40001>;tag=a"}}},
		"a part of an IPv6 address is no port": {[]string{"probe@192.168.88.10:40000>", "probe@[2001:db8::1]>"}, []Change{{FromChanged,
			"From: \"probe\" <sip:probe@192.168.88.10:40000>;tag=a", "From: \"probe\" <sip:probe@[2001:db8::1]>;tag=a"}}},
		"the tag of From": {[]string{"tag=a", "tag=c"}, []Change{{FromChanged,
			"From: \"probe\" <sip:probe@192.168.88.10:40000>;tag=a", "From: \"probe\" <sip:probe@192.168.88.10:40000>;tag=c"}}},
		"To":          {[]string{"To: <sip:pbx.example>", "To: <sip:192.168.88.1>"}, []Change{{ToChanged, "To: <sip:pbx.example>", "To: <sip:192.168.88.1>;tag=b"}}},
		"the Call-ID": {[]string{"Call-ID: x@192.168.88.10", "Call-ID: x@203.0.113.1"}, []Change{{CallID, "Call-ID: x@192.168.88.10", "Call-ID: x@203.0.113.1"}}},
		"a request":   {[]string{"SIP/2.0 200 OK", "OPTIONS sip:a SIP/2.0", "probe@192.168.88.10", "probe@10.0.0.1"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, Echo([]byte(asked), []byte(edit(t, answered, c.pairs...)))); d != "" {
				t.Error(d)
			}
		})
	}
}

// Only what stands in received= is what a server says that it saw.
func TestWhereAServerSaysThatWeAre(t *testing.T) {
	for name, c := range map[string]struct {
		pairs []string
		want  string
	}{
		"it says so":                        {nil, "203.0.113.1"},
		"rport alone says no address":       {[]string{"received=203.0.113.1;", ""}, ""},
		"an IPv6 address in brackets":       {[]string{"received=203.0.113.1", "received=[2001:db8::1]"}, "2001:db8::1"},
		"a name is no address":              {[]string{"received=203.0.113.1", "received=office.example"}, ""},
		"another Via's received":            {[]string{";received=203.0.113.1", "", "\r\nFrom", "\r\nVia: SIP/2.0/UDP a;branch=b;received=10.0.0.1\r\nFrom"}, ""},
		"ours below somebody else's":        {[]string{"Via: ", "Via: SIP/2.0/UDP a;branch=b;received=10.0.0.1\r\nVia: "}, "203.0.113.1"},
		"the only Via, with another branch": {[]string{"z9hG4bK1", "z9hG4bK2"}, "203.0.113.1"},
		"no Via at all":                     {[]string{"Via: ", "X: "}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			want, _ := netip.ParseAddr(c.want)
			if got := Source([]byte(asked), []byte(edit(t, answered, c.pairs...))); got != want {
				t.Errorf("got %v, want %q", got, c.want)
			}
		})
	}
}

func TestEchoSurvivesRubbish(t *testing.T) {
	for _, b := range []string{"", "rubbish", "SIP/2.0 200 OK\r\n\r\n", strings.Replace(answered, "Via: SIP/2.0/UDP 192.168.88.10:40000", "Via: ;", 1)} {
		Echo([]byte(asked), []byte(b))
		Echo([]byte(b), []byte(answered))
		if a := Source([]byte(asked), []byte(b)); a.IsValid() {
			t.Errorf("%q names %v", b, a)
		}
	}
}

func FuzzEcho(f *testing.F) {
	f.Add([]byte(asked), []byte(answered))
	f.Fuzz(func(_ *testing.T, sent, reply []byte) {
		Echo(sent, reply)
		Source(sent, reply)
	})
}
