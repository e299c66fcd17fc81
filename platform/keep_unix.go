//go:build unix

package platform

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// ours reports whether a file belongs to the user that this program acts as.
func ours(info fs.FileInfo) bool { return ownedBy(info, os.Geteuid()) }

// ownedBy reports whether a file belongs to a user.
func ownedBy(info fs.FileInfo, uid int) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == uid
}

// openNoFollow opens a file for reading, but no link, and without waiting for
// the writer of a pipe.
func openNoFollow(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.EMLINK) { // EMLINK on FreeBSD
		return nil, fmt.Errorf("%s is a link: %w", path, ErrExposed)
	}
	return f, err
}

// isRoot reports whether this program may read everything.
func isRoot() bool { return os.Geteuid() == 0 }

// Lock makes sure that one process at a time does what name stands for, in a
// directory that is made if need be. A lock that another process holds is
// ErrLocked. It ends with unlock, or with the process.
func Lock(dir, name string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := checkKeepDir(dir); err != nil {
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

// Locked reports whether another process holds bytes of an open file for itself,
// to write. Asking takes no lock. What is not a file of this machine, such as
// one in a bundle, is a copy, which nobody writes to.
func Locked(r io.Reader, begin, size int64) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	lock := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart, Start: begin, Len: size}
	var asked error
	err = raw.Control(func(fd uintptr) { asked = unix.FcntlFlock(fd, unix.F_GETLK, &lock) })
	return err == nil && asked == nil && lock.Type != unix.F_UNLCK
}
