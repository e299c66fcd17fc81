package platform

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// A support bundle is a directory, or a tar archive of one, that holds the
// files of a machine under their own paths ("etc/asterisk/rtp.conf") and in
// "commands" what its programs printed, each in a file named like its command
// line ("commands/iptables-save_-c"). A command that failed has its complaint
// in a file of the same name with ".error". "sipdoctor.json" says when it was
// made. One made by hand, without that file, is read as well.
const (
	bundleCommands = "commands"
	bundleAbout    = "sipdoctor.json"

	complaintEnding = ".error" // of the file of a command that failed
)

// bundleLimit bounds the bytes of an archive when it is unpacked, in memory:
// logs are cut when they are collected, and the listings of 100,000 rules are
// some 100 MB. bundleFiles bounds their number; a PBX has a few hundred.
const (
	bundleLimit = 384 << 20
	bundleFiles = 50_000
)

// AboutBundle is what a support bundle says of itself.
type AboutBundle struct {
	Collected time.Time `json:"collected"`
	Version   string    `json:"version"`            // of the program that collected
	Root      bool      `json:"root"`               // collected by root
	OS        string    `json:"os,omitempty"`       // GOOS; empty: Linux
	Arch      string    `json:"arch,omitempty"`     // GOARCH
	Redacted  bool      `json:"redacted,omitempty"` // addresses are stand-ins
	Cut       []string  `json:"cut,omitempty"`      // files of which only the end is there, or nothing
	Denied    []string  `json:"denied,omitempty"`   // files that the collector might not read
	// Absent are programs that the machine does not have. A bundle that was made
	// by hand does not say (nil): there, what is missing was perhaps never asked.
	Absent []string `json:"absent"`
	// LeftOut are files that were read, for what they tell of this machine, and
	// are not in the bundle.
	LeftOut []LeftOut `json:"left_out,omitempty"`
	// Admin is from where the collector was logged in over SSH.
	Admin netip.Addr `json:"admin,omitzero"`
}

// LeftOut is a file that is not in a bundle on purpose.
type LeftOut struct {
	File string `json:"file"`
	Why  string `json:"why"` // a clause: "it leads to /root/.ssh/id_rsa, a private place"
}

type bundle struct {
	files fs.FS
	about AboutBundle
	dumps dumps // what commands printed, under other names

	mu   sync.Mutex
	used map[string]string // files of dumps that were read, by command line
}

// OpenBundle reads a support bundle: a directory, or a .tar or .tar.gz file.
// The error names the file and what is wrong with it.
func OpenBundle(name string) (System, error) {
	b, err := openBundle(name)
	if err != nil {
		return nil, fmt.Errorf("reading the support bundle %s: %w", name, err)
	}
	return b, nil
}

// Saved is a machine that is nothing but what its programs print, by command
// line.
func Saved(about AboutBundle, prints map[string]string) System {
	files := memoryFS{}
	for line, out := range prints {
		files[commandFile(line, nil)] = []byte(out)
	}
	return &bundle{files: files, about: about, used: map[string]string{}}
}

// SavedFiles is a machine that is nothing but some files, by absolute path.
func SavedFiles(files map[string][]byte) System {
	m := memoryFS{}
	for name, data := range files {
		m[inBundle(name)] = data
	}
	return &bundle{files: m, about: AboutBundle{Root: true}, used: map[string]string{}}
}

func openBundle(name string) (*bundle, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	b := &bundle{about: AboutBundle{Collected: info.ModTime(), Root: true}, used: map[string]string{}}
	if info.IsDir() {
		root, err := os.OpenRoot(name) // no link leads out of it
		if err != nil {
			return nil, err
		}
		b.files = root.FS()
	} else if b.files, err = unpack(name); err != nil {
		return nil, err
	}
	if b.files, err = topOf(b.files); err != nil {
		return nil, err
	}
	b.dumps = findDumps(b.files)
	switch raw, err := fs.ReadFile(b.files, bundleAbout); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(raw, &b.about); err != nil {
			return nil, fmt.Errorf("reading %s: %w", bundleAbout, err)
		}
		if b.about.Collected = PlausibleTime(b.about.Collected); b.about.Collected.IsZero() {
			b.about.Collected = info.ModTime()
		}
	}
	return b, nil
}

