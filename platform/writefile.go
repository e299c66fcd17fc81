package platform

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"
)

// The most that anybody may do with a file that this program writes. A file
// that is there already and belongs to the same user may be more private than
// that, and stays so.
const (
	ReportMode  fs.FileMode = 0o644
	PrivateMode fs.FileMode = 0o600 // support bundles and what undo is taken from
)

// readerWait is how long a pipe may go without a reader: the other end of
// "cat pipe &" opens it within milliseconds, and a person who starts the
// reader by hand needs some seconds.
const readerWait = 10 * time.Second

// CheckOutput reports why a file of this name could not be written: a
// directory, a missing or read-only directory, a link or a pipe that another
// user may have planted. It opens and changes nothing. The error does not
// repeat the name.
func CheckOutput(name string) error {
	d, err := findDestination(name)
	if err != nil {
		return err
	}
	defer d.close()
	return d.check()
}

// WriteOutput writes content where name says: into the device, the pipe or the
// open descriptor (/dev/stdout) of that name, or else into a file, whole or not
// at all: whoever reads the old file never meets half of the new one, and after
// an error the old one is still there and nothing else is left. A link is
// followed and kept, unless another user may have planted it. It gives up when
// ctx is done.
func WriteOutput(ctx context.Context, name string, content []byte, most fs.FileMode) error {
	return writeOutput(ctx, name, content, most, readerWait)
}

func writeOutput(ctx context.Context, name string, content []byte, most fs.FileMode, wait time.Duration) error {
	d, err := findDestination(name)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	defer d.close()
	if err = d.check(); err == nil {
		if d.stream() {
			err = d.pour(ctx, content, wait)
		} else {
			err = d.replace(content, most)
		}
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, plainPath(err))
	}
	return nil
}

// plainPath leaves out the name that an error repeats, which may be that of a
// temporary file.
func plainPath(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// pour writes content into a device, a pipe or a descriptor. A reader that
// does not read keeps the write waiting until ctx is done; one that never
// comes, for the given time.
func (d *destination) pour(ctx context.Context, content []byte, wait time.Duration) error {
	if ctx.Err() != nil {
		// The run was interrupted and what it has is to be written all the
		// same, at once or not at all.
		wait = time.Second
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), wait)
		defer cancel()
	}
	opening, cancel := context.WithTimeoutCause(ctx, wait, errors.New("nobody reads from this pipe"))
	defer cancel()
	f, err := untilDone(opening, d.open)
	if err != nil {
		return err
	}
	_, err = untilDone(ctx, func() (int, error) { return f.Write(content) })
	if err != nil {
		return err // and no Close: it would wait for the write
	}
	return f.Close()
}

// untilDone returns what f returns, or the cause of the end of ctx. In that
// case f is left behind, as no system lets a blocked open be taken back.
func untilDone[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// temporaryName is the name of a new file before it is complete. It does not
// contain the final name, which may be as long as names can be.
func temporaryName() string { return ".sipdoctor-" + rand.Text() }

// modeFor is the mode of the new file. The old one may have been planted: its
// mode counts only if it belongs to who writes, and only where it is stricter.
func modeFor(old fs.FileMode, ours bool, most fs.FileMode) fs.FileMode {
	if !ours {
		return most
	}
	return old.Perm() & most
}

// errNotOutput words what kinds of files are not written to.
func errNotOutput(mode fs.FileMode) error {
	switch {
	case mode.IsDir():
		return ErrDirectory
	case mode&fs.ModeSocket != 0:
		return errors.New("it is a socket; name a file")
	case mode&fs.ModeDevice != 0 && mode&fs.ModeCharDevice == 0:
		return errors.New("it is a disk, whose content would be overwritten; name a file")
	}
	return nil
}

// ErrDirectory means that an output is a directory.
var ErrDirectory = errors.New("it is a directory; name a file")

// A NoDirectoryError is about an output whose directory does not exist.
type NoDirectoryError struct{ Dir string }

func (e *NoDirectoryError) Error() string { return "there is no directory " + e.Dir }

// IsDiskFault reports whether an error is about a disk that takes no file,
// rather than about the name that was given: it is full, read-only or broken.
func IsDiskFault(err error) bool {
	faults := []error{syscall.ENOSPC, syscall.EROFS, syscall.EIO, syscall.EDQUOT}
	return slices.ContainsFunc(faults, func(e error) bool { return errors.Is(err, e) })
}

// writeWhole fills a new file and closes it. What a full disk only tells when
// the data is on its way to it counts too.
func writeWhole(f *os.File, content []byte) error {
	_, err := f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
