package mikrotik

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sipdoctor/sipdoctor/platform"
)

// restOf is a session with a server that answers so.
func restOf(t *testing.T, h http.HandlerFunc) *REST {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	u, _ := url.Parse(s.URL)
	port, _ := strconv.ParseUint(u.Port(), 10, 16)
	return &REST{account: Account{User: "admin", Host: "127.0.0.1", Port: uint16(port)}, word: "secret", client: s.Client(), silence: 200 * time.Millisecond}
}

// A router that stops in the middle of its answer is waited for as long as one that says
// nothing, and one that goes on is not given up.
func TestASilentRESTAPI(t *testing.T) {
	rest := restOf(t, func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body) // or nobody notices that the client has left
		if strings.HasSuffix(q.URL.Path, "/dns/print") {
			<-q.Context().Done()
			return
		}
		_, _ = io.WriteString(w, `[{"name":"`)
		for i := 0; i < 8 && strings.HasSuffix(q.URL.Path, "/slow/print"); i++ {
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(60 * time.Millisecond)
		}
		if strings.HasSuffix(q.URL.Path, "/slow/print") {
			_, _ = io.WriteString(w, `"}]`)
			return
		}
		_ = http.NewResponseController(w).Flush()
		<-q.Context().Done()
	})
	for _, menu := range []string{"/ip/dns", "/ip/address"} {
		begin := time.Now()
		if _, err := rest.List(t.Context(), menu, Query{}); !errors.Is(err, platform.ErrNoAnswer) || time.Since(begin) > 5*time.Second {
			t.Errorf("%s: %v after %s", menu, err, time.Since(begin))
		}
	}
	if list, err := rest.List(t.Context(), "/slow", Query{}); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := rest.List(ctx, "/ip/dns", Query{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Small items are large in memory.
func TestAnAnswerOfManyItems(t *testing.T) {
	rest := restOf(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "["+strings.Repeat("{},", maxItems)+"{}]")
	})
	rest.silence = answerPatience
	if _, err := rest.List(t.Context(), "/ip/dns", Query{}); !errors.Is(err, errTooMuch) {
		t.Error(err)
	}
	f := &frames{}
	if err := f.check([]byte(strings.Repeat("\x01=", maxWords))); err != nil {
		t.Error(err)
	}
	if err := f.check([]byte("\x01=")); !errors.Is(err, errTooMuch) {
		t.Error(err)
	}
}

// Where redirected, the password stays here.
func TestARedirectIsNotFollowed(t *testing.T) {
	asked := 0
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer elsewhere.Close()
	s := httptest.NewTLSServer(http.RedirectHandler(elsewhere.URL+"/rest/system/resource", http.StatusTemporaryRedirect))
	defer s.Close()
	u, _ := url.Parse(s.URL)
	port, _ := strconv.ParseUint(u.Port(), 10, 16)
	a := Account{User: "admin", Host: "127.0.0.1", Port: uint16(port), Fingerprint: fingerprint(s.Certificate().Raw), Password: func(context.Context) (string, error) { return "secret", nil }}
	if _, err := DialREST(t.Context(), a); err == nil || asked != 0 || !strings.Contains(err.Error(), "307") {
		t.Errorf("%v, asked %d times", err, asked)
	}
}

// An address with a zone is a host as well.
func TestALinkLocalAddress(t *testing.T) {
	var asked string
	r := &REST{account: Account{User: "admin", Host: "fe80::1%eth0"}, silence: time.Second, client: &http.Client{Transport: roundTrip(func(q *http.Request) (*http.Response, error) {
		asked = q.URL.Host
		return nil, io.EOF
	})}}
	if _, err := r.List(t.Context(), "/ip/dns", Query{}); !errors.Is(err, ErrLost) || asked != "[fe80::1%eth0]:443" {
		t.Errorf("%v, asked %q", err, asked)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(q *http.Request) (*http.Response, error) { return f(q) }

// Without a certificate there is no cipher for TLS, and the router says only that.
func TestAServiceWithoutACertificate(t *testing.T) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	// A server of Go has no anonymous ciphers, but those that nobody offers any more.
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: s.TLS.Certificates, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.(*tls.Conn).Handshake()
			c.Close()
		}
	}()
	a := Account{User: "admin", Host: "127.0.0.1", Port: uint16(l.Addr().(*net.TCPAddr).Port), Password: func(context.Context) (string, error) { return "x", nil }}
	if _, err := DialAPI(t.Context(), a, true); !errors.Is(err, errNoCipher) {
		t.Error(err)
	}
	if _, err := DialREST(t.Context(), a); !errors.Is(err, errNoCipher) {
		t.Error(err)
	}
}

// A router that takes the login and then opens no session is not waited for by whoever leaves.
func TestARouterThatOpensNoSession(t *testing.T) {
	_, private, _ := ed25519.GenerateKey(rand.Reader)
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(signer)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		if _, _, _, err := ssh.NewServerConn(c, config); err == nil {
			<-t.Context().Done() // the request for a channel waits
		}
	}()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("SSH_AUTH_SOCK", "")
	c, err := DialConsole(t.Context(), platform.Login{User: "admin", Host: "127.0.0.1", Port: uint16(l.Addr().(*net.TCPAddr).Port), HostKey: ssh.FingerprintSHA256(signer.PublicKey())})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() { _, err := c.Type(ctx, "/export"); done <- err }()
	select {
	case err := <-done:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("still waiting")
	}
}