// topOf returns where the bundle's files begin: at the top, or in the one
// folder that somebody packed.
func topOf(files fs.FS) (fs.FS, error) {
	for _, pattern := range []string{"", "*/"} {
		for _, known := range []string{bundleAbout, bundleCommands + "/*", "etc/*", "etc/*/*", "var/*/*", "var/*/*/*", "proc/*", "proc/*/*", "proc/*/*/*", "proc/*/*/*/*"} {
			found, err := globIn(files, pattern+known)
			if err != nil {
				return nil, err
			}
			if len(found) == 0 {
				continue
			}
			if pattern == "" {
				return files, nil
			}
			top, _, _ := strings.Cut(found[0], "/")
			if m, ok := files.(memoryFS); ok {
				return m.below(top), nil
			}
			return fs.Sub(files, top)
		}
	}
	if len(findDumps(files)) > 0 {
		return files, nil
	}
	return nil, errors.New("no file of a machine is in it: neither etc nor commands")
}

func globIn(files fs.FS, pattern string) ([]string, error) {
	if m, ok := files.(memoryFS); ok {
		return m.glob(pattern)
	}
	return fs.Glob(files, pattern)
}

// unpack reads a whole archive into memory. Only regular files count; their
// names are taken as below the root, wherever they pretend to be. Of two files
// of one name the first counts.
func unpack(name string) (memoryFS, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	if z, err := gzip.NewReader(f); err == nil {
		r = z
	} else if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	files, left, number := memoryFS{}, int64(bundleLimit), 0
	for tr := tar.NewReader(&atMost{r, bundleLimit}); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if errors.Is(err, errTooLarge) {
			return nil, err
		}
		if err != nil {
			return nil, fmt.Errorf("not a tar archive, or a damaged one: %w", err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		// A sparse file is larger than what stands for it in the archive.
		if left -= h.Size; left < 0 || number == bundleFiles {
			return nil, errTooLarge
		}
		number++
		data, err := io.ReadAll(tr)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", h.Name, err)
		}
		if key := inBundle(strings.ReplaceAll(h.Name, `\`, "/")); key != "." && files[key] == nil {
			files[key] = data
		}
	}
}

var errTooLarge = fmt.Errorf("it holds more than %d MiB or %d files", bundleLimit>>20, bundleFiles)

// atMost is an io.Reader that refuses to give more than left bytes.
type atMost struct {
	io.Reader
	left int64
}

func (r *atMost) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if r.left -= int64(n); r.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// inBundle is where a path lies in a bundle.
func inBundle(name string) string {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	if name == "" {
		return "."
	}
	return name
}

// commandFile is the name of the file that holds what a command printed.
func commandFile(program string, args []string) string {
	line := commandLine(program, args)
	name := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '_'
		case strings.ContainsRune(`/\:*?"<>|`, r) || r < ' ':
			return '.' // no file on Windows may be called so
		}
		return r
	}, line)
	if strings.HasSuffix(name, ".") {
		name += "_" // nor end so
	}
	return path.Join(bundleCommands, name)
}

func (b *bundle) Now() time.Time { return b.about.Collected }
func (b *bundle) Root() bool     { return b.about.Root }
func (b *bundle) Live() bool     { return false }

// beneath is the System that a Collector collects from, or s itself.
func beneath(s System) System {
	if c, ok := s.(*Collector); ok {
		return c.System
	}
	return s
}

// aboutOf is what a bundle says of itself, and what one of this machine would
// say. A machine that does not tell its system is taken for Linux.
func aboutOf(s System) AboutBundle {
	switch s := beneath(s).(type) {
	case *thisSystem:
		return AboutBundle{OS: runtime.GOOS, Arch: runtime.GOARCH, Admin: SSHClient()}
	case *Remote:
		return AboutBundle{OS: "linux", Admin: s.client}
	case *bundle:
		about := s.about
		about.OS = cmp.Or(about.OS, "linux")
		return about
	}
	return AboutBundle{OS: "linux"}
}

// Administrator returns from where whoever looks at s, or collected it, is
// logged in over SSH; the zero Addr means nobody knows.
func Administrator(s System) netip.Addr { return aboutOf(s).Admin }

// IsRedacted reports whether s is a support bundle whose addresses are
// stand-ins.
func IsRedacted(s System) bool { return aboutOf(s).Redacted }

// OSOf returns the operating system of s and its architecture, as GOOS and
// GOARCH name them; of a bundle that does not say, Linux and nothing.
func OSOf(s System) (goos, goarch string) {
	about := aboutOf(s)
	return about.OS, about.Arch
}

func (b *bundle) Open(name string) (fs.File, error) {
	// Looked at before it is opened: a pipe would keep us waiting.
	info, err := fs.Stat(b.files, inBundle(name))
	if err != nil {
		if i := slices.IndexFunc(b.about.LeftOut, func(l LeftOut) bool { return l.File == name }); i >= 0 {
			return nil, fmt.Errorf("reading %s: left out of the bundle: %s", name, b.about.LeftOut[i].Why)
		}
		if errors.Is(err, fs.ErrNotExist) && slices.Contains(b.about.Denied, name) {
			return nil, fmt.Errorf("reading %s: its collector might not: %w", name, ErrPrivilege)
		}
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading %s: not a regular file", name)
	}
	return b.files.Open(inBundle(name))
}

