package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// StateDir is where root keeps what must be remembered between runs; it need
// not exist. A service manager names it in STATE_DIRECTORY (systemd.exec(5), the
// first of several).
func StateDir() string {
	if dir := namedStateDir(); dir != "" {
		return dir
	}
	if runtime.GOOS == "windows" {
		return filepath.Join(os.Getenv("ProgramData"), "sipdoctor")
	}
	return "/var/lib/sipdoctor"
}

func namedStateDir() string {
	dir, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), string(os.PathListSeparator))
	if !filepath.IsAbs(dir) {
		return ""
	}
	return behindRootsLink(dir)
}

// behindRootsLink is the directory that dir names if dir is a link that root
// made where only root can, as systemd does for a unit with DynamicUser=. Any
// other link is left for checkKeepDir to refuse.
func behindRootsLink(dir string) string {
	link, err := os.Lstat(dir)
	if err != nil || link.Mode()&fs.ModeSymlink == 0 || !ownedBy(link, 0) {
		return dir
	}
	above, err := os.Lstat(filepath.Dir(dir))
	if err != nil || private(filepath.Dir(dir), above, 0o022, func(i fs.FileInfo) bool { return ownedBy(i, 0) }) != nil {
		return dir
	}
	target, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return dir
	}
	return target
}

// ServiceStateDir is where a service that the caller runs keeps what must
// survive a restart: StateDir for root and under a service manager, and for
// everybody else what the XDG base directories say. It is "" for a user without
// a home.
func ServiceStateDir() string {
	if namedStateDir() != "" || runtime.GOOS != "windows" && os.Geteuid() == 0 {
		return StateDir()
	}
	below := []string{"sipdoctor"}
	dir := os.Getenv("XDG_STATE_HOME")
	if runtime.GOOS == "windows" {
		dir = os.Getenv("LocalAppData")
	} else if !filepath.IsAbs(dir) {
		dir, _ = os.UserHomeDir()
		below = []string{".local", "state", "sipdoctor"}
	}
	if !filepath.IsAbs(dir) {
		return ""
	}
	return filepath.Join(append([]string{dir}, below...)...)
}

// maxKept bounds a kept file, bytes: a thousand cures of a large ruleset are
// some 10 MB.
const maxKept = 32 << 20

// ErrExposed means that somebody else may read or change what ought to be
// ours alone. The text around it says what it is.
var ErrExposed = errors.New("others may change or read it")

// ErrLocked reports that another process holds a lock.
var ErrLocked = errors.New("another process holds the lock")

// ReadKept reads a file that KeepNew or Keep wrote, at most 32 MiB. It refuses, with
// ErrExposed, what others could have written or read: links, files and
// directories of somebody else, loose modes. Without such a file the error is
// fs.ErrNotExist.
func ReadKept(dir, name string) ([]byte, error) {
	if err := checkKeepDir(dir); err != nil {
		return nil, err
	}
	return readKept(dir, name, ours)
}

// ReadInvokersKept reads a file that the user kept who runs this program with
// sudo, at most 32 MiB: what belongs to anybody else is refused with
// ErrExposed. The error is fs.ErrNotExist without such a file, or without sudo.
func ReadInvokersKept(name string) ([]byte, error) {
	uid, home := invoker()
	if home == "" {
		return nil, fs.ErrNotExist
	}
	return readKept(filepath.Join(home, ".local", "state", "sipdoctor"), name, func(info fs.FileInfo) bool { return ownedBy(info, uid) })
}

// UnderSudo reports whether a user without rights of their own runs this
// program as root by sudo.
func UnderSudo() bool {
	uid, _ := invoker()
	return uid > 0
}

// invoker is who runs this program with sudo, and their home directory as the
// user database has it; 0 and "" without sudo.
func invoker() (uid int, home string) {
	uid, err := strconv.Atoi(os.Getenv("SUDO_UID"))
	if err != nil || uid <= 0 || os.Geteuid() != 0 {
		return 0, ""
	}
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil || !filepath.IsAbs(u.HomeDir) {
		return uid, ""
	}
	return uid, u.HomeDir
}

func readKept(dir, name string, owned func(fs.FileInfo) bool) ([]byte, error) {
	path := filepath.Join(dir, name)
	f, err := openNoFollow(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := private(path, info, 0o077, owned); err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: %w", path, ErrExposed)
	}
	return readAll(f, path, maxKept)
}

// KeepNew writes a file of mode 0600 that must not exist yet, whole or not at
// all; of two programs that do so at once, one gets fs.ErrExist. It makes the
// directory, for us alone, where there is none.
func KeepNew(dir, name string, b []byte) error {
	return keep(dir, name, b, func(from, to string) error {
		err := os.Link(from, to)
		if _, there := os.Lstat(to); err != nil && errors.Is(there, fs.ErrNotExist) {
			return os.Rename(from, to) // a file system without links
		}
		return err
	})
}

// Keep writes a file of mode 0600, in the place of one that may exist.
func Keep(dir, name string, b []byte) error { return keep(dir, name, b, os.Rename) }

func keep(dir, name string, b []byte, place func(from, to string) error) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := checkKeepDir(dir); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+name+"-*") // mode 0600, and nobody's before
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // after a rename it is gone
	if err := writeWhole(f, b); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Join(dir, name), err)
	}
	if err := place(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	settle(dir)
	return nil
}

// settle makes a name in a directory outlast a power cut, on systems that can do so.
func settle(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync() // the file is whole in either case
		_ = d.Close()
	}
}

// checkKeepDir refuses a directory in which others could put files.
func checkKeepDir(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory: %w", dir, ErrExposed)
	}
	return private(dir, info, 0o022, ours)
}

// private refuses what belongs to somebody else or has one of the loose mode
// bits.
func private(path string, info fs.FileInfo, loose fs.FileMode, owned func(fs.FileInfo) bool) error {
	if !owned(info) {
		return fmt.Errorf("%s belongs to another user: %w", path, ErrExposed)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&loose != 0 {
		return fmt.Errorf("%s has mode %04o: %w", path, info.Mode().Perm(), ErrExposed)
	}
	return nil
}

// ListKept returns the names of the files in a directory that Keep wrote to, sorted;
// none where there is no such directory. What begins with a dot is left out.
func ListKept(dir string) (names []string, err error) {
	if err := checkKeepDir(dir); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	list, err := os.ReadDir(dir)
	for _, e := range list {
		if e.Type().IsRegular() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// DropKept removes a file that Keep wrote; it is no error if there is none.
func DropKept(dir, name string) error {
	if err := os.Remove(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
