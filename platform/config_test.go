package platform

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// A configuration file is the one that is named, or else the user's own; never one
// that lies in the current folder.
func TestWhereTheConfigurationFileIs(t *testing.T) {
	home := t.TempDir()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("sipdoctor.yaml", []byte("responder: trap.example.net"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"XDG_CONFIG_HOME", "HOME", "AppData"} {
		t.Setenv(v, home)
	}
	t.Setenv(ConfigVar, "")
	if name := ConfigFile(); name != "" && name != "/etc/sipdoctor/sipdoctor.yaml" {
		t.Errorf("nobody made one, and %s is read", name)
	}
	t.Setenv(ConfigVar, "mine.yaml")
	if name := ConfigFile(); name != "mine.yaml" {
		t.Errorf("mine.yaml is named, and %q is read", name)
	}
}

// Root reads the machine's file alone, whatever home the environment names.
func TestRootReadsNoUsersConfiguration(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", "/home/somebody/.config")
	own := false
	for _, p := range configPlaces() {
		own = own || strings.Contains(p, "somebody")
	}
	if runtime.GOOS == "linux" && own != (os.Geteuid() != 0) {
		t.Errorf("as user %d: %q", os.Geteuid(), configPlaces())
	}
}

// What everybody may write is not believed where it is found without being named. One
// that is named is the user's business.
func TestAConfigurationFileOfEverybody(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "sipdoctor.yaml")
	if err := os.WriteFile(name, []byte("lang: ru\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, believed := range map[os.FileMode]bool{0o600: true, 0o644: true, 0o664: true, 0o666: false, 0o602: false} {
		if runtime.GOOS == "windows" {
			break
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := trustedConfig(name, info); (err == nil) != believed || err != nil && !errors.Is(err, ErrExposed) {
			t.Errorf("mode %04o: %v", mode, err)
		}
		if b, err := ReadConfig(name); string(b) != "lang: ru\n" {
			t.Errorf("named, mode %04o: %q, %v", mode, b, err)
		}
	}
	if _, err := ReadConfig(dir); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a folder: %v", err)
	}
	if err := os.WriteFile(name, make([]byte, maxConfig+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadConfig(name); err == nil {
		t.Error("a file without end is read")
	}
}
