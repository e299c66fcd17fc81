//go:build unix

package platform

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// elsewhere is an SSH server whose machine is this one: what is read there must be
// what ThisSystem reads here.
type elsewhere struct {
	Login
	shell  string        // what runs commands
	conns  chan net.Conn // as they came
	config *ssh.ServerConfig
	takes  atomic.Pointer[ssh.Signer] // a key that it lets in
}

func newElsewhere(t *testing.T) *elsewhere {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("SSH_AUTH_SOCK", "")
	_, private, _ := ed25519.GenerateKey(rand.Reader)
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	e := &elsewhere{shell: "sh", conns: make(chan net.Conn, 16)}
	e.User, e.Host, e.Port = "installer", "127.0.0.1", uint16(l.Addr().(*net.TCPAddr).Port)
	e.HostKey = ssh.FingerprintSHA256(signer.PublicKey())
	e.Password = func(context.Context, string) (string, error) { return "correct", nil }
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if s := e.takes.Load(); s != nil && bytes.Equal((*s).PublicKey().Marshal(), key.Marshal()) {
			return nil, nil
		}
		return nil, errors.New("no")
	}, PasswordCallback: func(_ ssh.ConnMetadata, word []byte) (*ssh.Permissions, error) {
		if string(word) != "correct" {
			return nil, errors.New("no")
		}
		return nil, nil
	}}
	config.AddHostKey(signer)
	e.config = config
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			e.conns <- c
			go e.serve(c, config)
		}
	}()
	return e
}

func (e *elsewhere) serve(c net.Conn, config *ssh.ServerConfig) {
	defer c.Close()
	_, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for n := range channels {
		if n.ChannelType() != "session" {
			_ = n.Reject(ssh.UnknownChannelType, "no")
			continue
		}
		ch, requests, err := n.Accept()
		if err != nil {
			return
		}
		go e.session(ch, requests)
	}
}

func (e *elsewhere) session(ch ssh.Channel, requests <-chan *ssh.Request) {
	defer ch.Close()
	for r := range requests {
		_ = r.Reply(r.Type == "exec", nil)
		if r.Type != "exec" {
			continue
		}
		cmd := exec.Command(e.shell, "-c", string(r.Payload[4:]))
		cmd.Env = append(os.Environ(), "SSH_CLIENT=192.0.2.7 50000 22")
		cmd.Stdout, cmd.Stderr = ch, ch.Stderr()
		in, err := cmd.StdinPipe()
		if err != nil || cmd.Start() != nil {
			return
		}
		go func() {
			_, _ = io.Copy(in, ch)
			in.Close()
		}()
		var status struct{ Status uint32 }
		if err := cmd.Wait(); err != nil {
			status.Status = uint32(max(cmd.ProcessState.ExitCode(), 1))
		}
		_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(&status))
		return
	}
}

func (e *elsewhere) open(t *testing.T) *Remote {
	t.Helper()
	r, err := DialRemote(t.Context(), e.Login)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestAMachineOverSSHIsReadAsItIs(t *testing.T) {
	r, here := newElsewhere(t).open(t), ThisSystem()
	if got := Administrator(r); got.String() != "192.0.2.7" {
		t.Errorf("we come from %s", got)
	}
	if off := time.Since(r.Now()); off > 5*time.Second || off < -5*time.Second || !r.Live() || IsHere(r) || r.Root() != here.Root() {
		t.Errorf("%s off, live %v, here %v, root %v", off, r.Live(), IsHere(r), r.Root())
	}
	dir := t.TempDir()
	put := func(name string, b []byte, mode fs.FileMode) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, b, mode)); err != nil {
			t.Fatal(err)
		}
		return name
	}
	large := bytes.Repeat([]byte("a line of a log\n"), fileBegin/8)
	files := []string{
		put("empty", nil, 0o644), put("no end of line", []byte("a"), 0o644), put("lines", []byte("a\n\n\nb\n\n"), 0o644),
		put("all bytes", allBytes(), 0o644), put("large", large, 0o644), put("exact", large[:fileBegin], 0o644),
		put(`it's "$(reboot)"; * [x]`, []byte("hostile"), 0o644), put("-n", []byte("dash"), 0o644),
		filepath.Join(dir, "missing"), filepath.Join(dir, "no", "folder"), dir, "/proc/net/dev", "/proc/sys/kernel/ostype",
	}
	for _, name := range files {
		got, gotErr := ReadSystemFile(r, name, 8<<20)
		want, wantErr := ReadSystemFile(here, name, 8<<20)
		if name == "/proc/net/dev" { // it counts on
			got, want = got[:40], want[:40]
		}
		if !bytes.Equal(got, want) || (gotErr == nil) != (wantErr == nil) || errors.Is(gotErr, fs.ErrNotExist) != errors.Is(wantErr, fs.ErrNotExist) {
			t.Errorf("%s: %d bytes, %v; here %d bytes, %v", name, len(got), gotErr, len(want), wantErr)
		}
	}
	for _, limit := range []int64{100, fileBegin + 100, int64(len(large)) - 7} {
		got, cut, err := Tail(r, filepath.Join(dir, "large"), limit)
		want, wantCut, _ := Tail(here, filepath.Join(dir, "large"), limit)
		if err != nil || cut != wantCut || !bytes.Equal(got, want) {
			t.Errorf("the last %d bytes: %d, cut %v, %v; here %d", limit, len(got), cut, err, len(want))
		}
	}
	for _, pattern := range []string{dir + "/*", dir + "/l*", dir + "/[ln]*", dir + "/[^l]*", dir + "/?n", dir + "/*'s*", dir + "/none*", dir + `/\*`} {
		got, err := r.Glob(pattern)
		want, _ := here.Glob(pattern)
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; here %q", pattern, got, err, want)
		}
	}
}

