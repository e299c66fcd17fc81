package platform

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/sipdoctor/sipdoctor/platform/command"
)

// sshPatience bounds the wait for an SSH server: to log in, and for what any shell
// answers at once.
const sshPatience = 15 * time.Second

// loginPatience bounds a login to a server that has shown its key, without the time in which
// a person types a password: OpenSSH hangs up after as long (LoginGraceTime), and keys of
// hardware wait to be touched.
const loginPatience = 2 * time.Minute

// Login says how to come to a machine over SSH.
type Login struct {
	User, Host string
	Port       uint16 // 0: 22
	// HostKey is the SHA-256 fingerprint that its key must have ("SHA256:…"); empty:
	// known_hosts decides.
	HostKey string
	// Identity is a file with a private key; empty: the agent and the usual files.
	Identity string
	// Options stand behind the user's name and tell a server how to behave, as RouterOS
	// takes them. Nothing else shows them.
	Options string
	// Older offers what servers of embedded devices have as well, after all that is
	// better.
	Older bool
	// Password asks for the password, at most once; what says what it opens. An error
	// ends the login. Nil: there is none.
	Password func(ctx context.Context, what string) (string, error)

	patience time.Duration // for a server to say anything; 0: sshPatience
}

// ParseLogin reads "ssh://user@host:port" or "user@host". Without a user it is who runs
// this program, as with ssh.
func ParseLogin(s string) (Login, error) {
	rest := strings.TrimPrefix(s, "ssh://")
	at := strings.LastIndexByte(rest, '@') // "user@domain@host" is a user of a domain
	name, host, ok := rest[:max(at, 0)], rest[at+1:], at >= 0
	l := Login{User: name, Host: host}
	if h, port, err := net.SplitHostPort(host); err == nil {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return l, fmt.Errorf("%q is no port", port)
		}
		l.Host, l.Port = h, uint16(n)
	}
	l.Host = strings.Trim(l.Host, "[]")
	_, err := netip.ParseAddr(l.Host)
	if l.Host == "" || err != nil && strings.Trim(l.Host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != "" || strings.HasPrefix(l.Host, "-") {
		return l, fmt.Errorf("%q is no host", l.Host)
	}
	if strings.HasPrefix(l.User, "-") || strings.ContainsFunc(l.User, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return l, fmt.Errorf("%q is no user", l.User) // ssh would take it for an option
	}
	if l.User == "" {
		if ok {
			return l, errors.New("there is no user before the @")
		}
		u, err := user.Current()
		if err != nil {
			return l, err
		}
		l.User = u.Username
	}
	return l, nil
}

func (l Login) address() string {
	return net.JoinHostPort(l.Host, strconv.Itoa(int(cmp.Or(l.Port, 22))))
}

// Name is the machine as people write it.
func (l Login) Name() string {
	if l.Port != 0 && l.Port != 22 {
		return l.User + "@" + l.address()
	}
	return l.User + "@" + l.Host
}

// Command is how a person logs in there.
func (l Login) Command() string {
	words := []string{"ssh"}
	if l.Port != 0 && l.Port != 22 {
		words = append(words, "-p", strconv.Itoa(int(l.Port)))
	}
	return command.Quote(append(words, l.User+"@"+l.Host)...)
}

// HostKeyError is a key that nobody vouches for. Its machine was told neither who we are
// nor any secret.
type HostKeyError struct {
	Host        string
	Fingerprint string // SHA-256, as "ssh-keygen -l" prints it
	Changed     bool   // another one is known
}

func (e *HostKeyError) Error() string {
	if e.Changed {
		return fmt.Sprintf("the host key of %s has changed to %s", e.Host, e.Fingerprint)
	}
	return fmt.Sprintf("the host key of %s is not known: %s", e.Host, e.Fingerprint)
}

// ErrLogin means that an SSH server takes none of the keys and passwords that it was
// offered.
var ErrLogin = errors.New("the login was refused")

// DialRemote logs in. Each key is offered once, and one password.
func DialRemote(ctx context.Context, l Login) (*Remote, error) {
	r, err := dialRemote(ctx, l)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", l.Name(), err)
	}
	return r, nil
}

func dialRemote(ctx context.Context, l Login) (*Remote, error) {
	c, err := dialSSH(ctx, l)
	if err != nil {
		return nil, err
	}
	r, err := newRemote(ctx, c)
	if err != nil {
		c.Close()
	}
	return r, err
}

// DialSSH logs in, as DialRemote does, to what need not have a shell.
func DialSSH(ctx context.Context, l Login) (*ssh.Client, error) {
	c, err := dialSSH(ctx, l)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", l.Name(), err)
	}
	return c, nil
}

func dialSSH(ctx context.Context, l Login) (*ssh.Client, error) {
	check, tries, err := l.hostKey()
	if err != nil {
		return nil, err
	}
	var late atomic.Pointer[time.Timer]
	if ask := l.Password; ask != nil {
		l.Password = func(ctx context.Context, what string) (string, error) {
			if t := late.Load(); t != nil && t.Stop() {
				defer t.Reset(loginPatience)
			}
			return ask(ctx, what)
		}
	}
	methods, closer, err := l.methods(ctx)
	if err != nil {
		return nil, err
	}
	defer closer()
	config := ssh.ClientConfig{User: l.User + l.Options, Auth: methods, HostKeyCallback: check}
	var other, last error
	for _, config.HostKeyAlgorithms = range tries {
		var c *ssh.Client
		if c, last = l.connect(ctx, config, &late); last == nil {
			return c, nil
		}
		if _, shown := errors.AsType[*HostKeyError](last); shown {
			other = cmp.Or(other, last)
		} else if _, none := errors.AsType[*ssh.AlgorithmNegotiationError](last); !none {
			break
		}
	}
	return nil, cmp.Or(other, last)
}

