package checktest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"

	"github.com/sipdoctor/sipdoctor/platform"
)

// pair connects the phone with the server through the router.
func pair(t *testing.T, s *small, at string) (client, server net.Conn) {
	t.Helper()
	l, err := s.server.ListenTCP(t.Context(), addrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = s.phone.DialTCP(t.Context(), netip.AddrPort{}, addrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return client, server
}

func TestConnectionsKeepTheContractOfNetConn(t *testing.T) {
	s := newSmall(t, RouterOptions{NAT: Linux()})
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		c1, c2 = pair(t, s, serverAddr+":7000")
		return c1, c2, func() { _, _ = c1.Close(), c2.Close() }, nil
	})
}

func TestServerSeesTheTranslatedAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSmall(t, RouterOptions{NAT: Symmetric(), Delay: 10 * time.Millisecond})
		client, server := pair(t, s, serverAddr+":5060")
		remote, local := server.RemoteAddr().(*net.TCPAddr), client.LocalAddr().(*net.TCPAddr)
		if remote.IP.String() != publicAddr || remote.Port == local.Port {
			t.Errorf("the phone is %v, the server sees %v", local, remote)
		}
	})
}

func TestLargeTransferArrivesWholeThroughDelayAndBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSmall(t, RouterOptions{NAT: Linux(), Delay: 20 * time.Millisecond})
		client, server := pair(t, s, serverAddr+":7000")
		sent := bytes.Repeat([]byte("0123456789"), 200_000)
		go func() {
			_, _ = io.Copy(server, server)
			_ = server.(interface{ CloseWrite() error }).CloseWrite()
		}()
		go func() {
			_, _ = client.Write(sent)
			_ = client.(interface{ CloseWrite() error }).CloseWrite()
		}()
		got, err := io.ReadAll(client)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d of %d bytes came back, %v", len(got), len(sent), err)
		}
	})
}

func TestHowAConnectionFailsSaysWhy(t *testing.T) {
	tests := map[string]struct {
		rules []Rule
		want  platform.ErrorClass
	}{
		"nobody listens":            {nil, platform.ClassRefused},
		"the firewall drops":        {[]Rule{{Proto: TCP}}, platform.ClassTimeout},
		"the firewall prohibits":    {[]Rule{{Proto: TCP, Action: Reject}}, platform.ClassProhibited},
		"the firewall sends resets": {[]Rule{{Proto: TCP, Action: Refuse}}, platform.ClassRefused},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSmall(t, RouterOptions{NAT: Linux(), Rules: tt.rules})
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				start := time.Now()
				_, err := s.phone.DialTCP(ctx, netip.AddrPort{}, addrPort(serverAddr+":5060"))
				if got := platform.Classify(err); got != tt.want {
					t.Errorf("%v is %q, want %q", err, got, tt.want)
				}
				var op *net.OpError
				if !errors.As(err, &op) || op.Op != "dial" {
					t.Errorf("%v is no dial error", err)
				}
				if waited := time.Since(start); (waited >= 5*time.Second) != (tt.want == platform.ClassTimeout) {
					t.Errorf("it took %s", waited)
				}
			})
		})
	}
}

func TestDialWithoutDeadlineGivesUpAsTheKernelDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSmall(t, RouterOptions{Rules: []Rule{{Proto: TCP}}})
		_, err := s.phone.DialTCP(t.Context(), netip.AddrPort{}, addrPort(serverAddr+":5060"))
		if got := platform.Classify(err); got != platform.ClassTimeout {
			t.Errorf("%v is %q", err, got)
		}
	})
}

func TestClosingWithBytesUnreadResetsTheOtherSide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t, newSmall(t, RouterOptions{NAT: Linux()}), serverAddr+":7000")
		if _, err := client.Write([]byte("never read")); err != nil {
			t.Fatal(err)
		}
		_ = server.Close()
		if _, err := client.Read(make([]byte, 1)); platform.Classify(err) != platform.ClassReset {
			t.Errorf("the phone sees %v", err)
		}
	})
}

func TestFirewallThatSwallowsSIPStallsTheConnectionOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSmall(t, RouterOptions{NAT: Linux(), Rules: []Rule{{Proto: TCP, Content: LooksLikeSIP}}})
		client, server := pair(t, s, serverAddr+":5060")
		for _, text := range []string{"masked", "OPTIONS sip:x SIP/2.0\r\n\r\n"} {
			if _, err := client.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		b := make([]byte, 100)
		n, err := server.Read(b)
		if string(b[:n]) != "masked" || err != nil {
			t.Errorf("first came %q, %v", b[:n], err)
		}
		_ = server.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := server.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("then %v", err)
		}
	})
}

func TestHTTPSWorksThroughTwoNATs(t *testing.T) {
	s := newSmall(t, RouterOptions{NAT: Symmetric(), Delay: time.Millisecond})
	home := s.Segment("10.0.0.0/24")
	s.Router(RouterOptions{NAT: Linux(), Inside: home, InsideAddrs: []string{"10.0.0.1"}, Outside: s.lan, OutsideAddrs: []string{"192.168.1.2"}})
	laptop := home.Host("10.0.0.10")

	l, err := s.server.ListenTCP(t.Context(), addrPort(serverAddr+":443"))
	if err != nil {
		t.Fatal(err)
	}
	cert, pool := selfSigned(t)
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.RemoteAddr+strings.Repeat(".", 100_000))
	})}
	go func() { _ = web.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}})) }()
	defer web.Close()

	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "lab"},
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return laptop.DialTCP(ctx, netip.AddrPort{}, addrPort(addr))
		},
	}}
	defer client.CloseIdleConnections()
	for range 3 {
		resp, err := client.Get("https://" + serverAddr + "/")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || !strings.HasPrefix(string(body), publicAddr+":") || len(body) < 100_000 {
			t.Errorf("%d bytes from %.21q, %v", len(body), body, err)
		}
	}
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"lab"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
