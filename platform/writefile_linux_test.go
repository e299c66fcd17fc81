package platform

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// asRoot skips what only root can set up: files of other users, mounts.
func asRoot(t *testing.T, what string) {
	t.Helper()
	if os.Geteuid() != 0 {
		without(t, what, errors.New("this needs root"))
	}
}

func modeOf(t *testing.T, name string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

// The mode of an old file counts only where it is stricter, and only if nobody
// else can have chosen it.
func TestAReportIsNeverWritableForOthers(t *testing.T) {
	const stranger = 65534
	dir := t.TempDir()
	for _, tt := range []struct {
		name      string
		old       fs.FileMode
		owner     int
		most, now fs.FileMode
	}{
		{"a new report", 0, 0, ReportMode, 0o644},
		{"a new bundle", 0, 0, PrivateMode, 0o600},
		{"over a report that everybody may write", 0o666, 0, ReportMode, 0o644},
		{"over one with everything allowed", 0o777, 0, ReportMode, 0o644},
		{"over a private report", 0o600, 0, ReportMode, 0o600},
		{"a bundle over a report", 0o644, 0, PrivateMode, 0o600},
		{"over a file that somebody planted", 0o666, stranger, ReportMode, 0o644},
		{"a bundle over a planted file", 0o666, stranger, PrivateMode, 0o600},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(dir, strings.ReplaceAll(tt.name, " ", "-"))
			if tt.old != 0 {
				if err := errors.Join(os.WriteFile(name, []byte("old"), 0o600), os.Chmod(name, tt.old)); err != nil {
					t.Fatal(err)
				}
			}
			if tt.owner != 0 {
				asRoot(t, "files of other users")
				if err := os.Chown(name, tt.owner, tt.owner); err != nil {
					t.Skip(err) // the root of a user namespace has one user
				}
			}
			if err := WriteOutput(t.Context(), name, []byte("new"), tt.most); err != nil {
				t.Fatal(err)
			}
			var st unix.Stat_t
			if err := unix.Stat(name, &st); err != nil || int(st.Uid) != os.Geteuid() {
				t.Errorf("it belongs to %d (%v)", st.Uid, err)
			}
			if got := modeOf(t, name); got != tt.now {
				t.Errorf("mode %v, not %v", got, tt.now)
			}
		})
	}
}

// In /tmp everybody may put a link where root is known to write.
func TestLinksOfOtherUsersAreNotFollowed(t *testing.T) {
	asRoot(t, "files of other users")
	dir := t.TempDir()
	open := filepath.Join(dir, "tmp")
	target := filepath.Join(dir, "target")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o777|fs.ModeSticky), os.WriteFile(target, []byte("precious"), 0o644)); err != nil {
		t.Fatal(err)
	}
	plant := func(name, to string, owner int) string {
		name = filepath.Join(open, name)
		if err := os.Symlink(to, name); err != nil {
			t.Fatal(err)
		}
		if err := os.Lchown(name, owner, owner); err != nil {
			t.Skip(err)
		}
		return name
	}
	pipe := filepath.Join(open, "pipe")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o666), os.Chown(pipe, 65534, 65534)); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{
		plant("report", target, 65534),
		plant("nowhere", filepath.Join(dir, "new"), 65534),
		filepath.Join(plant("folder", dir, 65534), "target"), // on the way
		pipe,
	} {
		for _, err := range []error{CheckOutput(name), WriteOutput(t.Context(), name, []byte("x"), ReportMode)} {
			if err == nil || !strings.Contains(err.Error(), "another user") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if b, err := os.ReadFile(target); string(b) != "precious" {
		t.Errorf("the target holds %q, %v", b, err)
	}
	if diff := cmp.Diff([]string{"target", "tmp"}, names(t, dir)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	own := plant("own", target, 0)
	if err := WriteOutput(t.Context(), own, []byte("x"), ReportMode); err != nil {
		t.Errorf("root's own link: %v", err)
	}
}

// A device is written to and stays a device.
func TestDevicesAreWrittenTo(t *testing.T) {
	for _, name := range []string{"/dev/null", "/dev/full"} {
		before := modeOf(t, name)
		err := WriteOutput(t.Context(), name, []byte("a report"), ReportMode)
		if name == "/dev/full" && !IsDiskFault(err) || name == "/dev/null" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if after := modeOf(t, name); after != before {
			t.Errorf("%s was %v and is %v", name, before, after)
		}
	}
	asRoot(t, "devices")
	dir := t.TempDir()
	null, disk := filepath.Join(dir, "null"), filepath.Join(dir, "disk")
	if err := errors.Join(unix.Mknod(null, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))), unix.Mknod(disk, unix.S_IFBLK|0o600, int(unix.Mkdev(7, 200)))); err != nil {
		without(t, "devices", err)
	}
	if err := WriteOutput(t.Context(), null, []byte("a report"), ReportMode); err != nil || modeOf(t, null)&fs.ModeCharDevice == 0 {
		t.Errorf("%v, and it is %v", err, modeOf(t, null))
	}
	if err := CheckOutput(disk); err == nil || !strings.Contains(err.Error(), "it is a disk") {
		t.Errorf("a disk: %v", err)
	}
	if diff := cmp.Diff([]string{"disk", "null"}, names(t, dir)); diff != "" {
		t.Errorf("left behind (-want +got)\n%s", diff)
	}
}

