package sipalg_test

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/fragments"
	"github.com/sipdoctor/sipdoctor/checks/nat"
	"github.com/sipdoctor/sipdoctor/checks/natlifetime"
	"github.com/sipdoctor/sipdoctor/checks/sipalg"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// A PBX that shares an address with the responder must not be tested: its
// fail2ban counts what it does not know.

const sharedAddr = "203.0.113.50" // of the router in front of both

// forwarded makes the responder and a PBX share one public address: a router
// takes the named SIP ports to the PBX and everything else to the responder.
func (n *internet) forwarded(toPBX ...string) (requests func() []string) {
	n.Helper()
	pbx := n.outside.Host(boxAddr)
	s, err := checktest.ServeSIP(n.Context(), pbx, checktest.SIPOptions{})
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(s.Close)
	r := redirected{Network: n.phone, udp: map[netip.AddrPort]netip.AddrPort{}, tcp: map[netip.AddrPort]netip.AddrPort{}}
	for _, port := range []string{"5060", "5061", "5080", "8765", "8766", "8770", "3478", "3479"} {
		at := netip.MustParseAddrPort(sharedAddr + ":" + port)
		r.udp[at] = netip.MustParseAddrPort(responderAddr + ":" + port)
		r.tcp[at] = r.udp[at]
	}
	for _, p := range toPBX {
		transport, port, _ := strings.Cut(p, " ")
		at, to := netip.MustParseAddrPort(sharedAddr+":"+port), netip.MustParseAddrPort(boxAddr+":5060")
		map[string]map[netip.AddrPort]netip.AddrPort{"udp": r.udp, "tcp": r.tcp}[transport][at] = to
	}
	n.outside.Host(sharedAddr)
	n.network, n.inputs.Responder = r, sharedAddr
	return func() (methods []string) {
		for _, h := range s.Requests() {
			if method, _, ok := bytes.Cut(h.Raw, []byte(" sip:")); ok {
				methods = append(methods, h.Transport+" "+string(method))
			}
		}
		return methods
	}
}

func TestAPBXBesideTheResponderIsLeftAlone(t *testing.T) {
	for name, c := range map[string]struct {
		toPBX []string
		deep  bool
		most  int // requests that the PBX gets
		works []string
	}{
		"UDP 5060 is the PBX's":              {[]string{"udp 5060"}, false, 1, waysWithout("UDP 5060")},
		"both 5060 are the PBX's":            {[]string{"udp 5060", "tcp 5060"}, false, 2, waysWithout("UDP 5060", "TCP 5060")},
		"both 5060 are the PBX's, all asked": {[]string{"udp 5060", "tcp 5060"}, true, 2, waysWithout("UDP 5060", "TCP 5060")},
		"the other SIP port is the PBX's":    {[]string{"udp 5080"}, false, 1, waysWithout("UDP 5080")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newInternet(t, 1, natRouter())
				n.respond()
				requests := n.forwarded(c.toPBX...)
				n.inputs.Deep = c.deep
				want := diagnosis{sipalg.Inconclusive, nil, []string{}, c.works, checks.Inconclusive}
				if c.toPBX[0] == "udp 5080" {
					want.verdict, want.status = sipalg.None, checks.Pass
				}
				got := n.check()
				want.compare(t, got)
				if want.verdict == sipalg.Inconclusive && !strings.Contains(got.result.Reason, "UDP 5060: another program answers on this port of the responder's address") {
					t.Errorf("reason %q", got.result.Reason)
				}
				list := requests()
				if len(list) > c.most || len(list) == 0 {
					t.Errorf("the PBX got %v, want 1 to %d", list, c.most)
				}
				for _, r := range list {
					if !strings.HasSuffix(r, "OPTIONS") {
						t.Errorf("the PBX got %s", r)
					}
				}
			})
		})
	}
}

