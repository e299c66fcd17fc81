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
	files map[string][]byte // by path in the bundle
	about AboutBundle
}

// Collect returns a Collector over s.
func Collect(s System, version string) *Collector {
	return &Collector{System: s, files: map[string][]byte{}, about: AboutBundle{
		Collected: s.Now().UTC().Truncate(time.Second), Version: version, Root: s.Root(),
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
	data, cut, err := Tail(c.System, name, collectLimit)
	if err != nil {
		f.Close()
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files[inBundle(name)] = data
	if cut && !slices.Contains(c.about.Cut, name) {
		c.about.Cut = append(c.about.Cut, name)
	}
	return f, nil
}

// Run runs the program and keeps what it printed, or that it failed.
func (c *Collector) Run(ctx context.Context, program string, args ...string) ([]byte, error) {
	out, err := c.System.Run(ctx, program, args...)
	c.keep(commandFile(program, args), out, err)
	return out, err
}

// keep stores what a command printed, or that it failed.
func (c *Collector) keep(name string, out []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil || len(out) > 0 {
		c.files[name] = out
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		text := err.Error()
		if errors.Is(err, ErrPrivilege) {
			text = privilegeWord + " " + text
		}
		c.files[name+".error"] = []byte(text + "\n")
	}
}

// Write writes the bundle as a .tar.gz. Every file passes through change,
// which may rewrite it or, returning nil, leave it out; nil keeps them as they
// are. redacted is what the bundle says of itself.
func (c *Collector) Write(w io.Writer, redacted bool, change func(name string, data []byte) []byte) error {
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
	err = put(bundleAbout, about)
	for _, name := range slices.Sorted(maps.Keys(c.files)) {
		data := c.files[name]
		if change != nil {
			if data = change("/"+name, data); data == nil {
				continue
			}
		}
		err = errors.Join(err, put(name, data))
	}
	if err = errors.Join(err, t.Close(), z.Close()); err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	return nil
}

// Names lists what the bundle holds, for the person who is to send it.
func (c *Collector) Names() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []string
	for name := range c.files {
		if path.Dir(name) == bundleCommands {
			name = "$ " + strings.ReplaceAll(path.Base(name), "_", " ")
		} else {
			name = "/" + name
		}
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

func second(_ int, err error) error { return err }
