package signalling_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/json"
	"math/big"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/websocket"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/signalling"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

const (
	server   = "pbx.example.net"
	ntp      = "time.example.net"
	password = "correct horse 7"
)

// office is a phone behind a NAT router, with servers outside.
type office struct {
	*testing.T
	world   *checktest.World
	phone   *checktest.Host
	pbx     *checktest.Host
	time    *checktest.Host
	inputs  checks.Inputs
	account *checks.Account
}

func newOffice(t *testing.T, change func(*checktest.RouterOptions)) *office {
	t.Helper()
	return newOfficeOf(t, 3, change)
}

// newOfficeOf is newOffice with losses that follow the seed.
func newOfficeOf(t *testing.T, seed uint64, change func(*checktest.RouterOptions)) *office {
	t.Helper()
	w := checktest.New(seed)
	t.Cleanup(w.Close)
	lan, outside := w.Segment("192.168.88.0/24"), w.Segment("203.0.113.0/24", "198.51.100.0/24")
	o := checktest.RouterOptions{
		Inside: lan, Outside: outside, InsideAddrs: []string{"192.168.88.1"}, OutsideAddrs: []string{"203.0.113.1"},
		NAT: checktest.Linux(), Delay: 10 * time.Millisecond,
	}
	if change != nil {
		change(&o)
	}
	w.Router(o)
	n := &office{
		T: t, world: w, phone: lan.Host("192.168.88.10"),
		pbx: outside.Host("198.51.100.20"), time: outside.Host("198.51.100.123"),
	}
	w.AddName(server, "198.51.100.20")
	w.AddName(ntp, "198.51.100.123")
	n.inputs = checks.Inputs{SIPServers: []string{server}, NoPublic: true}
	return n
}

func (n *office) serve(o checktest.SIPOptions) *checktest.Server {
	n.Helper()
	o.Addr = netip.MustParseAddr("198.51.100.20")
	s, err := checktest.ServeSIP(n.Context(), n.pbx, o)
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(s.Close)
	return s
}

func (n *office) check() (*checks.Result, *checks.Report) {
	n.Helper()
	env := &checks.Env{
		Net: n.phone, Inputs: n.inputs, Account: n.account,
		Host: func(context.Context) (*netinfo.Host, error) { return &netinfo.Host{}, nil },
	}
	rep := checks.Run(n.Context(), []*checks.Check{signalling.Check()}, env, checks.Meta{})
	if n.account != nil {
		raw, err := json.Marshal(rep)
		if err != nil {
			n.Fatal(err)
		}
		if bytes.Contains(raw, []byte(n.account.Password.Reveal())) {
			n.Errorf("the password is in the report")
		}
	}
	return &rep.Results[0], rep
}

func findings(r *checks.Result) []string {
	ids := []string{}
	for _, f := range r.Findings {
		ids = append(ids, f.ID+" "+string(f.Severity))
	}
	return ids
}

// statuses are the facts in short: "udp 5060 answered 200".
func statuses(r *checks.Result) map[string]signalling.Fact {
	out := map[string]signalling.Fact{}
	for _, f := range r.Facts.([]signalling.Fact) {
		if f.Account == "" {
			out[f.Transport] = f
		}
	}
	return out
}

// certificate makes a self-signed certificate for the names, with the dates
// relative to the (virtual) now.
func certificate(t *testing.T, from, to time.Duration, names ...string) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// serveTime is an NTP server whose clock is off by that much.
func (n *office) serveTime(off time.Duration) {
	n.Helper()
	conn, err := n.time.OpenUDP(n.Context(), netip.MustParseAddrPort("198.51.100.123:123"))
	if err != nil {
		n.Fatal(err)
	}
	done := make(chan struct{})
	n.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		b := make([]byte, 512)
		for {
			d, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			a := make([]byte, 48)
			a[0], a[1] = 4<<3|4, 2
			copy(a[24:32], b[40:d.N])
			now := time.Now().Add(off)
			for _, at := range []int{32, 40} {
				binary.BigEndian.PutUint32(a[at:], uint32(now.Unix()+2208988800))
				binary.BigEndian.PutUint32(a[at+4:], uint32(uint64(now.Nanosecond())<<32/1e9))
			}
			_ = conn.WriteTo(a, d.From, platform.SendOptions{})
		}
	}()
	n.inputs.NTP = ntp
}

// serveWeb is a web server with SIP over WebSocket at /ws, by somebody else's
// implementation of the protocol.
func (n *office) serveWeb(port uint16, secure *tls.Config, subprotocol string) {
	n.Helper()
	l, err := n.pbx.ListenTCP(n.Context(), netip.AddrPortFrom(netip.MustParseAddr("198.51.100.20"), port))
	if err != nil {
		n.Fatal(err)
	}
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	mux := http.NewServeMux()
	if subprotocol != "" {
		mux.Handle("/ws", websocket.Server{
			Handshake: func(c *websocket.Config, _ *http.Request) error { c.Protocol = []string{subprotocol}; return nil },
			Handler: func(c *websocket.Conn) {
				var m string
				for websocket.Message.Receive(c, &m) == nil {
					answer := replyTo(m, "200 OK")
					// In two frames, as a server with small buffers sends it.
					_, _ = c.Write([]byte("\r\n\r\n"))
					_ = websocket.Message.Send(c, answer)
				}
			},
		})
	}
	srv := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	n.Cleanup(func() { _ = srv.Close(); <-done })
}
