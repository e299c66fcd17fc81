package platform

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	confineVar    = "SIPDOCTOR_TEST_CONFINE"
	confineDirVar = "SIPDOCTOR_TEST_CONFINE_DIR"
	confineOutVar = "SIPDOCTOR_TEST_CONFINE_OUTGOING"
)

// outcome is what the confined process could do, by what it tried.
type outcome struct {
	Confined Confined
	Did      map[string]string // "done", or the error
	Threads  []string          // the status lines of each thread that matter
}

// TestConfinedProcess is that process; without its variable it does nothing.
func TestConfinedProcess(t *testing.T) {
	listener := os.Getenv(confineVar)
	if listener == "" {
		return
	}
	var hold sync.WaitGroup
	stop := make(chan struct{})
	more := func() {
		var running sync.WaitGroup
		for range 4 {
			running.Add(1)
			hold.Go(func() { runtime.LockOSThread(); running.Done(); <-stop })
		}
		running.Wait()
	}
	more()
	own := os.Getenv(confineDirVar)
	settled := Settled(context.Background(), RealOptions{})
	o := outcome{Confined: Confine(Keeps{Writable: own, Outgoing: os.Getenv(confineOutVar) != ""}), Did: map[string]string{}}
	more() // threads that are made afterwards
	try := func(what string, err error) {
		o.Did[what] = "done"
		if err != nil {
			o.Did[what] = errors.Unwrap(errOr(err)).Error()
		}
	}
	read := func(name string) error { _, err := os.ReadFile(name); return err }
	elsewhere := make(chan struct{})
	hold.Go(func() {
		defer close(elsewhere)
		runtime.LockOSThread()
		try("reads a secret file", read("/etc/passwd"))
	})
	<-elsewhere
	try("lists a directory", func() error { _, err := os.ReadDir("/"); return err }())
	try("writes a file", os.WriteFile(filepath.Join(os.TempDir(), "sipdoctor-confined"), nil, 0o600))
	beside := filepath.Dir(own)
	try("keeps a file in its own directory", errors.Join(Keep(filepath.Join(own, "office"), "1.json", []byte("x")), Keep(filepath.Join(own, "office"), "1.json", []byte("y"))))
	try("reads it again", func() error { _, err := ReadKept(filepath.Join(own, "office"), "1.json"); return err }())
	try("removes it", DropKept(filepath.Join(own, "office"), "1.json"))
	try("writes beside its own directory", os.WriteFile(filepath.Join(beside, "file"), []byte("x"), 0o600))
	try("removes a file beside it", os.Remove(filepath.Join(beside, "there")))
	taken := os.Rename(filepath.Join(beside, "there"), filepath.Join(own, "there"))
	if errors.Is(taken, syscall.EXDEV) {
		taken = &os.SyscallError{Syscall: "rename", Err: syscall.EACCES} // so says a kernel before 5.19
	}
	try("takes a file from beside it", taken)
	try("makes a link out of it", os.Symlink("/etc/passwd", filepath.Join(own, "link")))
	try("starts a program", func() error {
		_, err := os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
		return err
	}())
	try("connects by TCP", func() error {
		c, err := net.DialTimeout("tcp", listener, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err
	}())
	try("finds a name of the hosts file", func() error { _, err := settled.LookupAddrs(context.Background(), "localhost"); return err }())
	try("reads the sockets", read("/proc/thread-self/net/udp"))
	try("opens UDP", func() error {
		c, err := Real(RealOptions{}).OpenUDP(context.Background(), netip.MustParseAddrPort("127.0.0.1:0"))
		if err == nil {
			_ = c.Close()
		}
		return err
	}())
	o.Threads = statusOfThreads()
	close(stop)
	if err := json.NewEncoder(os.Stdout).Encode(o); err != nil {
		t.Error(err)
	}
	os.Exit(0) // the testing package would want to write
}

// errOr is err with something to unwrap.
func errOr(err error) error {
	if errors.Unwrap(err) == nil {
		return &os.SyscallError{Syscall: "x", Err: err}
	}
	for errors.Unwrap(errors.Unwrap(err)) != nil {
		err = errors.Unwrap(err)
	}
	return err
}

func statusOfThreads() (out []string) {
	files, _ := filepath.Glob("/proc/self/task/*/status")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		var kept []string
		for l := range strings.Lines(string(b)) {
			switch name, value, _ := strings.Cut(l, ":"); name {
			case "CapEff", "CapPrm", "NoNewPrivs", "Seccomp":
				kept = append(kept, name+" "+strings.TrimSpace(value))
			}
		}
		out = append(out, strings.Join(kept, ", "))
	}
	return out
}

func TestAConfinedProcessCanServeAndNothingElse(t *testing.T) {
	for outgoing, connects := range map[string]string{"": syscall.EACCES.Error(), "1": "done"} {
		t.Run("outgoing "+outgoing, func(t *testing.T) { confined(t, outgoing, connects) })
	}
}

// confined starts a process that confines itself and looks at what it could do then;
// connects is what becomes of a connection to others.
func confined(t *testing.T, outgoing, connects string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^TestConfinedProcess$")
	dir := t.TempDir()
	own := filepath.Join(dir, "own")
	if err := errors.Join(os.Mkdir(own, 0o700), os.WriteFile(filepath.Join(dir, "there"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), confineVar+"="+l.Addr().String(), confineDirVar+"="+own, confineOutVar+"="+outgoing)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var o outcome
	if err := json.Unmarshal(out, &o); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if o.Confined.Problem != "" {
		t.Skipf("this kernel or this build does not have all of it: %s", o.Confined.Problem)
	}
	want := map[string]string{
		"reads a secret file": syscall.EACCES.Error(), "lists a directory": syscall.EACCES.Error(), "writes a file": syscall.EACCES.Error(),
		"keeps a file in its own directory": "done", "reads it again": "done", "removes it": "done",
		"writes beside its own directory": syscall.EACCES.Error(), "removes a file beside it": syscall.EACCES.Error(),
		"takes a file from beside it": syscall.EACCES.Error(), "makes a link out of it": syscall.EACCES.Error(),
		"starts a program": syscall.EPERM.Error(), "connects by TCP": connects, "finds a name of the hosts file": "done",
		"reads the sockets": "done", "opens UDP": "done",
	}
	if d := cmp.Diff(want, o.Did); d != "" {
		t.Errorf("what it could do: %s", d)
	}
	if len(o.Threads) < 8 {
		t.Errorf("only %d threads were looked at", len(o.Threads))
	}
	for _, s := range o.Threads {
		if s != "CapPrm 0000000000000000, CapEff 0000000000000000, NoNewPrivs 1, Seccomp 2" {
			t.Errorf("a thread has %s", s)
		}
	}
}
