package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Whoever builds the same files gets the same bytes: in another folder, with nothing
// built before, another mask for files, another time zone, language and taste in the
// settings of Go.
func TestTwoBuildsGiveTheSameBytes(t *testing.T) {
	first := filepath.Dir(publishedFile(t, sumsName))
	list, err := chosen("linux_" + runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	here, err := versionOf("../..")
	if err != nil {
		t.Fatal(err)
	}
	other := elsewhere(t, here)
	t.Setenv("GOFLAGS", "-mod=vendor -tags=none")
	t.Setenv("SIPDOCTOR_CONFIG", "/none")
	t.Setenv("LC_ALL", "ru_RU.UTF-8")
	t.Setenv("TZ", "Pacific/Kiritimati")
	second := filepath.Join(t.TempDir(), "dist")
	if err := os.Mkdir(second, 0o700); err != nil {
		t.Fatal(err)
	}
	r := release{root: other, out: second, stage: t.TempDir()}
	if r.version = here; isCommit(here) {
		if r.version, err = versionOf(other); err != nil || r.version != here {
			t.Fatalf("a clone of %+v is %+v: %v", here, r.version, err)
		}
	}
	t.Run("compiling anew", func(t *testing.T) { // the tools need not be
		for name, value := range map[string]string{"GOCACHE": t.TempDir(), "GOAMD64": "v3", "GOARM": "7", "GOEXPERIMENT": "jsonv2"} {
			t.Setenv(name, value)
		}
		for _, target := range list {
			if err := r.compile(target, r.program(target)); err != nil {
				t.Fatal(err)
			}
		}
	})
	if err := r.papers(list); err != nil {
		t.Fatal(err)
	}
	if err := r.publish(list); err != nil {
		t.Fatal(err)
	}
	files, _ := os.ReadDir(first)
	for _, f := range files {
		a, err := os.ReadFile(filepath.Join(first, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(second, f.Name())); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: %d bytes, and %d (%v)", f.Name(), len(a), len(b), err)
		}
	}
	if len(files) < 7 {
		t.Errorf("only %d files were compared", len(files))
	}
}

// isCommit reports whether the files are those of a commit, so that a clone has them.
func isCommit(v version) bool {
	return v.commit != noCommit && !strings.HasSuffix(v.commit, "-modified")
}

// elsewhere is another folder with the same files: a clone of the commit, or where there
// is none, or files differ from it, a copy of them.
func elsewhere(t *testing.T, v version) string {
	t.Helper()
	other := filepath.Join(t.TempDir(), "a longer folder, with a comma")
	if isCommit(v) {
		output(t, "git", "clone", "--quiet", "../..", other)
		output(t, "git", "-C", other, "checkout", "--quiet", "--detach", v.commit)
		return other
	}
	files, err := exec.Command("git", "-C", "../..", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil { // no git
		if err := os.CopyFS(other, os.DirFS("../..")); err != nil {
			t.Fatal(err)
		}
		return other
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(files), "\x00"), "\x00") {
		raw, err := os.ReadFile(filepath.Join("../..", name))
		if errors.Is(err, os.ErrNotExist) {
			continue // removed, and not yet from the index
		}
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(other, name)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(other, name), raw, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return other
}

func TestOnlyATagNamesAVersion(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	for name, c := range map[string]struct {
		tags    []string
		changed bool
		want    string
	}{
		"a tagged commit":               {[]string{"nightly", "v1.2.3"}, false, "1.2.3"},
		"a candidate":                   {[]string{"v1.2.3-rc.1"}, false, "1.2.3-rc.1"},
		"no tag":                        {nil, false, "0.0.0-dev+0123456789ab"},
		"a tag that is no version":      {[]string{"v1.2", "1.2.3", "v1.2.3;reboot"}, false, "0.0.0-dev+0123456789ab"},
		"a tagged commit, files differ": {[]string{"v1.2.3"}, true, "0.0.0-dev+0123456789ab.modified"},
	} {
		if got := number(commit, c.tags, c.changed); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// A folder that holds something else is not emptied.
func TestOnlyAReleaseIsThrownAway(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{sumsName, "sipdoctor_1.0.0_linux_amd64.deb"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := emptied(dir); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"letter.txt", "sipdoctor_old.deb"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := emptied(dir); err == nil {
		t.Error("it emptied a folder with a letter in it")
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("%d files are left", len(left))
	}
}