// What /dev/stdout and a shell's >(…) mean is the open descriptor: also where
// that is a file, which is written on from where it stands.
func TestDescriptorsAreWrittenTo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("before\n"); err != nil {
		t.Fatal(err)
	}
	var before, after unix.Stat_t
	if err := unix.Stat(file, &before); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"/dev/fd", "/proc/self/fd", "/proc/thread-self/fd"} {
		fd := filepath.Join(dir, strconv.Itoa(int(f.Fd())))
		if err := WriteOutput(t.Context(), fd, []byte(dir+"\n"), ReportMode); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if want := "before\n/dev/fd\n/proc/self/fd\n/proc/thread-self/fd\n"; string(b) != want {
		t.Errorf("it holds %q, %v, not %q", b, err, want)
	}
	if err := unix.Stat(file, &after); err != nil || before.Ino != after.Ino {
		t.Errorf("the file was replaced (%v)", err)
	}
	reader, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := CheckOutput("/dev/fd/" + strconv.Itoa(int(reader.Fd()))); err == nil {
		t.Error("a descriptor that is open for reading was accepted")
	}
	if err := CheckOutput("/dev/fd/987654"); err == nil {
		t.Error("a descriptor that is not open was accepted")
	}
}

func TestAPipeIsWrittenTo(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	report := bytes.Repeat([]byte("a report "), 100_000) // more than a pipe holds
	read := make(chan []byte)
	go func() {
		f, err := os.Open(pipe)
		if err != nil {
			t.Error(err)
		}
		defer f.Close()
		b, _ := io.ReadAll(f)
		read <- b
	}()
	if err := WriteOutput(t.Context(), pipe, report, ReportMode); err != nil {
		t.Fatal(err)
	}
	if got := <-read; !bytes.Equal(got, report) {
		t.Errorf("%d of %d bytes arrived", len(got), len(report))
	}
	if modeOf(t, pipe)&fs.ModeNamedPipe == 0 {
		t.Errorf("the pipe is %v", modeOf(t, pipe))
	}
}

// Nobody waits for ever for a reader that does not come or does not read.
func TestAPipeThatNobodyReads(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	if err := CheckOutput(pipe); err != nil {
		t.Errorf("looking at it: %v", err) // and it returned
	}
	err := writeOutput(t.Context(), pipe, []byte("x"), ReportMode, 50*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "nobody reads") {
		t.Errorf("without a reader: %v", err)
	}
	// A reader that opens it and stops reading: Ctrl-C ends it.
	reader, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if err := WriteOutput(ctx, pipe, make([]byte, 1<<20), ReportMode); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("interrupted: %v", err)
	}
	// A run that was interrupted before still hands over what it has.
	if err := WriteOutput(ctx, "/dev/null", []byte("x"), ReportMode); err != nil {
		t.Errorf("after an interruption: %v", err)
	}
}

// A disk that is full or read-only gives an error, keeps the old file and has
// nothing else on it afterwards.
func TestADiskThatTakesNothing(t *testing.T) {
	dir := t.TempDir()
	withMounts(t, func() error {
		if err := unix.Mount("small", dir, "tmpfs", 0, "size=64k"); err != nil {
			return err
		}
		name := filepath.Join(dir, "report")
		if err := WriteOutput(t.Context(), name, []byte("the old one"), ReportMode); err != nil {
			t.Errorf("with room: %v", err)
		}
		for _, mode := range []fs.FileMode{ReportMode, PrivateMode} {
			if err := WriteOutput(t.Context(), name, make([]byte, 1<<20), mode); !IsDiskFault(err) {
				t.Errorf("a full disk: %v", err)
			}
		}
		if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			return err
		}
		for _, err := range []error{CheckOutput(name), CheckOutput(name + "2"), WriteOutput(t.Context(), name, []byte("x"), ReportMode)} {
			if !IsDiskFault(err) {
				t.Errorf("a read-only disk: %v", err)
			}
		}
		if b, err := os.ReadFile(name); string(b) != "the old one" {
			t.Errorf("the report holds %q, %v", b, err)
		}
		if diff := cmp.Diff([]string{"report"}, names(t, dir)); diff != "" {
			t.Errorf("left behind (-want +got)\n%s", diff)
		}
		return nil
	})
}

// withMounts runs f where it may mount what it likes: nobody else sees it.
func withMounts(t *testing.T, f func() error) {
	t.Helper()
	asRoot(t, "mounts")
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its mounts
		err := errors.Join(unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS), unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		if err == nil {
			err = f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		without(t, "mount namespaces", err)
	}
}
