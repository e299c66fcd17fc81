package responder

import (
	"net/netip"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

// BenchmarkRTPAnswer is what one probe costs the responder beside the kernel:
// proving it, noting it, signing the answer.
func BenchmarkRTPAnswer(b *testing.B) {
	v := &void{}
	s := quiet(b, v)
	from := netip.MustParseAddrPort("192.0.2.1:40000")
	c := conversationOf(b, s, from, 1)
	if _, err := s.rtp.start(c); err != nil {
		b.Fatal(err)
	}
	k, err := session.NewRTPKey(c.id, c.secret)
	if err != nil {
		b.Fatal(err)
	}
	to := netip.MustParseAddrPort("198.51.100.2:20000")
	probe := k.Append(nil, session.RTPProbe{Session: k.Session, Port: to.Port(), Serial: 1})
	buf := make([]byte, 0, 2048)
	for b.Loop() {
		buf = append(buf[:0], probe...)
		w := c.sweep
		w.Probes = 0 // the bound of a session is not what is measured
		if s.rtp.datagram(buf, from, to) == nil {
			b.Fatal("no answer")
		}
	}
}
