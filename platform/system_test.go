package platform

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// What was read on the machine is read again from the bundle, as a file and as
// a directory, with the same errors.
func TestABundleAnswersLikeTheMachine(t *testing.T) {
	there := &fakeSystem{
		files: map[string]string{"/etc/asterisk/rtp.conf": "[general]\nrtpstart=10000\n", "/var/log/asterisk/full": strings.Repeat("a line of the log\n", 10)},
		runs:  map[string]string{"iptables-save -c": "*filter\nCOMMIT\n"},
		fails: map[string]error{"fail2ban-client status": errors.New("ERROR  Unable to contact server"), "nft -j list ruleset": ErrPrivilege},
	}
	c := Collect(there, "1.2.3")
	look := func(t *testing.T, s System) (seen []string) {
		t.Helper()
		for _, name := range []string{"/etc/asterisk/rtp.conf", "/var/log/asterisk/full", "/etc/shadow", "/etc/nowhere"} {
			b, err := ReadSystemFile(s, name, 1000)
			seen = append(seen, string(b), errorWord(err))
		}
		for _, line := range []string{"iptables-save -c", "fail2ban-client status", "nft -j list ruleset", "csf -g 192.0.2.1"} {
			f := strings.Fields(line)
			b, err := s.Run(context.Background(), f[0], f[1:]...)
			seen = append(seen, string(b), errorWord(err))
		}
		list, err := s.Glob("/etc/asterisk/*.conf")
		return append(seen, strings.Join(list, " "), errorWord(err), s.Now().UTC().String())
	}
	want := look(t, c)
	dir := t.TempDir()
	file := filepath.Join(dir, "bundle.tar.gz")
	var b bytes.Buffer
	if err := errors.Join(c.Write(&b, false, nil), os.WriteFile(file, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	saved, err := OpenBundle(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := look(t, saved); !slices.Equal(got, want) {
		t.Errorf("the archive answers\n%q\nthe machine\n%q", got, want)
	}
	tree := filepath.Join(dir, "tree")
	for name, data := range saved.(*bundle).files.(memoryFS) {
		p := filepath.Join(tree, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	unpacked, err := OpenBundle(tree)
	if err != nil {
		t.Fatal(err)
	}
	if got := look(t, unpacked); !slices.Equal(got, want) {
		t.Errorf("the directory answers\n%q\nthe machine\n%q", got, want)
	}
}

// A bundle comes from a stranger: nothing in it reaches outside.
func TestAHostileBundleStaysInside(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	tree := filepath.Join(dir, "tree")
	if err := errors.Join(os.WriteFile(secret, []byte("x"), 0o600), os.MkdirAll(filepath.Join(tree, "etc", "asterisk"), 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(tree, "link")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	s, err := OpenBundle(tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/link", "/../secret", "../secret"} {
		if b, err := ReadSystemFile(s, name, 10); err == nil {
			t.Errorf("%s gave %q", name, b)
		}
	}
}

func TestTailBeginsWithALine(t *testing.T) {
	s := &fakeSystem{files: map[string]string{"/log": "one\ntwo\nthree\n"}}
	for limit, want := range map[int64]string{100: "one\ntwo\nthree\n", 14: "one\ntwo\nthree\n", 11: "two\nthree\n", 10: "three\n", 8: "three\n"} {
		b, cut, err := Tail(s, "/log", limit)
		if err != nil || string(b) != want || cut != (limit < 14) {
			t.Errorf("the last %d bytes: %q, cut %v, %v", limit, b, cut, err)
		}
	}
}

func FuzzBundle(f *testing.F) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	_ = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "../../etc/x", Size: 1, Mode: 0o600})
	_, _ = w.Write([]byte("x"))
	_ = w.Close()
	f.Add(b.Bytes())
	f.Add([]byte("\x1f\x8b"))
	name := filepath.Join(f.TempDir(), "b.tar") // one of a process: a folder for each execution takes most of its time
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := OpenBundle(name)
		if err != nil {
			return
		}
		_, _ = s.Glob("/etc/*")
		_, _ = ReadSystemFile(s, "/etc/x", 100)
	})
}

func errorWord(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrPrivilege):
		return "not permitted"
	case errors.Is(err, fs.ErrNotExist):
		return "not there"
	}
	return "failed"
}

// fakeSystem is a machine in memory. /etc/shadow may not be read.
type fakeSystem struct {
	files, runs map[string]string
	fails       map[string]error
}

func (s *fakeSystem) Open(name string) (fs.File, error) {
	if name == "/etc/shadow" {
		return nil, ErrPrivilege
	}
	m := memoryFS{}
	for k, v := range s.files {
		m[inBundle(k)] = []byte(v)
	}
	return m.Open(inBundle(name))
}

func (s *fakeSystem) Glob(pattern string) (list []string, err error) {
	for name := range s.files {
		if ok, _ := filepath.Match(pattern, name); ok {
			list = append(list, name)
		}
	}
	return list, nil
}

func (s *fakeSystem) Run(_ context.Context, program string, args ...string) ([]byte, error) {
	line := strings.Join(append([]string{program}, args...), " ")
	if err := s.fails[line]; err != nil {
		return nil, err
	}
	out, ok := s.runs[line]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(out), nil
}

func (s *fakeSystem) Now() time.Time { return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC) }
func (s *fakeSystem) Root() bool     { return false }
func (s *fakeSystem) Live() bool     { return true }
