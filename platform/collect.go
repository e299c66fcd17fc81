package platform

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// collectLimit bounds what is kept of one file: of a longer one, its end. A
// busy PBX writes some 100 MB of log a day and the bundle should fit into a
// mail, compressed.
const collectLimit = 24 << 20

// Collector is a System that keeps what is read through it, so that a support
// bundle holds exactly what the program looked at and gives the same answers.
type Collector struct {
	System
	mu    sync.Mutex
	files map[string][]byte   // by path in the bundle
	lines map[string][]string // command lines, by the path of what they printed
	about AboutBundle
	known []string // directories besides knownPlaces
}

// Know lets files below a directory into the bundle that no check knows of: one
// that the person who collects has named. It is called before anything is read.
func (c *Collector) Know(dir string) { c.known = append(c.known, dir) }

// Collect returns a Collector over s.
func Collect(s System, version string) *Collector {
	about := aboutOf(s)
	return &Collector{System: s, files: map[string][]byte{}, lines: map[string][]string{}, about: AboutBundle{
		OS: about.OS, Arch: about.Arch, Admin: about.Admin,
		Collected: s.Now().UTC().Truncate(time.Second), Version: version, Root: s.Root(), Absent: []string{},
	}}
}

// Open keeps the file and opens it.
func (c *Collector) Open(name string) (fs.File, error) {
	f, err := c.System.Open(name)
	if errors.Is(err, ErrPrivilege) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !slices.Contains(c.about.Denied, name) {
			c.about.Denied = append(c.about.Denied, name)
		}
	}
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	_, seen := c.files[inBundle(name)]
	c.mu.Unlock()
	if seen {
		return f, nil
	}
	if err := c.take(name, f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// take keeps a file that was just opened, and leaves it at its beginning. What
// it is in truth is asked of the open file: its name may lead elsewhere by now.
func (c *Collector) take(name string, f fs.File) error {
	why := ""
	if file, ok := f.(*os.File); ok && IsHere(c) {
		why = notForBundles(name, placeOf(file, name), c.known...)
	}
	var data []byte
	var cut bool
	if why == "" {
		var err error
		if data, cut, err = copyOf(f, name); err != nil {
			return err
		}
		why = holdsKeys(data)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	left := LeftOut{File: name, Why: why}
	switch {
	case why != "" && !slices.Contains(c.about.LeftOut, left):
		c.about.LeftOut = append(c.about.LeftOut, left)
	case why == "" && data != nil:
		c.files[inBundle(name)] = data
	}
	if cut && !slices.Contains(c.about.Cut, name) {
		c.about.Cut = append(c.about.Cut, name)
	}
	return nil
}

// copyOf reads a file for the bundle: of a long one its end, of a database all
// or, where it is longer than a mail can carry, nothing, for half of one is
// none.
func copyOf(f fs.File, name string) (data []byte, cut bool, err error) {
	if database := strings.Contains(path.Ext(name), ".sqlite") || path.Ext(name) == ".db"; !database {
		data, cut, err = tail(f, collectLimit)
	} else {
		data, err = readAll(f, name, 2*collectLimit)
		if err != nil && data != nil {
			data, cut, err = nil, true, nil
		}
	}
	if s, ok := f.(io.Seeker); ok && err == nil {
		_, err = s.Seek(0, io.SeekStart)
	}
	return data, cut, err
}

// LeftOut lists what was read and is not in the bundle, and why.
func (c *Collector) LeftOut() []LeftOut {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.about.LeftOut)
}

// Run runs the program and keeps what it printed, or that it failed.
func (c *Collector) Run(ctx context.Context, program string, args ...string) ([]byte, error) {
	out, err := c.System.Run(ctx, program, args...)
	c.keep(append([]string{program}, args...), out, err)
	return out, err
}

// keep stores what a command printed, or that it failed.
func (c *Collector) keep(line []string, out []byte, err error) {
	name := commandFile(line[0], line[1:])
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines[name] = line
	if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrNotCollected) && !slices.Contains(c.about.Absent, line[0]) {
		c.about.Absent = append(c.about.Absent, line[0])
	}
	if err == nil || len(out) > 0 {
		c.files[name] = out
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		text := err.Error()
		switch {
		case errors.Is(err, ErrPrivilege):
			text = privilegeWord + " " + text
		case errors.Is(err, ErrNoAnswer):
			text = noAnswerWord + " " + text
		}
		c.files[name+complaintEnding] = []byte(text + "\n")
	}
}

// Cleaner is what everything passes through on its way into a bundle.
type Cleaner interface {
	// Learn sees every file before the first is cleaned. A file that a command
	// printed is called like its command line, "$ iptables-save -c".
	Learn(name string, data []byte)
	// Clean rewrites a file or, returning nil, leaves it out.
	Clean(name string, data []byte) []byte
	// Line rewrites a command line.
	Line(line string) string
}

// Write writes the bundle as a .tar.gz, cleaned; a nil Cleaner keeps everything
// as it is. redacted is what the bundle says of itself.
func (c *Collector) Write(w io.Writer, redacted bool, clean Cleaner) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.about.Redacted = redacted
	about, err := json.MarshalIndent(c.about, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	put := func(name string, data []byte) error {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(data)), Mode: 0o600, ModTime: c.about.Collected}
		return errors.Join(t.WriteHeader(h), second(t.Write(data)))
	}
	names := slices.Sorted(maps.Keys(c.files))
	if clean != nil {
		for _, name := range names {
			clean.Learn(c.shown(name), c.files[name])
		}
		about = clean.Clean("/"+bundleAbout, about)
	}
	err = put(bundleAbout, about)
	for _, name := range names {
		data := c.files[name]
		if clean != nil {
			if len(data) > 0 { // a program that printed nothing said so
				if data = clean.Clean(c.shown(name), data); data == nil {
					continue
				}
			}
			name = c.renamed(name, clean)
		}
		err = errors.Join(err, put(name, data))
	}
	if err = errors.Join(err, t.Close(), z.Close()); err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	return nil
}

// commandOf is the command line of a file, nil for one that no command printed.
func (c *Collector) commandOf(name string) []string {
	return c.lines[strings.TrimSuffix(name, complaintEnding)]
}

// shown is what a file of the bundle is called in front of people.
func (c *Collector) shown(name string) string {
	if line := c.commandOf(name); line != nil {
		return "$ " + strings.Join(line, " ")
	}
	return "/" + name
}

// renamed is where what a command printed lies once its line is cleaned.
func (c *Collector) renamed(name string, clean Cleaner) string {
	line := c.commandOf(name)
	if line == nil {
		return strings.TrimPrefix(clean.Line("/"+name), "/")
	}
	to := commandFile(clean.Line(strings.Join(line, " ")), nil)
	if strings.HasSuffix(name, complaintEnding) {
		to += complaintEnding
	}
	return to
}

// Names lists what the bundle holds, for the person who is to send it.
func (c *Collector) Names() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []string
	for name := range c.files {
		list = append(list, c.shown(name))
	}
	slices.Sort(list)
	return list
}

func second(_ int, err error) error { return err }
