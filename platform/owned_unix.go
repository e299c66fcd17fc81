//go:build unix

package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// OnlyOurs reports as an error what would let somebody else change a file or
// a directory: another owner, permission for others to write, or that it is a
// link. What does not exist is nobody's; the error then is fs.ErrNotExist.
func OnlyOurs(name string) error {
	info, err := os.Lstat(name)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s is a link", name)
	case ok && int(stat.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to another user (uid %d)", name, stat.Uid)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s: others than its owner may write there", name)
	}
	return nil
}

// Lock makes sure that one process at a time does what name stands for, in a
// directory that is made if need be. A lock that another process holds is
// ErrLocked. It ends with unlock, or with the process.
func Lock(dir, name string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := OnlyOurs(dir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}
