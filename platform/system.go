package platform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// System is a machine whose files are read and whose programs are asked for
// what they know: ThisSystem, or one that was saved in a support bundle
// (OpenBundle). What reads a System works on both. Nothing that is asked
// through it changes the machine. All methods may be called concurrently.
type System interface {
	// Open opens a regular file by its absolute, slash-separated path. The
	// file is an io.Seeker too. A file that may not be read satisfies
	// errors.Is(err, ErrPrivilege), one that does not exist fs.ErrNotExist.
	Open(path string) (fs.File, error)

	// Glob lists the existing paths that match a pattern as of path.Match,
	// sorted.
	Glob(pattern string) ([]string, error)

	// Run runs a program that only reports, in the C locale, and returns what
	// it printed on standard output. A program that is not there satisfies
	// errors.Is(err, fs.ErrNotExist), one that hangs ErrNoAnswer; a complaint is
	// in the error, and what was printed until then is returned beside it.
	// Arguments are never read by a shell.
	Run(ctx context.Context, program string, args ...string) ([]byte, error)

	// Now is the machine's time: of a bundle, when it was collected.
	Now() time.Time

	// Root reports whether everything may be read: of a bundle, whether its
	// collector could. On Windows it means an elevated administrator.
	Root() bool

	// Live reports whether the machine itself answers: what is not found is not there.
	// Of a bundle, perhaps nobody collected it.
	Live() bool
}

// IsHere reports whether s is the machine that the program runs on.
func IsHere(s System) bool {
	_, here := beneath(s).(*thisSystem)
	return here
}

// ThisSystem returns the machine that the program runs on.
func ThisSystem() System { return &thisSystem{} }

type thisSystem struct{ stuck stuck }

func (*thisSystem) Now() time.Time { return time.Now() }
func (*thisSystem) Root() bool     { return isRoot() }
func (*thisSystem) Live() bool     { return true }

func (*thisSystem) Open(name string) (fs.File, error) {
	// Looked at before it is opened: a pipe would keep us waiting.
	info, err := os.Stat(threadPath(name))
	if err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading %s: not a regular file", name)
	}
	f, err := os.OpenFile(threadPath(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, privilegeOf(err) // with its reason, where Stat failed as well
	}
	// And looked at again: it may have been replaced in between.
	if info, err = f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("reading %s: not a regular file", name)
	}
	return f, nil
}

func (*thisSystem) Glob(pattern string) ([]string, error) {
	list, err := filepath.Glob(threadPath(pattern))
	for i := range list {
		list[i] = filepath.ToSlash(list[i])
		if rest, ok := strings.CutPrefix(list[i], threadNet); ok {
			list[i] = "/proc/net/" + rest
		}
	}
	return list, err
}

func (s *thisSystem) Run(ctx context.Context, program string, args ...string) ([]byte, error) {
	if native := nativeProgram(program, args); native != nil {
		return native()
	}
	if out := longListing(ctx, program, args, s.Run); out != nil {
		return out, nil
	}
	if err := s.stuck.check(program); err != nil {
		return nil, fmt.Errorf("running %s: %w", commandLine(program, args), err)
	}
	out, err := runProgram(ctx, limits{output: maxReport, patience: s.stuck.patienceFor(program)}, nil, program, args...)
	s.stuck.learn(program, err)
	return out, privilegeOf(err)
}

// maxReport bounds a program's output that is kept. 100,000 rules with
// counters are some 10 MB as text and 60 MB as nft's JSON.
const maxReport = 192 << 20

// threadNet is /proc/net as the calling thread sees it: /proc/net itself is
// that of the process's first thread, which may live in another network
// namespace.
const threadNet = "/proc/thread-self/net/"

func threadPath(name string) string {
	if rest, ok := strings.CutPrefix(name, "/proc/net/"); ok && runtime.GOOS == "linux" {
		return threadNet + rest
	}
	return filepath.FromSlash(name)
}

// privilegeOf marks an error about missing permission as ErrPrivilege.
func privilegeOf(err error) error {
	if err != nil && errors.Is(err, fs.ErrPermission) && !errors.Is(err, ErrPrivilege) {
		return fmt.Errorf("%w: %w", err, ErrPrivilege)
	}
	return err
}

// ReadSystemFile reads a whole file of s, at most limit bytes of it; a larger
// one is an error, not half a file.
func ReadSystemFile(s System, name string, limit int) ([]byte, error) {
	f, err := s.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, name, limit)
}

// ReadSmallFile is ReadSystemFile for a file of this machine that a user named.
func ReadSmallFile(name string, limit int) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, name, limit)
}

func readAll(r io.Reader, name string, limit int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(b) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	return b, err
}

// Tail reads the last limit bytes of a file of s, from the beginning of a
// line, and reports whether something before them was left out.
func Tail(s System, name string, limit int64) (b []byte, cut bool, err error) {
	f, err := s.Open(name)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	return tail(f, limit)
}

func tail(f fs.File, limit int64) (b []byte, cut bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	seeker, ok := f.(io.Seeker)
	if skip := info.Size() - limit; skip > 0 && ok {
		if _, err := seeker.Seek(skip, io.SeekStart); err != nil {
			return nil, false, err
		}
		cut = true
	}
	// A log grows while it is read: limit holds all the same.
	if b, err = io.ReadAll(io.LimitReader(f, limit)); err != nil || !cut {
		return b, cut, err
	}
	if i := strings.IndexByte(string(b[:min(len(b), 1<<16)]), '\n'); i >= 0 {
		b = b[i+1:]
	}
	return b, cut, nil
}

// FilterGeneration returns a number that changes with every change of the
// kernel's nftables rules, which iptables-nft uses too. Known is false where
// there is none: on other systems and in bundles, which do not change.
func FilterGeneration(s System) (generation uint32, known bool) {
	if !IsHere(s) {
		return 0, false
	}
	return filterGeneration()
}

// nativeHostname answers for "hostname".
func nativeHostname() ([]byte, error) {
	name, err := os.Hostname()
	return []byte(name), err
}

// Hostname returns the name of the machine; for an older bundle, in which the
// program was not run, that of /etc/hostname.
func Hostname(ctx context.Context, s System) (string, error) {
	out, err := s.Run(ctx, "hostname")
	if err != nil && !s.Live() {
		if out, err = ReadSystemFile(s, "/etc/hostname", 1<<10); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	return strings.TrimSpace(string(out)), err
}