// The other checks that speak SIP to the responder keep to it as well, and all
// of them together ask the port once.
func TestAllChecksTogetherLeaveThePBXAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newInternet(t, 1, natRouter())
		n.respond()
		requests := n.forwarded("udp 5060", "tcp 5060")
		n.inputs.Ladder = []int{2}
		env := &checks.Env{Net: n.network, Inputs: n.inputs, Host: func(context.Context) (*netinfo.Host, error) { return &netinfo.Host{}, nil }}
		rep := checks.Run(t.Context(), []*checks.Check{sipalg.Check(), fragments.Check(), natlifetime.Check(), nat.Check()}, env, checks.Meta{})
		for _, r := range rep.Results {
			if r.Status == checks.Fail || r.Status == checks.Error {
				t.Errorf("%s: %s, %s %s", r.Check, r.Status, r.Summary, r.Reason)
			}
		}
		if list := requests(); len(list) != 2 {
			t.Errorf("the PBX got %v, want one OPTIONS over each transport", list)
		}
	})
}

// A PBX that answers nobody it does not know looks like a closed port; it must
// not get more for that.
func TestASilentPBXIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newInternet(t, 1, natRouter())
		n.respond()
		n.forwarded()
		heard := n.deaf("udp 5060", "tcp 5060")
		got := n.check()
		if list := heard(); len(list) > 3 {
			t.Errorf("it got %v", list)
		}
		if f := got.result.Findings; len(f) != 1 || f[0].ID != "sip-alg.port-blocked" || f[0].Confidence != checks.Likely {
			t.Errorf("findings %+v: nobody knows whether it is the way or a PBX that is silent", f)
		}
	})
}

// deaf puts something that takes everything and answers nothing in the place
// of ports.
func (n *internet) deaf(ports ...string) (readable func() []string) {
	n.Helper()
	box := n.outside.Host("203.0.113.67")
	conn, err := box.OpenUDP(n.Context(), netip.MustParseAddrPort("203.0.113.67:5060"))
	if err != nil {
		n.Fatal(err)
	}
	l, err := box.ListenTCP(n.Context(), netip.MustParseAddrPort("203.0.113.67:5060"))
	if err != nil {
		n.Fatal(err)
	}
	heard := make(chan string, 1000)
	take := func(transport string, b []byte) {
		if i := bytes.Index(b, []byte(" sip:")); i > 0 {
			heard <- transport + " " + string(b[:i])
		}
	}
	go func() {
		buf := make([]byte, 65536)
		for {
			d, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			take("udp", buf[:d.N])
		}
	}()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go n.swallow(c, take)
		}
	}()
	n.Cleanup(func() { _ = conn.Close(); _ = l.Close() })
	r := n.network.(redirected)
	for _, p := range ports {
		transport, port, _ := strings.Cut(p, " ")
		at, to := netip.MustParseAddrPort(sharedAddr+":"+port), netip.MustParseAddrPort("203.0.113.67:5060")
		map[string]map[netip.AddrPort]netip.AddrPort{"udp": r.udp, "tcp": r.tcp}[transport][at] = to
	}
	return func() (list []string) {
		for len(heard) > 0 {
			list = append(list, <-heard)
		}
		return list
	}
}

func (n *internet) swallow(c net.Conn, take func(string, []byte)) {
	defer c.Close()
	buf := make([]byte, 65536)
	for {
		k, err := c.Read(buf)
		if err != nil {
			return
		}
		take("tcp", buf[:k])
	}
}

// What the responder does not have at the address that the client reached is
// not probed at all.
func TestAPortOfAnotherAddressIsNotProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newInternet(t, 1, natRouter())
		pbx, err := checktest.ServeSIP(t.Context(), n.responder, checktest.SIPOptions{Addr: netip.MustParseAddr(responderAddr)})
		if err != nil {
			t.Fatal(err)
		}
		defer pbx.Close()
		n.respond() // its second address still has port 5060
		n.inputs.Deep = true
		got := n.check()
		diagnosis{sipalg.Inconclusive, nil, []string{}, waysWithout("UDP 5060", "TCP 5060"), checks.Inconclusive}.compare(t, got)
		if want := "the responder does not serve UDP port 5060: SIP over UDP " + responderAddr + ":5060: in use by another program"; !strings.Contains(got.result.Reason, want) {
			t.Errorf("reason %q, want %q", got.result.Reason, want)
		}
		if list := pbx.Requests(); len(list) > 0 {
			t.Errorf("the PBX got %d messages, the first is %q", len(list), list[0].Raw)
		}
	})
}