func (b *bundle) Glob(pattern string) (list []string, err error) {
	list, err = globIn(b.files, inBundle(pattern))
	for i := range list {
		list[i] = "/" + list[i]
	}
	return list, err
}

func (b *bundle) Run(_ context.Context, program string, args ...string) ([]byte, error) {
	name := commandFile(program, args)
	complaint, cerr := fs.ReadFile(b.files, name+complaintEnding)
	out, err := fs.ReadFile(b.files, name)
	line := commandLine(program, args)
	if cerr == nil {
		sentinel := errors.New("it failed there")
		switch {
		case bytes.HasPrefix(complaint, []byte(privilegeWord)):
			sentinel = ErrPrivilege
		case bytes.HasPrefix(complaint, []byte(noAnswerWord)):
			sentinel = ErrNoAnswer
		}
		return out, fmt.Errorf("running %s, when the bundle was made: %q: %w", line, firstLine(complaint), sentinel)
	}
	// A program that prints nothing and one whose output was not saved look the
	// same; only a collector is known to have asked.
	if err == nil && (len(bytes.TrimSpace(out)) > 0 || b.about.Version != "") {
		return out, nil
	}
	switch found, derr := b.dumps.get(program, args); {
	case derr == nil:
		b.mu.Lock()
		defer b.mu.Unlock()
		b.used[dumpLine(program, args)] = found.file
		return found.data, nil
	case !errors.Is(derr, fs.ErrNotExist):
		return nil, derr
	case err == nil:
		return nil, fmt.Errorf("%s %w: save what %s prints for root", name, ErrEmptyOutput, line)
	case b.absent(program):
		return nil, fmt.Errorf("running %s, when the bundle was made: %w", line, fs.ErrNotExist)
	}
	return nil, fmt.Errorf("what %s printed is %w", line, ErrNotCollected)
}

// ErrNotCollected is why a bundle does not tell what a program printed: nobody
// asked the program, or nobody packed its answer. Whether the machine has it is
// not known. Such an error satisfies fs.ErrNotExist as well, for those who only
// want what is there.
var ErrNotCollected error = notCollected{}

// ErrEmptyOutput is about a file of a bundle that should hold what a program
// printed and holds nothing.
var ErrEmptyOutput = errors.New("is empty, as if the command had failed")

type notCollected struct{}

func (notCollected) Error() string        { return "not in the bundle" }
func (notCollected) Is(target error) bool { return target == fs.ErrNotExist }

// absent reports whether the machine is known not to have a program. Collectors
// did not always say; those that read the packet filter asked for all of it.
func (b *bundle) absent(program string) bool {
	if b.about.Version != "" && b.about.Absent == nil {
		tables, err := globIn(b.files, commandFile("nft", []string{"-j", "list", "tables"})+"*")
		return err == nil && len(tables) > 0
	}
	return slices.Contains(b.about.Absent, program)
}

// What marks in a bundle the complaints that were about permission, and those
// about programs that hung.
const (
	privilegeWord = "[not permitted]"
	noAnswerWord  = "[no answer]"
)

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	return line
}

// memoryFS are regular files by path. It opens no directories.
type memoryFS map[string][]byte

func (m memoryFS) Open(name string) (fs.File, error) {
	data, ok := m[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &memoryFile{Reader: bytes.NewReader(data), name: name}, nil
}

// below are the files of one folder.
func (m memoryFS) below(dir string) memoryFS {
	out := memoryFS{}
	for name, data := range m {
		if rest, ok := strings.CutPrefix(name, dir+"/"); ok {
			out[rest] = data
		}
	}
	return out
}

func (m memoryFS) glob(pattern string) (list []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		ok, err := path.Match(pattern, name)
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, name)
		}
	}
	return list, nil
}

// memoryFile is an open file of a memoryFS, and its own FileInfo.
type memoryFile struct {
	*bytes.Reader
	name string
}

func (f *memoryFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *memoryFile) Close() error               { return nil }
func (f *memoryFile) Name() string               { return path.Base(f.name) }
func (f *memoryFile) Size() int64                { return f.Reader.Size() }
func (f *memoryFile) Mode() fs.FileMode          { return 0o444 }
func (f *memoryFile) ModTime() time.Time         { return time.Time{} }
func (f *memoryFile) IsDir() bool                { return false }
func (f *memoryFile) Sys() any                   { return nil }
