package mikrotik_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros/live/routertest"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/mikrotik"
)

// shipped is a router with its factory configuration.
func shipped(t *testing.T) *routertest.Router {
	t.Helper()
	b, err := os.ReadFile("../../netinfo/routeros/testdata/factory7.rsc")
	if err != nil {
		t.Fatal(err)
	}
	return routertest.New(t, string(b))
}

func console(t *testing.T, r *routertest.Router) *mikrotik.Console {
	t.Helper()
	c, err := mikrotik.DialConsole(t.Context(), r.SSH(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

const helperOff = "/ip firewall service-port set sip disabled=yes"

func isOff(r *routertest.Router) bool { return strings.Contains(r.Export(), "set sip disabled=yes") }

func TestALineIsTyped(t *testing.T) {
	r := shipped(t)
	c := console(t, r)
	out, err := c.Type(t.Context(), "/ip firewall service-port print where name=sip")
	if err != nil || !strings.Contains(out, "sip-timeout=1h") || strings.Contains(out, "\r") || strings.Contains(out, "sipdoctor") {
		t.Errorf("%q, %v", out, err)
	}
	if out, err = c.Type(t.Context(), helperOff); err != nil || out != "" || !isOff(r) {
		t.Errorf("%q, %v", out, err)
	}
	_, err = c.Type(t.Context(), "/ip firewall filter remove 77")
	if refused, ok := errors.AsType[*mikrotik.Refused](err); !ok || refused.Text != "no such item" {
		t.Error(err)
	}
}

func TestSafeModeIsTakenAndReleased(t *testing.T) {
	r := shipped(t)
	s, err := console(t, r).Safe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if out, err := s.Type(t.Context(), helperOff); err != nil || out != "" {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := s.Type(t.Context(), "/ip firewall service-port print where name=sip"); err != nil || !strings.Contains(out, "sip-timeout=1h") || strings.Contains(out, "SAFE") {
		t.Errorf("%q, %v", out, err)
	}
	_, err = s.Type(t.Context(), "/ip firewall filter remove 77")
	if refused, ok := errors.AsType[*mikrotik.Refused](err); !ok || refused.Text != "no such item" {
		t.Error(err)
	}
	if err := s.Release(t.Context()); err != nil || !isOff(r) {
		t.Error(err)
	}
}

func TestALostConnectionTakesTheChangeBack(t *testing.T) {
	r := shipped(t)
	r.Hangs = func(line string) bool { return strings.Contains(line, "remove") }
	s, err := console(t, r).Safe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Type(t.Context(), helperOff); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Type(t.Context(), "/ip firewall filter remove 3"); !errors.Is(err, mikrotik.ErrLost) {
		t.Error(err)
	}
	if isOff(r) {
		t.Error("the change was kept")
	}
}

func TestWhoeverLeavesWithoutReleaseLeavesNothing(t *testing.T) {
	r := shipped(t)
	c := console(t, r)
	s, err := c.Safe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Type(t.Context(), helperOff); err != nil {
		t.Fatal(err)
	}
	s.Abandon()
	c.Close()
	for range 100 { // it notices a moment later
		if !isOff(r) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("the change was kept")
}

func TestSomebodyElseIsInSafeMode(t *testing.T) {
	r := shipped(t)
	r.Hijacked = true
	if _, err := console(t, r).Safe(t.Context()); !errors.Is(err, mikrotik.ErrSafeTaken) {
		t.Error(err)
	}
	if r.Keys() != "d" {
		t.Errorf("%q was typed", r.Keys())
	}
}

func TestWhatTheConsoleAsksFirst(t *testing.T) {
	for name, tt := range map[string]struct {
		asks, keys string
		err        error
	}{
		"the licence":                 {"Do you want to see the software license? [Y/n]: ", "n", nil},
		"no key of the software":      {"ROUTER HAS NO SOFTWARE KEY\nYou have 21h2m to configure the router to be remotely accessible.\nPlease press \"Enter\" to continue!\n", "\r", nil},
		"the factory's configuration": {"The following default configuration has been installed on your router:\n-----\nRouterMode:\n-----\nYou can type \"v\" to see the exact commands that are used to add and remove\nthis default configuration, or you can view them later.\nTo remove this default configuration type \"r\" or hit any other key to continue.\nIf you are connected using the above IP and you remove it, you will be disconnected.\n", "\r", nil},
		"a new password":              {"\nChange your password\n\nnew password> ", "", mikrotik.ErrNewPassword},
	} {
		r := shipped(t)
		r.Asks = tt.asks
		s, err := console(t, r).Safe(t.Context())
		if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) || strings.Trim(r.Keys(), "\x00") != tt.keys {
			t.Errorf("%s: %v, %q was typed", name, err, r.Keys())
		}
		if err == nil {
			if err := s.Release(t.Context()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestWhatATerminalWouldTakeOtherwise(t *testing.T) {
	s, err := console(t, shipped(t)).Safe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"/ip firewall filter add comment=a?b", "/ip\tdns", "/ip dns\n/system reset"} {
		if _, err := s.Type(t.Context(), line); err == nil || !strings.Contains(err.Error(), "cannot be typed") {
			t.Errorf("%q: %v", line, err)
		}
	}
	if _, err := s.Type(t.Context(), `/ip firewall filter add chain=x comment="why\?"`); err != nil {
		t.Error(err)
	}
}

// A router that restarts while it is asked is no router that has said no.
func TestARouterThatRestarts(t *testing.T) {
	r := shipped(t)
	r.Hangs = func(command string) bool { return strings.Contains(command, "dns") }
	_, err := console(t, r).Type(t.Context(), "/ip dns print")
	if !errors.Is(err, mikrotik.ErrLost) {
		t.Error(err)
	}
	api, err := mikrotik.DialAPI(t.Context(), r.API(t, false), false)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	if _, err := api.List(t.Context(), "/ip/dns", mikrotik.Query{}); !errors.Is(err, mikrotik.ErrLost) {
		t.Error(err)
	}
	rest, err := mikrotik.DialREST(t.Context(), r.REST(t))
	if err != nil {
		t.Fatal(err)
	}
	defer rest.Close()
	if _, err := rest.List(t.Context(), "/ip/dns", mikrotik.Query{}); !errors.Is(err, mikrotik.ErrLost) {
		t.Error(err)
	}
}

// A wrong password is offered once.
func TestAWrongPasswordIsOfferedOnce(t *testing.T) {
	wrong := func(context.Context) (string, error) { return "wrong", nil }
	for name, dial := range map[string]func(*routertest.Router) error{
		"SSH": func(r *routertest.Router) error {
			l := r.SSH(t)
			l.Password = func(context.Context, string) (string, error) { return "wrong", nil }
			t.Setenv("HOME", t.TempDir())
			t.Setenv("USERPROFILE", t.TempDir())
			t.Setenv("SSH_AUTH_SOCK", "")
			_, err := mikrotik.DialConsole(t.Context(), l)
			return err
		},
		"the API": func(r *routertest.Router) error {
			a := r.API(t, false)
			a.Password = wrong
			_, err := mikrotik.DialAPI(t.Context(), a, false)
			return err
		},
		"REST": func(r *routertest.Router) error {
			a := r.REST(t)
			a.Password = wrong
			_, err := mikrotik.DialREST(t.Context(), a)
			return err
		},
	} {
		r := shipped(t)
		if err := dial(r); !errors.Is(err, platform.ErrLogin) || r.Logins() != 1 {
			t.Errorf("%s: %v after %d attempts", name, err, r.Logins())
		}
	}
}

// A certificate that nobody vouches for ends it before anything is said.
func TestACertificateThatNobodyKnows(t *testing.T) {
	for name, dial := range map[string]func(*routertest.Router, string) error{
		"the API": func(r *routertest.Router, fingerprint string) error {
			a := r.API(t, true)
			a.Fingerprint = fingerprint
			_, err := mikrotik.DialAPI(t.Context(), a, true)
			return err
		},
		"REST": func(r *routertest.Router, fingerprint string) error {
			a := r.REST(t)
			a.Fingerprint = fingerprint
			_, err := mikrotik.DialREST(t.Context(), a)
			return err
		},
	} {
		for _, fingerprint := range []string{"", strings.Repeat("0", 64)} {
			r := shipped(t)
			err := dial(r, fingerprint)
			bad, ok := errors.AsType[*mikrotik.CertificateError](err)
			if !ok || bad.Changed != (fingerprint != "") || len(bad.Fingerprint) != 64 || r.Logins() != 0 {
				t.Errorf("%s: %v after %d logins", name, err, r.Logins())
			}
		}
	}
}

// What does not speak the protocol, or speaks too long, is given up.
func TestWhatIsNoAPI(t *testing.T) {
	for name, says := range map[string]string{
		"a web server":    "HTTP/1.1 400 Bad Request\r\n\r\n",
		"an endless word": "\xf0\xff\xff\xff\xff",
		"no length":       "\xff\xff",
		"nothing":         "",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			_, _ = c.Read(make([]byte, 100))
			_, _ = c.Write([]byte(says))
		}()
		a := mikrotik.Account{User: "admin", Host: "127.0.0.1", Port: uint16(l.Addr().(*net.TCPAddr).Port), Password: func(context.Context) (string, error) { return "x", nil }}
		if _, err := mikrotik.DialAPI(t.Context(), a, false); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Log(name, err)
		}
	}
}

// A run that ends does not wait for a router that says nothing.
func TestNobodyWaitsForASilentRouter(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		c, err := l.Accept()
		if err == nil {
			defer c.Close()
			cancel()
			<-t.Context().Done()
		}
	}()
	a := mikrotik.Account{User: "admin", Host: "127.0.0.1", Port: uint16(l.Addr().(*net.TCPAddr).Port), Password: func(context.Context) (string, error) { return "x", nil }}
	if _, err := mikrotik.DialAPI(ctx, a, false); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// The servers of RouterOS offer little: by version and strong-crypto other key exchanges, and
// version 6 signs with SHA-1 only. Both are offered what they can do.
func TestTheSSHOfARouter(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		exchange string
		signs    string
	}{
		"version 7":                 {ssh.KeyExchangeCurve25519, ssh.KeyAlgoRSASHA256},
		"strong-crypto=yes":         {ssh.KeyExchangeDHGEXSHA256, ssh.KeyAlgoRSASHA256},
		"version 6":                 {ssh.InsecureKeyExchangeDH14SHA1, ssh.KeyAlgoRSA},
		"version 6, strong and old": {ssh.KeyExchangeDHGEXSHA256, ssh.KeyAlgoRSA},
	} {
		signer, err := ssh.NewSignerFromKey(key)
		if err != nil {
			t.Fatal(err)
		}
		old, err := ssh.NewSignerWithAlgorithms(signer.(ssh.AlgorithmSigner), []string{tt.signs})
		if err != nil {
			t.Fatal(err)
		}
		config := &ssh.ServerConfig{PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, nil }}
		config.KeyExchanges = []string{tt.exchange}
		config.AddHostKey(old)
		l, err := net.Listen("tcp", "127.0.0.1:0")
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
				go func() {
					if s, channels, requests, err := ssh.NewServerConn(c, config); err == nil {
						go ssh.DiscardRequests(requests)
						for n := range channels {
							_ = n.Reject(ssh.Prohibited, "no")
						}
						s.Close()
					}
				}()
			}
		}()
		home := t.TempDir()
		t.Setenv("HOME", home)
		t.Setenv("USERPROFILE", home)
		t.Setenv("SSH_AUTH_SOCK", "")
		port := uint16(l.Addr().(*net.TCPAddr).Port)
		at := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port)))
		line := knownhosts.Line([]string{at}, signer.PublicKey())
		if err := errors.Join(os.Mkdir(filepath.Join(home, ".ssh"), 0o700), os.WriteFile(filepath.Join(home, ".ssh", "known_hosts"), []byte(line+"\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
		c, err := mikrotik.DialConsole(t.Context(), platform.Login{
			User: "admin", Host: "127.0.0.1", Port: port, Password: func(context.Context, string) (string, error) { return "x", nil },
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c.Close()
	}
}
