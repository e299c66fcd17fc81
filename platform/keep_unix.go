//go:build unix

package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
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
