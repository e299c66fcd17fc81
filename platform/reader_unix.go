//go:build unix

package platform

import (
	"os"

	"golang.org/x/sys/unix"
)

// ReaderGone reports whether what is written to f reaches nobody: f is a pipe or a
// socket whose other end is closed. Without that a program that has nothing to
// write does not notice.
func ReaderGone(f *os.File) bool {
	fds := []unix.PollFd{{Fd: int32(f.Fd())}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 1 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}
