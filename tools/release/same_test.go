package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Whoever builds the same commit gets the same bytes: in another folder, with
// nothing built before, another mask for files and another time zone.
func TestTwoBuildsGiveTheSameBytes(t *testing.T) {
	first := filepath.Dir(publishedFile(t, sumsName))
	list, err := chosen("linux_" + runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "a longer folder, with a comma")
	if v, err := versionOf("../.."); err == nil && v.commit == noCommit {
		t.Skip("a copy without its history has no commit to build twice")
	}
	output(t, "git", "clone", "--quiet", "../..", other)
	output(t, "git", "-C", other, "checkout", "--quiet", "--detach", output(t, "git", "rev-parse", "HEAD")[:40])
	t.Setenv("TZ", "Pacific/Kiritimati")
	second := filepath.Join(t.TempDir(), "dist")
	if err := os.Mkdir(second, 0o700); err != nil {
		t.Fatal(err)
	}
	r := release{root: other, out: second, stage: t.TempDir()}
	if r.version, err = versionOf(other); err != nil {
		t.Fatal(err)
	}
	if there, err := versionOf("../.."); err != nil || there != r.version {
		t.Skip("files differ from the commit: the two are not of the same")
	}
	t.Run("compiling anew", func(t *testing.T) { // the tools need not be
		t.Setenv("GOCACHE", t.TempDir())
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