func allBytes() (b []byte) {
	for i := range 1 << 12 {
		b = append(b, byte(i), byte(i>>8), '\n')
	}
	return b
}

func TestAClosedFileElsewhereNeedsRights(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	r := newElsewhere(t).open(t)
	name := filepath.Join(t.TempDir(), "closed", "file")
	if err := errors.Join(os.Mkdir(filepath.Dir(name), 0o700), os.WriteFile(name, nil, 0), os.Chmod(filepath.Dir(name), 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Open(name); !errors.Is(err, ErrPrivilege) {
		t.Errorf("%v", err)
	}
	_ = os.Chmod(filepath.Dir(name), 0o700)
	if _, err := r.Open(name); !errors.Is(err, ErrPrivilege) {
		t.Errorf("%v", err)
	}
}

func TestProgramsElsewhere(t *testing.T) {
	programs(t, map[string]string{
		"teller": `printf '%s|' "$@"`, "complains": `echo half; echo "no luck" >&2; exit 3`, "hangs": "sleep 600",
		"endless": "yes", "asks": `cat; echo done`,
	})
	r := newElsewhere(t).open(t)
	hostile := []string{"a b", "$(reboot)", "`id`", "'", "\n", "; exit", "*", ""}
	if out, err := r.Run(t.Context(), "teller", hostile...); err != nil || string(out) != strings.Join(hostile, "|")+"|" {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := r.Run(t.Context(), "complains"); err == nil || string(out) != "half\n" || !strings.Contains(err.Error(), `running complains: "no luck": exit status 3`) {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := r.Run(t.Context(), "nobody-has-this"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if out, err := r.Run(t.Context(), "asks"); err != nil || string(out) != "done\n" { // no input, and no waiting for it
		t.Errorf("%q, %v", out, err)
	}
	begin := time.Now()
	if _, err := r.Run(t.Context(), "hangs"); !errors.Is(err, ErrNoAnswer) || time.Since(begin) > 8*time.Second {
		t.Errorf("%v after %s", err, time.Since(begin))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := r.Run(ctx, "endless"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if out, err := r.Run(t.Context(), "teller", "still there"); err != nil || string(out) != "still there|" {
		t.Errorf("%q, %v", out, err)
	}
}

// Whoever is no root there, and may use sudo without a password, reads everything by it.
func TestElsewhereBySudo(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	programs(t, map[string]string{"id": "echo 1000", "sudo": `echo "$*" >>` + log + `; shift; exec "$@"`, "teller": `printf '%s|' "$@"`})
	r := newElsewhere(t).open(t)
	if !r.Root() {
		t.Fatal("sudo is not used")
	}
	if out, err := r.Run(t.Context(), "teller", "a b", "$(id)"); err != nil || string(out) != "a b|$(id)|" {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := r.Run(t.Context(), "nobody-has-this"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	name := filepath.Join(t.TempDir(), "it's large")
	if err := os.WriteFile(name, bytes.Repeat([]byte{'x'}, 2*fileBegin), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := ReadSystemFile(r, name, 1<<20); err != nil || len(b) != 2*fileBegin {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if list, err := r.Glob(filepath.Dir(name) + "/it*"); err != nil || !slices.Equal(list, []string{name}) {
		t.Errorf("%q, %v", list, err)
	}
	if said, err := os.ReadFile(log); err != nil || strings.Count(string(said), "-n ") < 6 {
		t.Errorf("sudo was asked: %s, %v", said, err)
	}
}

// What a fix types there is run to its end, also where nobody waits for it any more.
func TestAFixElsewhere(t *testing.T) {
	r := newElsewhere(t).open(t)
	dir := t.TempDir()
	if out, err := r.Shell(t.Context(), "cd "+dir+" && echo one >a; echo told; echo complained >&2; exit 3"); err == nil || err.Error() != "exit status 3" || string(out) != "told\ncomplained\n" {
		t.Errorf("%q, %v", out, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if out, err := r.Shell(ctx, "sleep 1; echo two >"+dir+"/b; echo 'it is done'"); err != nil || string(out) != "it is done\n" {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := r.Shell(ctx, "echo three >"+dir+"/c"); !errors.Is(err, context.Canceled) {
		t.Errorf("begun after the end: %v", err)
	}
	if list, _ := filepath.Glob(dir + "/*"); len(list) != 2 {
		t.Errorf("%q", list)
	}
	if out, err := r.Run(t.Context(), "echo", "still there"); err != nil || string(out) != "still there\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// Half a file is no file.
func TestAConnectionThatBreaks(t *testing.T) {
	e := newElsewhere(t)
	r := e.open(t)
	name := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(name, bytes.Repeat([]byte{'x'}, 64*fileBegin), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := r.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyN(io.Discard, f, fileBegin+1); err != nil {
		t.Fatal(err)
	}
	(<-e.conns).Close()
	if n, err := io.Copy(io.Discard, f); err == nil || n > 60*fileBegin {
		t.Errorf("%d more bytes, %v", n, err)
	}
	if _, err := r.Run(t.Context(), "true"); err == nil {
		t.Error("a program ran over no connection")
	}
}

// More is asked at a time than an SSH server lets in, and files stay open meanwhile.
func TestManyQuestionsAtATime(t *testing.T) {
	r := newElsewhere(t).open(t)
	name := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(name, bytes.Repeat([]byte{'x'}, 3*fileBegin), 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	const n = 40
	for i := range n {
		go func() {
			want := fmt.Sprintf("answer %d\n", i)
			out, err := r.Run(t.Context(), "echo", "answer", fmt.Sprint(i))
			if err == nil && string(out) != want {
				err = fmt.Errorf("%q instead of %q", out, want)
			}
			if b, rerr := ReadSystemFile(r, name, 1<<20); rerr != nil || len(b) != 3*fileBegin {
				err = errors.Join(err, rerr, fmt.Errorf("%d bytes", len(b)))
			}
			done <- err
		}()
	}
	for range n {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestALoginThatFails(t *testing.T) {
	ctx := t.Context()
	e := newElsewhere(t)
	asked := 0
	wrong := e.Login
	wrong.Password = func(context.Context, string) (string, error) { asked++; return "wrong", nil }
	if _, err := DialRemote(ctx, wrong); !errors.Is(err, ErrLogin) || asked != 1 {
		t.Errorf("%v, asked %d times", err, asked)
	}
	for _, known := range []bool{false, true} {
		l := e.Login
		l.HostKey = ""
		if known {
			_, other, _ := ed25519.GenerateKey(rand.Reader)
			key, _ := ssh.NewPublicKey(other.Public())
			home, _ := os.UserHomeDir()
			line := fmt.Sprintf("[127.0.0.1]:%d %s", e.Port, ssh.MarshalAuthorizedKey(key))
			if err := errors.Join(os.Mkdir(filepath.Join(home, ".ssh"), 0o700), os.WriteFile(filepath.Join(home, ".ssh", "known_hosts"), []byte(line), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		l.Password = func(context.Context, string) (string, error) {
			t.Error("a password for a machine that nobody knows")
			return "", nil
		}
		_, err := DialRemote(ctx, l)
		if key, ok := errors.AsType[*HostKeyError](err); !ok || key.Changed != known || key.Fingerprint != e.HostKey {
			t.Errorf("another key known %v: %v", known, err)
		}
	}
	for _, shell := range []string{"/bin/false", "/bin/echo"} {
		e.shell = shell
		if _, err := DialRemote(ctx, e.Login); err == nil || !strings.Contains(err.Error(), "no POSIX shell") {
			t.Errorf("%s: %v", shell, err)
		}
	}
	l := e.Login
	l.Port = 1
	if _, err := DialRemote(ctx, l); err == nil || !strings.Contains(err.Error(), "connecting to installer@127.0.0.1:1") {
		t.Errorf("%v", err)
	}
}

func TestAKeyInAFile(t *testing.T) {
	e := newElsewhere(t)
	_, private, _ := ed25519.GenerateKey(rand.Reader)
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "id")
	if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	l := e.Login
	l.Identity = name
	var asked []string
	l.Password = func(_ context.Context, what string) (string, error) {
		asked = append(asked, what)
		return map[string]string{name: "secret"}[what], nil
	}
	if _, err := DialRemote(t.Context(), l); !errors.Is(err, ErrLogin) || !slices.Equal(asked, []string{name, l.Name()}) {
		t.Errorf("%v, asked for %q", err, asked)
	}
	l.Identity = filepath.Join(t.TempDir(), "missing")
	if _, err := DialRemote(t.Context(), l); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestWhoLogsInWhere(t *testing.T) {
	for text, want := range map[string]string{
		"root@pbx.example.net": "root@pbx.example.net", "ssh://root@pbx.example.net": "root@pbx.example.net", "root@192.0.2.5:2222": "root@192.0.2.5:2222",
		"root@[2001:db8::5]:22": "root@2001:db8::5", "ssh://root@2001:db8::5": "root@2001:db8::5", "ivan@office@pbx": "ivan@office@pbx",
		"-oProxyCommand=reboot@pbx": "", "a b@pbx": "", "a\x1b[2J@pbx": "",
		"": "", "root@": "", "@pbx": "", "root@-oProxyCommand=reboot": "", "root@pbx:0": "", "root@pbx:x": "", "root@a b": "",
	} {
		l, err := ParseLogin(text)
		if got := l.Name(); (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if l, err := ParseLogin("pbx"); err != nil || l.User == "" {
		t.Errorf("%+v, %v", l, err)
	}
}