// connect logs in once. late ends it where the server says nothing.
func (l Login) connect(ctx context.Context, config ssh.ClientConfig, late *atomic.Pointer[time.Timer]) (*ssh.Client, error) {
	begin, d := time.Now(), net.Dialer{Timeout: sshPatience}
	c, err := d.DialContext(ctx, "tcp", l.address())
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	timer := time.AfterFunc(cmp.Or(l.patience, sshPatience), func() { c.Close() })
	late.Store(timer)
	var greeted atomic.Bool
	check := config.HostKeyCallback
	config.HostKeyCallback = func(host string, remote net.Addr, key ssh.PublicKey) error {
		greeted.Store(true)
		timer.Reset(loginPatience)
		return check(host, remote, key)
	}
	if l.Older {
		addOlder(&config)
	}
	conn, channels, requests, err := ssh.NewClientConn(c, l.address(), &config)
	silent := !timer.Stop()
	if err == nil {
		return ssh.NewClient(conn, channels, requests), nil
	}
	c.Close()
	switch key, ok := errors.AsType[*HostKeyError](err); {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case ok:
		return nil, key
	case silent:
		return nil, fmt.Errorf("%w within %s", ErrNoAnswer, time.Since(begin).Round(100*time.Millisecond))
	case greeted.Load() && (strings.Contains(err.Error(), "unable to authenticate") || strings.Contains(err.Error(), "ssh: disconnect")):
		return nil, ErrLogin // a server that has enough of wrong keys hangs up
	}
	return nil, err
}

// addOlder adds what RouterOS has where it has nothing newer: with strong-crypto=yes
// only diffie-hellman-group-exchange-sha256 (RFC 4419), which package ssh does not offer
// by default, otherwise group 14 with SHA-1; and in version 6 RSA keys that sign with
// SHA-1 alone. The host key still has to be the one that is known.
func addOlder(config *ssh.ClientConfig) {
	config.KeyExchanges = append(ssh.SupportedAlgorithms().KeyExchanges, ssh.InsecureKeyExchangeDH14SHA1)
	if slices.Contains(config.HostKeyAlgorithms, ssh.KeyAlgoRSASHA256) {
		config.HostKeyAlgorithms = append(config.HostKeyAlgorithms, ssh.KeyAlgoRSA)
	}
}

// keyKinds are the signatures of the kinds of host keys, the best first, as OpenSSH has them:
// a host shows one of its keys, and which one the client chooses.
func keyKinds() [][]string {
	return [][]string{{ssh.KeyAlgoED25519}, {ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521}, algorithmsOf(ssh.KeyAlgoRSA)}
}

// hostKey is what decides about a host's key, and what kinds of keys to ask for, one try after
// the other: of a fingerprint nobody sees of what kind its key is.
func (l Login) hostKey() (check ssh.HostKeyCallback, tries [][]string, err error) {
	if l.HostKey != "" {
		return func(_ string, _ net.Addr, key ssh.PublicKey) error {
			if got := ssh.FingerprintSHA256(key); got != l.HostKey {
				return &HostKeyError{Host: l.Host, Fingerprint: got, Changed: true}
			}
			return nil
		}, keyKinds(), nil
	}
	files := []string{"/etc/ssh/ssh_known_hosts"}
	if home, err := os.UserHomeDir(); err == nil {
		files = append(files, filepath.Join(home, ".ssh", "known_hosts"))
	}
	files = slices.DeleteFunc(files, func(name string) bool {
		_, err := os.Stat(name)
		return err != nil
	})
	known, err := knownhosts.New(files...)
	if err != nil {
		return nil, nil, err
	}
	// Asked about a key that nobody has, it names those that it knows.
	var algorithms []string
	var want *knownhosts.KeyError
	if errors.As(known(l.address(), &net.TCPAddr{}, noKey{}), &want) {
		for _, k := range want.Want {
			algorithms = append(algorithms, algorithmsOf(k.Key.Type())...)
		}
	}
	if len(algorithms) == 0 {
		algorithms = slices.Concat(keyKinds()...)
	}
	return func(host string, remote net.Addr, key ssh.PublicKey) error {
		err := known(host, remote, key)
		var unknown *knownhosts.KeyError
		if errors.As(err, &unknown) {
			return &HostKeyError{Host: l.Host, Fingerprint: ssh.FingerprintSHA256(key), Changed: len(unknown.Want) > 0}
		}
		return err
	}, [][]string{algorithms}, nil
}

// algorithmsOf are the signatures that a kind of key makes (RFC 8332 for RSA).
func algorithmsOf(kind string) []string {
	if kind == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{kind}
}

// noKey is a key that no file of known hosts holds.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return []byte("none") }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.ErrUnsupported }
