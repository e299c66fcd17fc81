//go:build !linux

package platform

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// destination is where an output goes.
type destination struct {
	name string      // without links at its end
	old  fs.FileInfo // nil: nothing is there
}

// findDestination follows a path to where a file of that name is or would be.
func findDestination(name string) (*destination, error) {
	d := &destination{name: name}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, plainPath(err)
	case info.Mode().IsRegular():
		// A link stays; the file that it leads to is replaced.
		if d.name, err = filepath.EvalSymlinks(name); err != nil {
			return nil, plainPath(err)
		}
		d.old = info
	default:
		d.old = info
		if err := errNotOutput(info.Mode()); err != nil {
			return nil, err
		}
	}
	dir := filepath.Dir(d.name)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, &NoDirectoryError{dir}
	}
	return d, nil
}

func (d *destination) close() {}

// check finds nothing that findDestination has not: who may write where is not
// told by modes on every system.
func (d *destination) check() error { return nil }

// stream reports whether the output is written to what is there.
func (d *destination) stream() bool { return d.old != nil && !d.old.Mode().IsRegular() }

func (d *destination) open() (*os.File, error) { return os.OpenFile(d.name, os.O_WRONLY, 0) }

// replace puts a new file in the place of the old one.
func (d *destination) replace(content []byte, most fs.FileMode) (err error) {
	temporary := filepath.Join(filepath.Dir(d.name), temporaryName())
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, most)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary))
		}
	}()
	if d.old != nil {
		if err := f.Chmod(modeFor(d.old.Mode(), true, most)); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if err := writeWhole(f, content); err != nil {
		return err
	}
	return os.Rename(temporary, d.name)
}
