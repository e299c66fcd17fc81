package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// destination is where an output goes: a name in an open directory, or an open
// descriptor of this process. The directory was reached step by step, so that
// no link on the way was followed unseen and none can be put there meanwhile.
type destination struct {
	dir  *os.File    // an O_PATH descriptor; nil beside fd
	base string      // in dir; never a link when it was looked at
	old  fs.FileInfo // nil: nothing is there
	fd   int         // -1, or the descriptor to write to
}

// maxLinks is how many links lead to a file at most, as in the kernel.
const maxLinks = 40

// openFile is what /dev/stdout and its like are in the end. The text of such a
// link names a file that must not be replaced: the descriptor is meant.
var openFile = regexp.MustCompile(`^/proc/(\d+)(?:/task/\d+)?/fd/(\d+)$`)

// findDestination follows a path to where a file of that name is or would be.
func findDestination(name string) (*destination, error) {
	w := &pathWalk{}
	defer w.close()
	if !filepath.IsAbs(name) {
		cwd, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		name = cwd + "/" + name
	}
	if err := w.root(); err != nil {
		return nil, err
	}
	return w.to(name)
}

// pathWalk follows a path one component at a time.
type pathWalk struct {
	dirs  []*os.File // from the root to where we are
	names []string   // of dirs[1:]
	links int
}

func (w *pathWalk) root() error {
	w.close()
	root, err := openAt(unix.AT_FDCWD, "/", unix.O_PATH|unix.O_DIRECTORY)
	if err == nil {
		w.dirs, w.names = []*os.File{root}, nil
	}
	return err
}

func (w *pathWalk) close() {
	for _, dir := range w.dirs {
		_ = dir.Close()
	}
	w.dirs = nil
}

// last is the directory where we are.
func (w *pathWalk) last() *os.File { return w.dirs[len(w.dirs)-1] }

