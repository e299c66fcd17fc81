package nat

import (
	"net/netip"
	"os"
	"syscall"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform"
)

// withoutSockets is a machine that can open none, for the reason that it gives.
type withoutSockets struct {
	platform.Network
	why syscall.Errno
}

func (n withoutSockets) SourceFor(netip.Addr) (netip.Addr, error) {
	return netip.Addr{}, os.NewSyscallError("socket", n.why)
}

// A machine that has no sockets left does not say that there is no route.
func TestNoSocketIsNotNoRoute(t *testing.T) {
	at := netip.MustParseAddrPort("198.51.100.2:3478")
	for why, want := range map[syscall.Errno]string{syscall.EMFILE: "nat.reason.not-asked", syscall.ENETUNREACH: "nat.reason.no-route"} {
		o := Observed{Targets: []Target{{Name: "stun.example.net", Addrs: []netip.AddrPort{at}}}}
		if f := probeFamily(t.Context(), &checks.Env{Net: withoutSockets{why: why}}, []target{{addr: at}}, false); f != nil {
			o.Families = []Family{*f}
		}
		if got := noQuestion(o); got.ID != want {
			t.Errorf("%v: %s, want %s", why, got.ID, want)
		}
	}
}
