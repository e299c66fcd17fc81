package platform

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// archive writes a .tar.gz of the given members.
func archive(t *testing.T, members ...tar.Header) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range members {
		content := h.Uname // where these tests keep what is in the file
		h.Uname, h.Size = "", int64(len(content))
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Typeflag != tar.TypeReg {
			h.Size, content = 0, ""
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(t.TempDir(), "bundle.tar.gz")
	if err := errors.Join(w.Close(), z.Close(), os.WriteFile(name, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestArchivesFromStrangers(t *testing.T) {
	good := tar.Header{Name: "etc/hostname", Uname: "pbx"}
	for _, tt := range []struct {
		name    string
		members []tar.Header
		ask     string
		want    string // in the file asked for; empty: not there
	}{
		{"a path that climbs out", []tar.Header{good, {Name: "../../../../etc/passwd", Uname: "x"}}, "/etc/passwd", "x"},
		{"an absolute path", []tar.Header{{Name: "/etc/hostname", Uname: "pbx"}}, "/etc/hostname", "pbx"},
		{"a path of Windows", []tar.Header{{Name: `etc\hostname`, Uname: "pbx"}}, "/etc/hostname", "pbx"},
		{"a link to a file outside", []tar.Header{good, {Name: "etc/shadow", Typeflag: tar.TypeSymlink, Linkname: "/etc/shadow"}}, "/etc/shadow", ""},
		{"a hard link", []tar.Header{good, {Name: "etc/other", Typeflag: tar.TypeLink, Linkname: "etc/hostname"}}, "/etc/other", ""},
		{"a device", []tar.Header{good, {Name: "etc/disk", Typeflag: tar.TypeBlock, Devmajor: 8}}, "/etc/disk", ""},
		{"a pipe", []tar.Header{good, {Name: "etc/pipe", Typeflag: tar.TypeFifo}}, "/etc/pipe", ""},
		{"one name twice", []tar.Header{good, {Name: "./etc/hostname", Uname: "other"}}, "/etc/hostname", "pbx"},
		{"a folder around it", []tar.Header{{Name: "customer/etc/hostname", Uname: "pbx"}, {Name: "customer/sipdoctor.json", Uname: "{}"}}, "/etc/hostname", "pbx"},
		{"a name that is no file's", []tar.Header{good, {Name: "..", Uname: "x"}}, "/..", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := OpenBundle(archive(t, tt.members...))
			if err != nil {
				t.Fatal(err)
			}
			b, err := ReadSystemFile(s, tt.ask, 100)
			if string(b) != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("%s holds %q, %v", tt.ask, b, err)
			}
		})
	}
}

func TestWhatIsNoBundle(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(archive(t, tar.Header{Name: "etc/hostname", Uname: strings.Repeat("pbx", 500)}))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, file, says string }{
		{"nothing there", filepath.Join(dir, "nowhere"), "nowhere"},
		{"an empty folder", empty, "neither etc nor commands"},
		{"a text", write("a.txt", strings.Repeat("no archive at all ", 100)), "not a tar archive"},
		{"an empty file", write("a.tar", ""), "neither etc nor commands"},
		{"half an archive", write("half.tar.gz", string(whole[:len(whole)/2])), "half.tar.gz"},
		{"an archive of something else", archive(t, tar.Header{Name: "holiday.jpg", Uname: "x"}), "neither etc nor commands"},
		{"one that says nonsense of itself", archive(t, tar.Header{Name: "sipdoctor.json", Uname: "[1"}), "sipdoctor.json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := OpenBundle(tt.file); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, without %q", err, tt.says)
			}
		})
	}
}

// A small archive that unpacks to more than fits is refused on the way, with
// what it grows from: compression, a sparse file, a count.
func TestArchivesThatGrow(t *testing.T) {
	bomb := func(fill func(*tar.Writer) error) string {
		name := filepath.Join(t.TempDir(), "bomb.tar.gz")
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		z := gzip.NewWriter(f)
		w := tar.NewWriter(z)
		if err := errors.Join(fill(w), z.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
		return name
	}
	zeros := make([]byte, 1<<20)
	for name, fill := range map[string]func(*tar.Writer) error{
		"one file of a terabyte": func(w *tar.Writer) error {
			return w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "etc/x", Size: 1 << 40, Format: tar.FormatPAX})
		},
		"a sparse file of a terabyte": func(w *tar.Writer) error {
			return errors.Join(w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "etc/x", Size: 0, PAXRecords: map[string]string{"comment": "x"}, Format: tar.FormatPAX}),
				w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "etc/y", Size: 1 << 40, Format: tar.FormatPAX}))
		},
		"a folder with something in it that does not count": func(w *tar.Writer) error {
			if err := w.WriteHeader(&tar.Header{Typeflag: 'Z', Name: "etc/x", Size: bundleLimit + 1<<20}); err != nil {
				return err
			}
			for range bundleLimit>>20 + 1 {
				if _, err := w.Write(zeros); err != nil {
					return err
				}
			}
			return nil
		},
		"more files than a machine has": func(w *tar.Writer) error {
			for i := range bundleFiles + 1 {
				if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "etc/" + strconv.Itoa(i)}); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := OpenBundle(bomb(fill)); !errors.Is(err, errTooLarge) {
				t.Errorf("%v", err)
			}
		})
	}
}

