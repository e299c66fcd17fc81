package sip

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// replace edits the invite and fails when the edit changes nothing.
func edit(t *testing.T, in string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(in, pairs[i]) {
			t.Fatalf("%q is not in the message", pairs[i])
		}
		in = strings.Replace(in, pairs[i], pairs[i+1], 1)
	}
	return in
}

func TestEveryChangeHasItsName(t *testing.T) {
	const response = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=b;received=203.0.113.1;rport=1024\r\nCall-ID: x\r\nContent-Length: 0\r\n\r\n"
	for name, c := range map[string]struct {
		sent  string
		pairs []string
		want  []Code
	}{
		"the Via's address":             {invite, []string{"UDP 192.168.88.10:40000", "UDP 203.0.113.1:40000"}, []Code{ViaSentBy}},
		"the Via's branch":              {invite, []string{"branch=z9hG4bK1", "branch=z9hG4bK2"}, []Code{ViaBranch}},
		"a Via on top":                  {invite, []string{"Via: ", "Via: SIP/2.0/UDP 203.0.113.1;branch=p\r\nVia: "}, []Code{ViaAdded}},
		"rport taken out":               {invite, []string{";rport", ""}, []Code{RPortRemoved}},
		"rport filled in":               {invite, []string{";rport", ";rport=1024"}, []Code{RPortAdded}},
		"received turned back":          {response, []string{"received=203.0.113.1;rport=1024", "received=10.0.0.1;rport=5060"}, []Code{ReceivedReversed, ReceivedReversed}},
		"the Contact":                   {invite, []string{"Contact: <sip:a@192.168.88.10:40000", "Contact: <sip:a@203.0.113.1:40000"}, []Code{ContactChanged}},
		"the request URI":               {invite, []string{"INVITE sip:bob@198.51.100.2:5060", "INVITE sip:bob@198.51.100.2"}, []Code{RequestURI}},
		"From and To":                   {invite, []string{"a@192.168.88.10:40000>;tag", "a@203.0.113.1:40000>;tag", "To: <sip:bob@198.51.100.2:5060>", "To: <sip:bob@198.51.100.2>"}, []Code{FromChanged, ToChanged}},
		"the Call-ID's host":            {invite, []string{"x@192.168.88.10", "x@203.0.113.1"}, []Code{CallID}},
		"a Record-Route":                {invite, []string{"CSeq", "Record-Route: <sip:203.0.113.1;lr>\r\nCSeq"}, []Code{RecordRoute}},
		"the SDP's addresses":           {invite, []string{"o=- 1 1 IN IP4 192.168.88.10", "o=- 1 1 IN IP4 203.0.113.1", "c=IN IP4 192.168.88.10", "c=IN IP4 203.0.113.1"}, []Code{SDPOrigin, SDPConnection}},
		"the SDP's port":                {invite, []string{"m=audio 20002", "m=audio 7070"}, []Code{SDPMediaPort}},
		"the SDP's codecs":              {invite, []string{"RTP/AVP 0\r\n", "RTP/AVP 0 8\r\n"}, []Code{SDPAttribute}},
		"an SDP attribute":              {invite, []string{"a=rtcp:20003 IN IP4 192.168.88.10", "a=rtcp:20003"}, []Code{SDPAttribute}},
		"the Content-Length":            {invite, []string{"Content-Length: 131", "Content-Length: 112"}, []Code{ContentLength}},
		"a hop counted":                 {invite, []string{"Max-Forwards: 70", "Max-Forwards: 69"}, []Code{MaxForwards}},
		"a field added":                 {invite, []string{"CSeq", "X-Proxy: yes\r\nCSeq"}, []Code{HeaderAdded}},
		"a field removed":               {invite, []string{"Supported:  replaces\r\n", ""}, []Code{HeaderRemoved}},
		"two fields swapped":            {invite, []string{"Max-Forwards: 70\r\n", "", "CSeq: 1 INVITE\r\n", "CSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"}, []Code{HeaderOrder}},
		"a name in lower case":          {invite, []string{"Call-ID:", "call-id:"}, []Code{HeaderCase}},
		"a name made compact":           {invite, []string{"Call-ID:", "i:"}, []Code{HeaderCase}},
		"a space gone":                  {invite, []string{"Supported:  replaces", "Supported: replaces"}, []Code{HeaderSpacing}},
		"the body cut short":            {invite, []string{"a=rtcp:20003 IN IP4 192.168.88.10\r\n", ""}, []Code{BodyTruncated}},
		"a value nobody has a name for": {invite, []string{"Supported:  replaces", "Supported:  100rel"}, []Code{Other}},
		"all line ends turned":          {invite, nil, []Code{HeaderSpacing}},
	} {
		t.Run(name, func(t *testing.T) {
			arrived := edit(t, c.sent, c.pairs...)
			if c.pairs == nil {
				arrived = strings.ReplaceAll(c.sent, "\r\n", "\n")
			}
			var got []Code
			for _, ch := range Compare([]byte(c.sent), []byte(arrived)) {
				got = append(got, ch.Code)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestUnchangedMeansNoChange(t *testing.T) {
	if got := Compare([]byte(invite), []byte(invite)); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestChangesShowBeforeAndAfter(t *testing.T) {
	got := Compare([]byte(invite), []byte(edit(t, invite, "c=IN IP4 192.168.88.10", "c=IN IP4 203.0.113.1")))
	want := []Change{{SDPConnection, "c=IN IP4 192.168.88.10", "c=IN IP4 203.0.113.1"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestALineThatIsGoneChangesNoOther(t *testing.T) {
	lines := "m=audio 20002 RTP/AVP 0\r\n"
	got := Compare([]byte(invite), []byte(edit(t, invite, lines, lines+"a=rtpmap:0 PCMU/8000\r\n")))
	back := Compare([]byte(edit(t, invite, lines, lines+"a=rtpmap:0 PCMU/8000\r\n")), []byte(invite))
	if d := cmp.Diff([]Change{{SDPAttribute, "", "a=rtpmap:0 PCMU/8000"}}, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Change{{SDPAttribute, "a=rtpmap:0 PCMU/8000", ""}}, back); d != "" {
		t.Error(d)
	}
}

func TestRubbishInsteadOfTheMessage(t *testing.T) {
	got := Compare([]byte(invite), []byte("\x00\x01rubbish"))
	if len(got) != 1 || got[0].Code != Other || !strings.Contains(got[0].After, "rubbish") {
		t.Errorf("got %v", got)
	}
}

func TestARewrittenMessageContradictsItself(t *testing.T) {
	private := netip.MustParseAddr("192.168.88.10")
	arrived := edit(t, invite, "UDP 192.168.88.10", "UDP 203.0.113.1", "c=IN IP4 192.168.88.10", "c=IN IP4 203.0.113.1", "Content-Length: 131", "Content-Length: 90")
	got := FindContradictions([]byte(invite), []byte(arrived), private)
	if !got.WrongLength || got.Length != 90 || got.Body == 90 || !slices.Contains(got.Old, "Call-ID") || !slices.Contains(got.Old, "a=rtcp") {
		t.Errorf("%+v", got)
	}
	if got := FindContradictions([]byte(invite), []byte(invite), private); got.Old != nil || got.WrongLength {
		t.Errorf("unchanged: %v", got)
	}
	// 192.168.88.1 must not be found in 192.168.88.10
	if got := FindContradictions([]byte(invite), []byte(edit(t, invite, "70", "69")), netip.MustParseAddr("192.168.88.1")); got.Old != nil {
		t.Errorf("another address: %v", got)
	}
}

// Whatever happens to a message, a difference is never lost and equality never
// reported as a difference.
func FuzzCompare(f *testing.F) {
	f.Add([]byte(invite), []byte(strings.ReplaceAll(invite, "192.168.88.10", "203.0.113.1")))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if got := Compare(a, b); (len(got) == 0) != (string(a) == string(b)) {
			t.Fatalf("%q against %q: %v", a, b, got)
		}
		FindContradictions(a, b, netip.MustParseAddr("192.168.88.10"))
	})
}

func BenchmarkCompareRewritten(b *testing.B) {
	sent, arrived := []byte(invite), []byte(strings.ReplaceAll(invite, "192.168.88.10", "203.0.113.1"))
	b.ReportAllocs()
	for b.Loop() {
		Compare(sent, arrived)
	}
}

func BenchmarkCompareUnchanged(b *testing.B) {
	sent, arrived := []byte(invite), []byte(strings.Clone(invite))
	b.ReportAllocs()
	for b.Loop() {
		Compare(sent, arrived)
	}
}
