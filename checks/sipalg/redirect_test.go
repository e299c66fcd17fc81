package sipalg_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/sipalg"
	"github.com/sipdoctor/sipdoctor/platform"
)

// redirected is a network in which somebody on the way takes what goes to some
// places to another, and answers in their name: destination translation.
type redirected struct {
	platform.Network
	udp, tcp map[netip.AddrPort]netip.AddrPort
}

func (r redirected) DialTCP(ctx context.Context, local, remote netip.AddrPort) (net.Conn, error) {
	if to, ok := r.tcp[remote]; ok {
		remote = to
	}
	return r.Network.DialTCP(ctx, local, remote)
}

func (r redirected) OpenUDP(ctx context.Context, local netip.AddrPort) (platform.UDPConn, error) {
	c, err := r.Network.OpenUDP(ctx, local)
	return redirectedConn{c, r.udp}, err
}

type redirectedConn struct {
	platform.UDPConn
	udp map[netip.AddrPort]netip.AddrPort
}

func (c redirectedConn) WriteTo(b []byte, to netip.AddrPort, o platform.SendOptions) error {
	if other, ok := c.udp[to]; ok {
		to = other
	}
	return c.UDPConn.WriteTo(b, to, o)
}

func (c redirectedConn) ReadFrom(b []byte) (platform.Datagram, error) {
	d, err := c.UDPConn.ReadFrom(b)
	for asked, to := range c.udp {
		if d.From == to {
			d.From = asked
		}
	}
	return d, err
}

const boxAddr = "203.0.113.66" // a box of the provider

// interceptTLS puts a box into the path that ends TLS with a certificate of
// its own and begins it anew towards the responder.
func (n *internet) interceptTLS() {
	n.Helper()
	real := netip.MustParseAddrPort(responderAddr + ":5061")
	box := n.outside.Host(boxAddr)
	at := netip.MustParseAddrPort(boxAddr + ":5061")
	l, err := box.ListenTCP(n.Context(), at)
	if err != nil {
		n.Fatal(err)
	}
	conf := &tls.Config{Certificates: []tls.Certificate{n.certificate("Middle Box")}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				far, err := box.DialTCP(n.Context(), netip.AddrPort{}, real)
				if err != nil {
					return
				}
				defer far.Close()
				in, out := tls.Server(c, conf), tls.Client(far, &tls.Config{InsecureSkipVerify: true})
				go func() { defer far.Close(); _, _ = io.Copy(out, in) }()
				_, _ = io.Copy(in, out)
			}()
		}
	}()
	n.Cleanup(func() { _ = l.Close() })
	n.network = redirected{Network: n.phone, tcp: map[netip.AddrPort]netip.AddrPort{real: at}}
}

func (n *internet) certificate(name string) tls.Certificate {
	n.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		n.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		n.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// hijack puts a SIP server of the provider into the place of the responder's
// UDP port 5060.
func (n *internet) hijack() {
	n.Helper()
	s, err := checktest.ServeSIP(n.Context(), n.outside.Host(boxAddr), checktest.SIPOptions{})
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(s.Close)
	n.network = redirected{Network: n.phone, udp: map[netip.AddrPort]netip.AddrPort{
		netip.MustParseAddrPort(responderAddr + ":5060"): netip.MustParseAddrPort(boxAddr + ":5060"),
	}}
}

func TestSomebodyAnswersInTheFarEndsName(t *testing.T) {
	tableOf(t, map[string]network{
		"TLS is opened on the way": {router: natRouter(), before: (*internet).interceptTLS,
			want: diagnosis{sipalg.None, nil, []string{"sip-alg.tls-intercepted"}, waysWithout("TLS 5061"), checks.Warn}},
		"the provider takes port 5060 to its own server": {router: natRouter(), before: (*internet).hijack,
			want: diagnosis{sipalg.Proxying, nil, []string{"sip-alg.proxying"}, waysWithout("UDP 5060"), checks.Fail}},
	})
}

func TestTheEvidenceNamesWhoAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newInternet(t, 1, natRouter())
		n.respond()
		n.hijack()
		s := n.check()
		for _, e := range s.result.Findings[0].Evidence {
			if e.Name == "UDP 5060 OPTIONS" && e.Got == "an OPTIONS never reached the responder, yet it was answered: by another SIP server" {
				return
			}
		}
		t.Errorf("%+v", s.result.Findings[0])
	})
}
