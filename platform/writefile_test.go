package platform

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// names lists a directory, to see that nothing is left behind in it.
func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestAFileIsReplacedWholeAndLinksStay(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "report.json"), filepath.Join(dir, "latest")
	for _, content := range []string{"first", "second, longer", "3"} {
		if err := WriteOutput(t.Context(), file, []byte(content), ReportMode); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(file); string(b) != content {
			t.Errorf("the file holds %q, %v, not %q", b, err, content)
		}
	}
	if err := os.Symlink("report.json", link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if err := WriteOutput(t.Context(), link, []byte("through the link"), ReportMode); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(file); string(b) != "through the link" {
		t.Errorf("the file that the link leads to holds %q, %v", b, err)
	}
	if to, err := os.Readlink(link); to != "report.json" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	if diff := cmp.Diff([]string{"latest", "report.json"}, names(t, dir)); diff != "" {
		t.Errorf("left behind (-want +got)\n%s", diff)
	}
}

// A mistake in the name is told before anything is read or sent.
func TestNamesThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, says := range map[string]string{
		dir:                                 "directory",
		filepath.Join(dir, "no", "file"):    "there is no directory",
		filepath.Join(file, "below a file"): "directory",
		filepath.Join(dir, "none") + "/":    "directory",
		dir + "/none/../x":                  "",
	} {
		err := CheckOutput(name)
		switch {
		case says == "" && runtime.GOOS == "linux":
			if err == nil { // "none" does not exist, so nor does what is above it
				t.Errorf("%s: no complaint", name)
			}
		case says != "" && (err == nil || !strings.Contains(err.Error(), says)):
			t.Errorf("%s: %v, without %q", name, err, says)
		}
	}
	if diff := cmp.Diff([]string{"file"}, names(t, dir)); diff != "" {
		t.Errorf("looking changed the directory (-want +got)\n%s", diff)
	}
}
