//go:build unix

package platform

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// A wire is a way to a server that can be cut, so that neither end hears of it.
type wire struct {
	port uint16
	cut  atomic.Bool
}

func newWire(t *testing.T, to uint16) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	w := &wire{port: uint16(l.Addr().(*net.TCPAddr).Port)}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(to))))
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close(); far.Close() })
			go w.carry(c, far)
			go w.carry(far, c)
		}
	}()
	return w
}

func (w *wire) carry(to io.Writer, from io.Reader) {
	b := make([]byte, 1<<16)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if !w.cut.Load() {
			_, _ = to.Write(b[:n])
		}
	}
}

// within fails where do takes longer than a person waits.
func within(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { do(); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatalf("%s: still waiting", what)
	}
}

// The way to the machine is gone, and neither end was told: no wait is longer than it may be.
func TestAMachineThatIsGoneIsNotWaitedFor(t *testing.T) {
	e := newElsewhere(t)
	w := newWire(t, e.Port)
	e.Port = w.port
	r := e.open(t)
	r.silence = 100 * time.Millisecond
	name := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(name, bytes.Repeat([]byte{'x'}, 64*fileBegin), 0o600); err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(t.TempDir(), "mark")
	time.AfterFunc(300*time.Millisecond, func() { w.cut.Store(true) })
	within(t, "a fix that shuts us out", func() {
		// The command is run, and its answer does not come.
		if _, err := r.Shell(t.Context(), "sleep 0.5; echo it was run >"+mark); !errors.Is(err, ErrInDoubt) || !errors.Is(err, ErrNoAnswer) {
			t.Errorf("%v", err)
		}
	})
	for what, ask := range map[string]func(context.Context) error{
		"a program":     func(ctx context.Context) error { _, err := r.Run(ctx, "true"); return err },
		"another shell": func(ctx context.Context) error { _, err := r.Run(ctx, "true"); return err },
		"a socket":      func(ctx context.Context) error { _, err := r.dial(ctx, "unix", "/run/none"); return err },
	} {
		within(t, what, func() {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if err := ask(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		})
	}
	for range 50 { // what has begun there goes on
		if b, _ := os.ReadFile(mark); len(b) > 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("the command was not run")
}

// A fix that takes long is not a machine that is gone.
func TestAFixThatTakesLong(t *testing.T) {
	r := newElsewhere(t).open(t)
	r.silence = 50 * time.Millisecond
	if out, err := r.Shell(t.Context(), "sleep 0.4; echo whole"); err != nil || string(out) != "whole\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// A server that takes the connection and says nothing, and one that never says whether the
// login is right.
func TestAServerThatSaysNothing(t *testing.T) {
	e := newElsewhere(t)
	w := newWire(t, e.Port)
	w.cut.Store(true)
	l := e.Login
	l.Port, l.patience = w.port, 200*time.Millisecond
	within(t, "a login", func() {
		if _, err := DialRemote(t.Context(), l); !errors.Is(err, ErrNoAnswer) {
			t.Errorf("%v", err)
		}
	})
}

// Who types a password may take longer than a server.
func TestAPasswordThatIsTypedSlowly(t *testing.T) {
	l := newElsewhere(t).Login
	l.patience = 300 * time.Millisecond
	l.Password = func(context.Context, string) (string, error) {
		time.Sleep(500 * time.Millisecond)
		return "correct", nil
	}
	r, err := DialRemote(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
}

// A login whose profile speaks: a message of the day is neither an answer nor the beginning
// of a file.
func TestALoginThatSpeaks(t *testing.T) {
	e := newElsewhere(t)
	e.shell = filepath.Join(t.TempDir(), "shell")
	if err := os.WriteFile(e.shell, []byte("#!/bin/sh\necho Welcome; printf half; echo 'stty: no terminal' >&2\nexec sh \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	r := e.open(t)
	if out, err := r.Run(t.Context(), "echo", "answer"); err != nil || string(out) != "answer\n" {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := r.Run(t.Context(), "cat", "/none"); err == nil || strings.Contains(err.Error(), "stty") {
		t.Errorf("%v", err)
	}
	name := filepath.Join(t.TempDir(), "large")
	want := bytes.Repeat([]byte("a line\n"), fileBegin)
	if err := os.WriteFile(name, want, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadSystemFile(r, name, 16<<20); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d, %v", len(got), len(want), err)
	}
	if out, err := r.Shell(t.Context(), "echo done"); err != nil || string(out) != "done\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// A host has keys of several kinds, and any of them may be the one whose fingerprint was read.
func TestAHostWithSeveralKeys(t *testing.T) {
	e := newElsewhere(t)
	ecdsaKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	prints := []string{e.HostKey}
	for _, key := range []crypto.Signer{ecdsaKey, rsaKey} {
		signer, err := ssh.NewSignerFromSigner(key)
		if err != nil {
			t.Fatal(err)
		}
		e.config.AddHostKey(signer)
		prints = append(prints, ssh.FingerprintSHA256(signer.PublicKey()))
	}
	for _, l := range prints {
		one := e.Login
		one.HostKey = l
		r, err := DialRemote(t.Context(), one)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		r.Close()
	}
	wrong := e.Login
	wrong.HostKey = "SHA256:" + strings.Repeat("A", 43)
	wrong.Password = func(context.Context, string) (string, error) {
		t.Error("a password for another machine")
		return "", nil
	}
	if key, ok := errors.AsType[*HostKeyError](dialError(t, wrong)); !ok || key.Fingerprint != e.HostKey || !key.Changed {
		t.Errorf("%+v", key)
	}
	wrong.HostKey = "" // and nobody knows it: the key that ssh shows as well
	if key, ok := errors.AsType[*HostKeyError](dialError(t, wrong)); !ok || key.Fingerprint != e.HostKey || key.Changed {
		t.Errorf("%+v", key)
	}
}

func dialError(t *testing.T, l Login) error {
	t.Helper()
	r, err := DialRemote(t.Context(), l)
	if err == nil {
		r.Close()
		t.Fatal("it is let in")
	}
	return err
}

// putKey makes a key the user's usual one.
func putKey(t *testing.T, block *pem.Block) {
	t.Helper()
	dir := filepath.Join(os.Getenv("HOME"), ".ssh")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "id_ed25519"), pem.EncodeToMemory(block), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// keysInAnAgent are so many, in an agent that the environment names.
func keysInAnAgent(t *testing.T, n int) []ed25519.PrivateKey {
	t.Helper()
	ring := agent.NewKeyring()
	var keys []ed25519.PrivateKey
	for range n {
		_, key, _ := ed25519.GenerateKey(rand.Reader)
		if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	dir, err := os.MkdirTemp("", "agent") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", dir+"/s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, c); c.Close() }()
		}
	}()
	t.Setenv("SSH_AUTH_SOCK", dir+"/s")
	return keys
}

// A server hangs up after six attempts: an agent with many keys leaves one for the password,
// and the user's own key comes first.
func TestAnAgentWithManyKeys(t *testing.T) {
	e := newElsewhere(t)
	keys := keysInAnAgent(t, 9)
	r, err := DialRemote(t.Context(), e.Login)
	if err != nil {
		t.Fatalf("with the password: %v", err)
	}
	r.Close()
	wrong := e.Login
	wrong.Password = func(context.Context, string) (string, error) { return "wrong", nil }
	if _, err := DialRemote(t.Context(), wrong); !errors.Is(err, ErrLogin) {
		t.Errorf("with a wrong password: %v", err)
	}
	signer, err := ssh.NewSignerFromKey(keys[8])
	if err != nil {
		t.Fatal(err)
	}
	e.takes.Store(&signer)
	wrong.Password = nil
	if _, err := DialRemote(t.Context(), wrong); !errors.Is(err, ErrLogin) {
		t.Errorf("the ninth key was offered: %v", err)
	}
	block, err := ssh.MarshalPrivateKey(keys[8], "")
	if err != nil {
		t.Fatal(err)
	}
	putKey(t, block)
	if r, err = DialRemote(t.Context(), wrong); err != nil {
		t.Fatalf("the user's own key: %v", err)
	}
	r.Close()
	if block, err = ssh.MarshalPrivateKeyWithPassphrase(keys[8], "", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	putKey(t, block)
	if r, err = DialRemote(t.Context(), wrong); err != nil {
		t.Fatalf("the user's own key, which the agent opened: %v", err)
	}
	r.Close()
}
