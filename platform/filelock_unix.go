//go:build unix

package platform

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

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
