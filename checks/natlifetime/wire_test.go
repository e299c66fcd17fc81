package natlifetime

import (
	"net/netip"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

func FuzzRead(f *testing.F) {
	at := netip.MustParseAddrPort("192.0.2.1:5060")
	f.Add(session.LaterMessage(at, at, session.NewToken("0123456789abcdef", []byte("secret"), 1), 1))
	f.Add([]byte("SIP/2.0 200 OK\r\nCSeq: 2 OPTIONS\r\n\r\n"))
	f.Add([]byte("SIP/2.0 200 OK\r\nCSeq: 99999999999999999999 OPTIONS\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if seq, late, ok := read(b); late && !ok || !ok && seq != 0 && late {
			t.Errorf("late without being ours: %q", b)
		}
	})
}
