package platform

import (
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// ours relies on the profile's own access list, which lets nobody else in.
func ours(fs.FileInfo) bool { return true }

// ownedBy knows nobody: on Windows users have no numbers.
func ownedBy(fs.FileInfo, int) bool { return false }

// openNoFollow opens a file for reading, but no link.
func openNoFollow(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return nil, fmt.Errorf("%s is a link: %w", path, ErrExposed)
	}
	return os.Open(path)
}

// isRoot reports whether this program runs as an elevated administrator.
func isRoot() bool { return windows.GetCurrentProcessToken().IsElevated() }

// Lock does nothing here: what it guards needs a POSIX system.
func Lock(string, string) (unlock func(), err error) { return func() {}, nil }

// Locked reports whether another process holds bytes of an open file for itself.
// Who has to know reads databases of servers that run on Unix only; elsewhere
// they are copies.
func Locked(io.Reader, int64, int64) bool { return false }
