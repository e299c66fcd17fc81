package probe

import (
	"net/netip"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// What is sent must be SIP to the most exacting reader we have.
func TestRequestsAreSIP(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls", "ws", "wss"} {
		d := NewDialogue(transport, netip.MustParseAddrPort("192.168.88.10:40000"), "example.net", "100@example.net")
		for _, method := range []string{"OPTIONS", "REGISTER"} {
			m, err := sip.Parse(d.Request(method).Payload())
			if err != nil {
				t.Fatal(err)
			}
			v, ok := sip.ParseVia(m.Get("via").Value)
			if !ok || m.Method != method || !v.HasRPort || v.Branch[:7] != "z9hG4bK" || string(m.Get("content-length").Value) != "0" {
				t.Errorf("%s over %s: %+v", method, transport, v)
			}
		}
	}
}

func TestAnswersOfOthersAreNotTaken(t *testing.T) {
	d := NewDialogue("udp", netip.MustParseAddrPort("192.168.88.10:40000"), "example.net", "100@example.net")
	r := d.Request("OPTIONS")
	good := "SIP/2.0 200 OK\r\nCall-ID: " + d.CallID + "\r\nCSeq: 1 OPTIONS\r\n\r\n"
	for name, c := range map[string]struct {
		b    string
		want bool
	}{
		"ours":              {good, true},
		"in compact form":   {"SIP/2.0 200 OK\r\ni: " + d.CallID + "\r\nCSeq: 1  OPTIONS\r\n\r\n", true},
		"still trying":      {"SIP/2.0 100 Trying\r\nCall-ID: " + d.CallID + "\r\nCSeq: 1 OPTIONS\r\n\r\n", false},
		"another call":      {"SIP/2.0 200 OK\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n", false},
		"another request":   {"SIP/2.0 200 OK\r\nCall-ID: " + d.CallID + "\r\nCSeq: 2 OPTIONS\r\n\r\n", false},
		"a request":         {"OPTIONS sip:x SIP/2.0\r\nCall-ID: " + d.CallID + "\r\nCSeq: 1 OPTIONS\r\n\r\n", false},
		"not SIP":           {"hello", false},
		"no CSeq in it":     {"SIP/2.0 200 OK\r\nCall-ID: " + d.CallID + "\r\n\r\n", false},
		"longer than ours":  {"SIP/2.0 200 OK\r\nCall-ID: " + d.CallID + "x\r\nCSeq: 1 OPTIONS\r\n\r\n", false},
		"a CSeq with a sum": {"SIP/2.0 200 OK\r\nCall-ID: " + d.CallID + "\r\nCSeq: 11 OPTIONS\r\n\r\n", false},
	} {
		if got := r.Match([]byte(c.b), netip.AddrPort{}); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzFinalResponse(f *testing.F) {
	f.Add([]byte("SIP/2.0 401 Unauthorized\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) { finalFor(b, "x", "1 OPTIONS") })
}
