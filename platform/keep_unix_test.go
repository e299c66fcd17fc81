//go:build unix

package platform

import (
	"os"
	"path/filepath"
	"testing"
)

// systemd makes /var/lib/sipdoctor a link to /var/lib/private/sipdoctor for a unit
// with a user of its own, and names the link.
func TestAStateDirectoryThatSystemdLinkedIsFound(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root makes root's links")
	}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, link string) error
		found bool
	}{
		"as systemd makes it":               {func(*testing.T, string) error { return nil }, true},
		"a link that somebody else made":    {func(_ *testing.T, link string) error { return os.Lchown(link, 12345, 12345) }, false},
		"where everybody can make links":    {func(_ *testing.T, link string) error { return os.Chmod(filepath.Dir(link), 0o777) }, false},
		"in a directory of somebody else's": {func(_ *testing.T, link string) error { return os.Chown(filepath.Dir(link), 12345, 12345) }, false},
		"with nothing where the link leads to": {func(_ *testing.T, link string) error {
			return os.Remove(filepath.Join(filepath.Dir(link), "private", "sipdoctor"))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			lib := filepath.Join(t.TempDir(), "lib")
			real, link := filepath.Join(lib, "private", "sipdoctor"), filepath.Join(lib, "sipdoctor")
			if err := os.MkdirAll(real, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(lib, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("private/sipdoctor", link); err != nil {
				t.Fatal(err)
			}
			if err := c.spoil(t, link); err != nil {
				t.Fatal(err)
			}
			t.Setenv("STATE_DIRECTORY", link)
			want := link
			if c.found {
				want = real
			}
			if got := ServiceStateDir(); got != want {
				t.Errorf("it is %s, want %s", got, want)
			}
			if err := Keep(ServiceStateDir(), "identity", []byte("x")); (err == nil) != c.found {
				t.Errorf("keeping something: %v", err)
			}
		})
	}
}