// openAt opens a name in a directory.
func openAt(dir int, name string, flags int) (*os.File, error) {
	fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (w *pathWalk) here() string { return "/" + strings.Join(w.names, "/") }

// to follows the rest of a path, of which the last component may be missing.
func (w *pathWalk) to(rest string) (*destination, error) {
	for {
		rest = strings.TrimLeft(rest, "/")
		component, after, more := strings.Cut(rest, "/")
		switch component {
		case "":
			return nil, errNotOutput(fs.ModeDir)
		case ".":
			if rest = after; !more {
				return nil, errNotOutput(fs.ModeDir)
			}
			continue
		case "..":
			if n := len(w.names); n > 0 {
				_ = w.dirs[n].Close()
				w.dirs, w.names = w.dirs[:n], w.names[:n-1]
			}
			rest = after
			continue
		}
		next, d, err := w.step(component, after, more)
		if err != nil || d != nil {
			return d, err
		}
		rest = next
	}
}

// step enters a directory, follows a link or, at the end of the path, returns
// what is there.
func (w *pathWalk) step(component, after string, more bool) (rest string, d *destination, err error) {
	f, err := openAt(int(w.last().Fd()), component, unix.O_PATH|unix.O_NOFOLLOW)
	switch {
	case errors.Is(err, unix.ENOENT) && !more:
		d, err := w.found(component, nil)
		return "", d, err
	case errors.Is(err, unix.ENOENT):
		return "", nil, &NoDirectoryError{filepath.Join(w.here(), component)}
	case err != nil:
		return "", nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		w.dirs, w.names = append(w.dirs, f), append(w.names, component)
		return after, nil, nil
	}
	defer f.Close()
	switch {
	case err != nil:
		return "", nil, err
	case info.Mode()&fs.ModeSymlink != 0:
		return w.follow(component, after, int(f.Fd()), info)
	case more:
		return "", nil, fmt.Errorf("%s is not a directory", filepath.Join(w.here(), component))
	}
	d, err = w.found(component, info)
	return "", d, err
}

// follow reads a link, unless somebody else may have planted it.
func (w *pathWalk) follow(component, after string, link int, info fs.FileInfo) (rest string, d *destination, err error) {
	at := filepath.Join(w.here(), component)
	if m := openFile.FindStringSubmatch(at); m != nil && after == "" {
		if m[1] != strconv.Itoa(os.Getpid()) {
			return "", nil, fmt.Errorf("%s belongs to another process", at)
		}
		fd, err := strconv.Atoi(m[2])
		return "", &destination{fd: fd}, err
	}
	if err := w.trust(info, "the link "+at); err != nil {
		return "", nil, err
	}
	if w.links++; w.links > maxLinks {
		return "", nil, unix.ELOOP
	}
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(link, "", target)
	if err != nil {
		return "", nil, err
	}
	rest = string(target[:n]) + "/" + after
	if after == "" {
		rest = string(target[:n])
	}
	if strings.HasPrefix(rest, "/") {
		err = w.root()
	}
	return rest, nil, err
}

// trust refuses what another user put into a directory where everybody may put
// things, as fs.protected_symlinks and fs.protected_fifos do (proc(5)): whoever
// runs this as root is not to write where others point.
func (w *pathWalk) trust(info fs.FileInfo, what string) error {
	dir, err := w.last().Stat()
	if err != nil {
		return err
	}
	if dir.Mode().Perm()&0o002 == 0 || ours(info) || ownedBy(dir, ownerOf(info)) {
		return nil
	}
	return fmt.Errorf("%s was made by another user (uid %d) in %s, where everybody may write; name another file", what, ownerOf(info), w.here())
}

func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// found is the end of a path: old is what is there, nil for nothing.
func (w *pathWalk) found(base string, old fs.FileInfo) (*destination, error) {
	if old != nil {
		if err := errNotOutput(old.Mode()); err != nil {
			return nil, err
		}
		if !old.Mode().IsRegular() {
			if err := w.trust(old, filepath.Join(w.here(), base)); err != nil {
				return nil, err
			}
		}
	}
	last := len(w.dirs) - 1
	d := &destination{dir: w.dirs[last], base: base, old: old, fd: -1}
	w.dirs = w.dirs[:last] // it is d's to close
	return d, nil
}

func (d *destination) close() {
	if d.dir != nil {
		_ = d.dir.Close()
	}
}

// stream reports whether the output is written to what is there.
func (d *destination) stream() bool { return d.fd >= 0 || d.old != nil && !d.old.Mode().IsRegular() }

// check reports what would keep the output from being written.
func (d *destination) check() error {
	switch {
	case d.fd >= 0:
		flags, err := unix.FcntlInt(uintptr(d.fd), unix.F_GETFL, 0)
		if err == nil && flags&unix.O_ACCMODE == unix.O_RDONLY {
			err = errors.New("it is open for reading only")
		}
		return err
	case d.stream():
		return unix.Faccessat(int(d.dir.Fd()), d.base, unix.W_OK, unix.AT_EACCESS)
	}
	var disk unix.Statfs_t
	if err := unix.Fstatfs(int(d.dir.Fd()), &disk); err == nil && (disk.Type == unix.PROC_SUPER_MAGIC || disk.Type == unix.SYSFS_MAGIC) {
		return errors.New("no file can be written there") // as in /dev/fd, for a descriptor that is not open
	}
	err := unix.Faccessat(int(d.dir.Fd()), ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	if errors.Is(err, unix.EACCES) {
		return fmt.Errorf("its directory is not writable: %w", err)
	}
	if err == nil && d.old != nil && !d.replaceable() {
		return fmt.Errorf("it belongs to another user: %w", unix.EPERM)
	}
	return err
}

// replaceable reports whether the old file may be: in a sticky directory, such
// as /tmp, only by its owner, the directory's, or root.
func (d *destination) replaceable() bool {
	dir, err := d.dir.Stat()
	return err == nil && (os.Geteuid() == 0 || dir.Mode()&fs.ModeSticky == 0 || ours(d.old) || ours(dir))
}

// open opens what output is written to, not replaced.
func (d *destination) open() (*os.File, error) {
	if d.fd >= 0 {
		fd, err := unix.FcntlInt(uintptr(d.fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		return os.NewFile(uintptr(fd), "descriptor "+strconv.Itoa(d.fd)), nil
	}
	f, err := openAt(int(d.dir.Fd()), d.base, unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_NOCTTY)
	if err != nil {
		return nil, err
	}
	if now, err := f.Stat(); err != nil || !os.SameFile(now, d.old) {
		_ = f.Close()
		return nil, errors.New("it was replaced while it was opened")
	}
	return f, nil
}

// replace puts a new file in the place of the old one.
func (d *destination) replace(content []byte, most fs.FileMode) (err error) {
	temporary, dir := temporaryName(), int(d.dir.Fd())
	fd, err := unix.Openat(dir, temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, uint32(most))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			if rerr := unix.Unlinkat(dir, temporary, 0); rerr != nil {
				err = fmt.Errorf("%w (and %s is left: %w)", err, temporary, rerr)
			}
		}
	}()
	f := os.NewFile(uintptr(fd), temporary)
	if d.old != nil { // a new one is as private as the user's umask says
		if err := f.Chmod(modeFor(d.old.Mode(), ours(d.old), most)); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if err := writeWhole(f, content); err != nil {
		return err
	}
	return unix.Renameat(dir, temporary, dir, d.base)
}
