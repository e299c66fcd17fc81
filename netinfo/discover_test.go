package netinfo

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/sipdoctor/sipdoctor/platform"
)

// loopbackNetwork dials for real, within this machine, and counts.
type loopbackNetwork struct {
	platform.Network
	dialled []netip.AddrPort
}

func (n *loopbackNetwork) DialTCP(ctx context.Context, _, remote netip.AddrPort) (net.Conn, error) {
	n.dialled = append(n.dialled, remote)
	return (&net.Dialer{}).DialContext(ctx, "tcp", remote.String())
}

// The last line of defence against a router that points elsewhere: only its
// own address is ever dialled.
func TestOnlyTheGatewayIsDialled(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.2:1/", http.StatusFound)
	}))
	defer s.Close()
	n := &loopbackNetwork{}
	d := discovery{net: n, gateway: netip.MustParseAddr("127.0.0.1")}
	if resp, _, err := d.get(context.Background(), s.URL, maxPage); err != nil || resp.StatusCode != http.StatusFound {
		t.Errorf("the router's own page: %v, %v", resp, err)
	}
	for _, u := range []string{"http://127.0.0.2:1/", "http://localhost:1/", "http://[::1]:1/"} {
		if _, _, err := d.get(context.Background(), u, maxPage); err == nil {
			t.Errorf("%s was asked", u)
		}
	}
	if len(n.dialled) != 1 {
		t.Errorf("dialled %v", n.dialled)
	}
}
