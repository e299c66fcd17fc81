//go:build unix

package platform

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Two repairs of one machine at the same time would undo each other.
func TestOneAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	unlock, err := Lock(dir, "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir, "x"); !errors.Is(err, ErrLocked) {
		t.Errorf("a second one: %v", err)
	}
	if other, err := Lock(dir, "y"); err != nil {
		t.Errorf("another matter: %v", err)
	} else {
		other()
	}
	unlock()
	again, err := Lock(dir, "x")
	if err != nil {
		t.Fatalf("once it is free: %v", err)
	}
	again()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir, "x"); err == nil {
		t.Error("a directory that everybody writes to is taken")
	}
	if err := errors.Join(os.Chmod(dir, 0o700), os.Remove(filepath.Join(dir, "x")), os.Symlink("/dev/null", filepath.Join(dir, "x"))); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir, "x"); err == nil {
		t.Error("a link is followed")
	}
}
