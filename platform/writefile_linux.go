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

	"golang.org/x/sys/unix"
)

// destination is where an output goes: a name in an open directory, or an open
// descriptor of this process. The directory was reached step by step, so that
// no link on the way was followed unseen and none can be put there meanwhile.
type destination struct {
	dir  int    // an O_PATH descriptor
	base string // in dir; never a link when it was looked at
	old  unix.Stat_t
	mode fs.FileMode // of what is there; meaningless when nothing is
	none bool        // nothing is there
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
	dirs  []int    // from the root to where we are
	names []string // of dirs[1:]
	links int
}

func (w *pathWalk) root() error {
	w.close()
	fd, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	w.dirs, w.names = []int{fd}, nil
	if err != nil {
		w.dirs = nil
	}
	return err
}

func (w *pathWalk) close() {
	for _, fd := range w.dirs {
		_ = unix.Close(fd)
	}
	w.dirs = nil
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
				_ = unix.Close(w.dirs[n])
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
	dir := w.dirs[len(w.dirs)-1]
	fd, err := unix.Openat(dir, component, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT) && !more:
		d, err := w.found(component, nil)
		return "", d, err
	case errors.Is(err, unix.ENOENT):
		return "", nil, &NoDirectoryError{filepath.Join(w.here(), component)}
	case err != nil:
		return "", nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		_ = unix.Close(fd)
		return "", nil, err
	}
	switch kind := st.Mode & unix.S_IFMT; {
	case kind == unix.S_IFLNK:
		defer unix.Close(fd)
		return w.follow(component, after, fd, &st)
	case kind == unix.S_IFDIR:
		w.dirs, w.names = append(w.dirs, fd), append(w.names, component)
		return after, nil, nil
	case more:
		_ = unix.Close(fd)
		return "", nil, fmt.Errorf("%s is not a directory", filepath.Join(w.here(), component))
	}
	_ = unix.Close(fd)
	d, err = w.found(component, &st)
	return "", d, err
}

// follow reads a link, unless somebody else may have planted it.
func (w *pathWalk) follow(component, after string, link int, st *unix.Stat_t) (rest string, d *destination, err error) {
	at := filepath.Join(w.here(), component)
	if m := openFile.FindStringSubmatch(at); m != nil && after == "" {
		if m[1] != strconv.Itoa(os.Getpid()) {
			return "", nil, fmt.Errorf("%s belongs to another process", at)
		}
		fd, err := strconv.Atoi(m[2])
		return "", &destination{dir: -1, fd: fd}, err
	}
	if err := w.trust(st, "the link "+at); err != nil {
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
func (w *pathWalk) trust(st *unix.Stat_t, what string) error {
	var dir unix.Stat_t
	if err := unix.Fstat(w.dirs[len(w.dirs)-1], &dir); err != nil {
		return err
	}
	if dir.Mode&0o002 == 0 || int(st.Uid) == os.Geteuid() || st.Uid == dir.Uid {
		return nil
	}
	return fmt.Errorf("%s was made by another user (uid %d) in %s, where everybody may write; name another file", what, st.Uid, w.here())
}

// found is the end of a path: st is what is there, nil for nothing.
func (w *pathWalk) found(base string, st *unix.Stat_t) (*destination, error) {
	d := &destination{base: base, none: st == nil, fd: -1}
	if st != nil {
		d.old, d.mode = *st, fileMode(st.Mode)
		if err := errNotOutput(d.mode); err != nil {
			return nil, err
		}
		if !d.mode.IsRegular() {
			if err := w.trust(st, filepath.Join(w.here(), base)); err != nil {
				return nil, err
			}
		}
	}
	var err error
	d.dir, err = unix.FcntlInt(uintptr(w.dirs[len(w.dirs)-1]), unix.F_DUPFD_CLOEXEC, 0)
	return d, err
}

func fileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		m |= fs.ModeDir
	case unix.S_IFIFO:
		m |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		m |= fs.ModeSocket
	case unix.S_IFCHR:
		m |= fs.ModeDevice | fs.ModeCharDevice
	case unix.S_IFBLK:
		m |= fs.ModeDevice
	}
	return m
}

func (d *destination) close() {
	if d.dir >= 0 {
		_ = unix.Close(d.dir)
	}
}

// stream reports whether the output is written to what is there.
func (d *destination) stream() bool { return d.fd >= 0 || !d.none && !d.mode.IsRegular() }

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
		return unix.Faccessat(d.dir, d.base, unix.W_OK, unix.AT_EACCESS)
	}
	var disk unix.Statfs_t
	if err := unix.Fstatfs(d.dir, &disk); err == nil && (disk.Type == unix.PROC_SUPER_MAGIC || disk.Type == unix.SYSFS_MAGIC) {
		return errors.New("no file can be written there") // as in /dev/fd, for a descriptor that is not open
	}
	err := unix.Faccessat(d.dir, ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	if errors.Is(err, unix.EACCES) {
		return fmt.Errorf("its directory is not writable: %w", err)
	}
	if err == nil && !d.none && !d.replaceable() {
		return fmt.Errorf("it belongs to another user: %w", unix.EPERM)
	}
	return err
}

// replaceable reports whether the old file may be: in a sticky directory, such
// as /tmp, only by its owner, the directory's, or root.
func (d *destination) replaceable() bool {
	var dir unix.Stat_t
	if err := unix.Fstat(d.dir, &dir); err != nil {
		return false
	}
	me := os.Geteuid()
	return me == 0 || dir.Mode&unix.S_ISVTX == 0 || int(d.old.Uid) == me || int(dir.Uid) == me
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
	fd, err := unix.Openat(d.dir, d.base, unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	var now unix.Stat_t
	if err := unix.Fstat(fd, &now); err != nil || now.Ino != d.old.Ino || now.Dev != d.old.Dev {
		_ = unix.Close(fd)
		return nil, errors.New("it was replaced while it was opened")
	}
	return os.NewFile(uintptr(fd), d.base), nil
}

// replace puts a new file in the place of the old one.
func (d *destination) replace(content []byte, most fs.FileMode) (err error) {
	temporary := temporaryName()
	fd, err := unix.Openat(d.dir, temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, uint32(most))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			if rerr := unix.Unlinkat(d.dir, temporary, 0); rerr != nil {
				err = fmt.Errorf("%w (and %s is left: %w)", err, temporary, rerr)
			}
		}
	}()
	f := os.NewFile(uintptr(fd), temporary)
	if !d.none { // a new one is as private as the user's umask says
		if err := f.Chmod(modeFor(d.mode, int(d.old.Uid) == os.Geteuid(), most)); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if err := writeWhole(f, content); err != nil {
		return err
	}
	return unix.Renameat(d.dir, temporary, d.dir, d.base)
}
