package responder

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

func identityOf(t *testing.T, dir string, now time.Time) (Identity, session.Fingerprint) {
	t.Helper()
	id, err := KeptIdentity(dir, []netip.Addr{us}, now)
	if err != nil {
		t.Fatal(err)
	}
	return id, session.FingerprintOf(id.Certificate.Certificate[0])
}

func TestTheIdentityOfYesterdayIsStillGoodToday(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "sipdoctor")
	now := time.Now()
	first, print := identityOf(t, dir, now)
	again, same := identityOf(t, dir, now.Add(24*time.Hour))
	if print != same || !first.Kept || !again.Kept || first.Replaced+first.NotKept+again.Replaced+again.NotKept != "" {
		t.Errorf("%s, then %s: %+v %+v", print, same, first, again)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, identityFile): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want mode %o", path, info.Mode(), err, want)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestRespondersThatStartAtOnceHaveOneIdentity(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sipdoctor")
	var mu sync.Mutex
	prints := map[session.Fingerprint]int{}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			_, p := identityOf(t, dir, time.Now())
			mu.Lock()
			defer mu.Unlock()
			prints[p]++
		})
	}
	wg.Wait()
	if len(prints) != 1 {
		t.Errorf("%d identities", len(prints))
	}
}

func TestAnIdentityThatIsOfNoUseIsReplaced(t *testing.T) {
	whole := func(t *testing.T, dir string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, identityFile))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	put := func(t *testing.T, dir string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, identityFile), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, dir string)
		later time.Duration
		want  string
	}{
		"it is empty":           {func(t *testing.T, dir string) { put(t, dir, nil) }, 0, "cannot be read"},
		"half of it is missing": {func(t *testing.T, dir string) { b := whole(t, dir); put(t, dir, b[:len(b)/2]) }, 0, "cannot be read"},
		"the key is somebody else's": {func(t *testing.T, dir string) {
			cert := whole(t, dir)
			other := t.TempDir()
			identityOf(t, other, time.Now())
			key := whole(t, other)
			put(t, dir, append(cert[:bytes.Index(cert, []byte("-----BEGIN EC"))], key[bytes.Index(key, []byte("-----BEGIN EC")):]...))
		}, 0, "cannot be read"},
		"it has expired": {func(*testing.T, string) {}, 11 * 365 * 24 * time.Hour, "expired on"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "sipdoctor")
			_, before := identityOf(t, dir, time.Now())
			c.spoil(t, dir)
			now := time.Now().Add(c.later)
			id, print := identityOf(t, dir, now)
			if print == before || !id.Kept || !strings.Contains(id.Replaced, c.want) || strings.Contains(id.Replaced, "\n") {
				t.Errorf("%+v", id)
			}
			if next, p := identityOf(t, dir, now); p != print || next.Replaced+next.NotKept != "" {
				t.Errorf("the new one was not kept: %+v", next)
			}
		})
	}
}

// What others could have put there, or could have read, is not believed; the
// responder runs all the same.
func TestAnIdentityThatOthersCanReachIsNotUsed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no modes on Windows")
	}
	chmod := func(t *testing.T, name string, mode os.FileMode) {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	chown := func(t *testing.T, name string) {
		if err := os.Lchown(name, 12345, 12345); errors.Is(err, os.ErrPermission) {
			t.Skip("only root gives files away")
		} else if err != nil {
			t.Fatal(err)
		}
	}
	aside := func(t *testing.T, name string) {
		if err := os.Rename(name, name+".real"); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(name+".real", name); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		expose func(t *testing.T, dir, file string)
		want   string
	}{
		"everybody may read the key":              {func(t *testing.T, _, file string) { chmod(t, file, 0o644) }, "mode 0644"},
		"the group may write the key":             {func(t *testing.T, _, file string) { chmod(t, file, 0o620) }, "mode 0620"},
		"the group may write the directory":       {func(t *testing.T, dir, _ string) { chmod(t, dir, 0o770) }, "mode 0770"},
		"everybody may write the directory":       {func(t *testing.T, dir, _ string) { chmod(t, dir, 0o777) }, "mode 0777"},
		"the key belongs to somebody else":        {func(t *testing.T, _, file string) { chown(t, file) }, "belongs to another user"},
		"the directory is somebody else's":        {func(t *testing.T, dir, _ string) { chown(t, dir) }, "belongs to another user"},
		"the key is a link":                       {func(t *testing.T, _, file string) { aside(t, file) }, "is a link"},
		"the directory is a link":                 {func(t *testing.T, dir, _ string) { aside(t, dir) }, "is not a directory"},
		"the key is a directory":                  {func(t *testing.T, _, file string) { _ = os.Remove(file); _ = os.Mkdir(file, 0o700) }, "is not a regular file"},
		"in the place of the directory is a file": {func(t *testing.T, dir, _ string) { _ = os.RemoveAll(dir); _ = os.WriteFile(dir, nil, 0o600) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "sipdoctor")
			_, before := identityOf(t, dir, time.Now())
			c.expose(t, dir, filepath.Join(dir, identityFile))
			id, print := identityOf(t, dir, time.Now())
			if print == before || id.Kept || !strings.Contains(id.NotKept, c.want) {
				t.Errorf("%+v", id)
			}
		})
	}
}

func TestWithoutAPlaceToKeepItTheResponderRuns(t *testing.T) {
	parent := t.TempDir()
	if err := os.WriteFile(filepath.Join(parent, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", filepath.Join(parent, "file", "sipdoctor"), "/proc/sipdoctor"} {
		id, first := identityOf(t, dir, time.Now())
		_, second := identityOf(t, dir, time.Now())
		if first == second || id.Kept || id.NotKept == "" {
			t.Errorf("%q: %+v", dir, id)
		}
	}
}
