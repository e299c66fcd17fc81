package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// folderVar names the folder of the release that all tests look at.
const folderVar = "SIPDOCTOR_RELEASE_TEST"

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sipdoctor-release-test-")
	if err != nil {
		panic(err)
	}
	_ = os.Setenv(folderVar, dir)
	status := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

// made is that release, for this processor, made when it is first asked for.
var made = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(os.Getenv(folderVar), "dist")
	return dir, run("../..", dir, "linux_"+runtime.GOARCH)
})

// builds reports whether the tests that build the program run: it takes git, the
// go command and some minutes.
func builds() bool { return runtime.GOOS == "linux" && !testing.Short() }

// publishedFile is the one file of the release whose name ends like that.
func publishedFile(t *testing.T, ending string) string {
	t.Helper()
	if !builds() {
		t.Skip("this builds the program and its packages, on Linux")
	}
	dir, err := made()
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"+ending))
	if len(files) != 1 {
		t.Fatalf("%d files end in %s", len(files), ending)
	}
	return files[0]
}

// needs skips a test where a program is missing, which in CI is a failure.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing(t, err.Error())
		}
	}
}

func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("SIPDOCTOR_LAB") == "require" {
		t.Fatal(why)
	}
	t.Skip(why)
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestEverythingThatIsPublishedIsSummed(t *testing.T) {
	sums := publishedFile(t, sumsName)
	needs(t, "sha256sum")
	cmd := exec.Command("sha256sum", "--check", "--strict", sumsName)
	cmd.Dir = filepath.Dir(sums)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	files, _ := os.ReadDir(cmd.Dir)
	if got := strings.Count(string(out), ": OK\n"); got != len(files)-1 {
		t.Errorf("%d of %d files are summed", got, len(files)-1)
	}
}

// A stranger who unpacks it can run it, and finds the terms of all that is in it.
func TestTheArchiveHoldsAProgramAndItsTerms(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(unpacked(t)), "*"))
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	if want := []string{"CHANGELOG.md", "LICENSE", "README.md", "THIRD-PARTY-NOTICES.txt", "sipdoctor"}; !slices.Equal(names, want) {
		t.Fatalf("it holds %q", names)
	}
	v, err := versionOf("../..")
	if err != nil {
		t.Fatal(err)
	}
	if out := output(t, files[4], "version"); !strings.HasPrefix(out, "sipdoctor "+v.number+" commit "+v.commit+" ") {
		t.Errorf("it calls itself %s", out)
	}
	terms, err := os.ReadFile(files[3])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Go " + runtime.Version() + ": LICENSE", "github.com/pion/stun/v2 v2.0.0: LICENSE", "zstd/internal/xxhash/LICENSE.txt", "Permission is hereby granted, free of charge"} {
		if !bytes.Contains(terms, []byte(want)) {
			t.Errorf("the notices lack %q", want)
		}
	}
}

// unpacked is the program of the archive.
func unpacked(t *testing.T) string {
	t.Helper()
	archive := publishedFile(t, ".tar.gz")
	needs(t, "tar")
	dir := t.TempDir()
	output(t, "tar", "-xzf", archive, "-C", dir)
	programs, _ := filepath.Glob(filepath.Join(dir, "*", "sipdoctor"))
	if len(programs) != 1 {
		t.Fatalf("the archive holds %q", programs)
	}
	return programs[0]
}

func TestTheRPMInstallsIntoAFolder(t *testing.T) {
	rpm := publishedFile(t, ".rpm")
	needs(t, "rpm")
	if os.Geteuid() != 0 {
		missing(t, "rpm installs into a folder for root only")
	}
	if out := output(t, "rpm", "--checksig", "--nosignature", rpm); !strings.Contains(out, "digests OK") {
		t.Errorf("rpm says %s", out)
	}
	dir := t.TempDir()
	output(t, "rpm", "--root", dir, "--dbpath", "/db", "--install", "--nodeps", "--noscripts", "--ignorearch", rpm)
	if out := output(t, filepath.Join(dir, "usr/bin/sipdoctor"), "version"); !strings.HasPrefix(out, "sipdoctor ") {
		t.Errorf("it calls itself %s", out)
	}
	for _, f := range []string{"usr/lib/systemd/system/sipdoctor.service", "usr/share/zsh/site-functions/_sipdoctor", "usr/share/man/ru/man1/sipdoctor-why.1.gz"} {
		if _, err := os.Stat(filepath.Join(dir, f)); err != nil {
			t.Error(err)
		}
	}
}
