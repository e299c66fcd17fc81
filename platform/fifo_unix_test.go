//go:build unix

package platform

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A pipe where a file should be keeps nobody waiting.
func TestAPipeIsNoFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "etc", "pipe")
	if err := errors.Join(os.Mkdir(filepath.Dir(pipe), 0o755), os.WriteFile(filepath.Join(dir, "etc", "hostname"), nil, 0o600), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Skip(err)
	}
	s, err := OpenBundle(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open("/etc/pipe"); err == nil {
		t.Error("the bundle's pipe was opened")
	}
	if _, err := ThisSystem().Open(pipe); err == nil {
		t.Error("the machine's pipe was opened")
	}
}