// Everything a bundle holds can be unpacked on any system.
func TestFilesOfABundleMayBeCalledSoOnWindows(t *testing.T) {
	c := Collect(&fakeSystem{runs: map[string]string{
		"asterisk -rx pjsip show contacts": "x", "csf -g 2001:db8::7": "x", "nft -a -j list table inet filter": "x", `odd <a>|"b"?*`: "x",
	}}, "1")
	for _, line := range [][]string{{"asterisk", "-rx", "pjsip show contacts"}, {"csf", "-g", "2001:db8::7"}, {"nft", "-a", "-j", "list", "table", "inet", "filter"}, {"odd", `<a>|"b"?*`}} {
		if _, err := c.Run(t.Context(), line[0], line[1:]...); err != nil {
			t.Fatal(err)
		}
	}
	for name := range c.files {
		if strings.ContainsAny(name, `\:*?"<>|`) || strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") {
			t.Errorf("%q", name)
		}
	}
	want := []string{"$ asterisk -rx pjsip show contacts", "$ csf -g 2001:db8::7", "$ nft -a -j list table inet filter", `$ odd <a>|"b"?*`}
	if diff := cmp.Diff(want, c.Names()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A database is there whole or not at all: half of one is none.
func TestADatabaseIsNotCut(t *testing.T) {
	long := strings.Repeat("x", 2*collectLimit+1)
	c := Collect(&fakeSystem{files: map[string]string{"/a.sqlite3": "SQLite format 3", "/b.sqlite3": long, "/c.log": "first\n" + long}}, "1")
	for _, name := range []string{"/a.sqlite3", "/b.sqlite3", "/c.log"} {
		f, err := c.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if diff := cmp.Diff([]string{"/b.sqlite3", "/c.log"}, c.about.Cut); diff != "" {
		t.Errorf("cut (-want +got)\n%s", diff)
	}
	if len(c.files["a.sqlite3"]) == 0 || c.files["b.sqlite3"] != nil || len(c.files["c.log"]) > collectLimit {
		t.Errorf("%d, %d and %d bytes are kept", len(c.files["a.sqlite3"]), len(c.files["b.sqlite3"]), len(c.files["c.log"]))
	}
}

// upper is a Cleaner that shouts, to be seen.
type upper struct{ learnt []string }

func (u *upper) Learn(name string, _ []byte) { u.learnt = append(u.learnt, name) }
func (u *upper) Line(line string) string     { return strings.ReplaceAll(line, "192.0.2.7", "STANDIN") }
func (u *upper) Clean(name string, data []byte) []byte {
	if strings.HasSuffix(name, "secret") {
		return nil
	}
	return bytes.ReplaceAll(data, []byte("192.0.2.7"), []byte("192.0.2.8"))
}

// What an address is called in the text, it is called in the names as well, so
// that whoever asks for the stand-in finds the answer.
func TestCleaningReachesTheNamesOfFiles(t *testing.T) {
	c := Collect(&fakeSystem{
		files: map[string]string{"/etc/secret": "x", "/proc/192.0.2.7": "of 192.0.2.7"},
		runs:  map[string]string{"csf -g 192.0.2.7": "192.0.2.7 denied"},
		fails: map[string]error{"csf -t 192.0.2.7": errors.New("no 192.0.2.7")},
	}, "1")
	c.about.Admin = netip.MustParseAddr("192.0.2.7")
	for _, f := range []string{"/etc/secret", "/proc/192.0.2.7"} {
		if f, err := c.Open(f); err == nil {
			f.Close()
		}
	}
	_, _ = c.Run(t.Context(), "csf", "-g", "192.0.2.7")
	_, _ = c.Run(t.Context(), "csf", "-t", "192.0.2.7")
	u := &upper{}
	var b bytes.Buffer
	name := filepath.Join(t.TempDir(), "b.tar.gz")
	if err := errors.Join(c.Write(&b, true, u), os.WriteFile(name, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	s, err := OpenBundle(name)
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Run(t.Context(), "csf", "-g", "STANDIN")
	if string(out) != "192.0.2.8 denied" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := s.Run(t.Context(), "csf", "-t", "STANDIN"); err == nil || errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "192.0.2.7") {
		t.Errorf("the complaint: %v", err)
	}
	if _, err := s.Open("/etc/secret"); err == nil {
		t.Error("what was left out is there")
	}
	if a := Administrator(s); a.String() != "192.0.2.8" || !IsRedacted(s) {
		t.Errorf("collected by %s, redacted %v", a, IsRedacted(s))
	}
	if len(u.learnt) != 4 {
		t.Errorf("it learnt of %q", u.learnt)
	}
}
