package signalling

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatTheRegistrarKeepsOfOurContact(t *testing.T) {
	const (
		request = "REGISTER sip:example.net SIP/2.0\r\nContact: <sip:100@192.168.88.10:40000;transport=udp>\r\n\r\n"
		ours    = "sip:100@192.168.88.10:40000;transport=udp"
	)
	for name, c := range map[string]struct {
		reply string
		want  *Bound
	}{
		"as it was sent":        {"SIP/2.0 200 OK\r\nContact: <" + ours + ">;expires=300\r\n\r\n", &Bound{ours, ours}},
		"beside another phone":  {"SIP/2.0 200 OK\r\nContact: <sip:100@10.0.0.9>\r\nContact: <" + ours + ">;expires=300\r\n\r\n", &Bound{ours, ours}},
		"changed":               {"SIP/2.0 200 OK\r\nContact: <sip:100@203.0.113.1:40000>;expires=300\r\n\r\n", &Bound{ours, "sip:100@203.0.113.1:40000"}},
		"other phones only":     {"SIP/2.0 200 OK\r\nContact: <sip:100@10.0.0.9>\r\nContact: <sip:100@10.0.0.8>\r\n\r\n", nil},
		"two in one field":      {"SIP/2.0 200 OK\r\nContact: <sip:100@10.0.0.9>, <sip:100@10.0.0.8>\r\n\r\n", nil},
		"nothing is told":       {"SIP/2.0 200 OK\r\n\r\n", nil},
		"it was refused":        {"SIP/2.0 403 Forbidden\r\nContact: <sip:100@203.0.113.1:40000>\r\n\r\n", nil},
		"without any brackets":  {"SIP/2.0 200 OK\r\nContact: sip:100@203.0.113.1;expires=300\r\n\r\n", &Bound{ours, "sip:100@203.0.113.1"}},
		"an answer that is not": {"rubbish", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, boundAs([]byte(request), []byte(c.reply))); d != "" {
				t.Error(d)
			}
		})
	}
}
