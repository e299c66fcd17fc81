// Package labtest runs the real program in real offices: Linux network
// namespaces with the kernel's own NAT, packet filter and SIP ALG.
package labtest

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// What TestMain hands to the process inside the lab.
const (
	programVar = "SIPDOCTOR_LABTEST_PROGRAM"
	reasonVar  = "SIPDOCTOR_LABTEST_REASON"
)

// TestMain builds the program while there still is a network, then enters the
// lab.
func TestMain(m *testing.M) {
	waitSideBySide()
	code, err := enter(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// waitSideBySide lets more tests run at a time than there are cores, unless
// -parallel says how many: a check waits for answers and timers most of its time.
// Tests that measure time or fill the machine are not parallel, so nothing runs
// beside them.
func waitSideBySide() {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		_ = flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))) // it is a flag of every test
	}
}

func enter(m *testing.M) (int, error) {
	if os.Getenv(programVar) == "" {
		dir, err := os.MkdirTemp("", "sipdoctor-labtest")
		if err != nil {
			return 0, err
		}
		defer os.RemoveAll(dir)
		// The namespaces of a user without root see this as somebody else's.
		if err := os.Chmod(dir, 0o755); err != nil {
			return 0, err
		}
		program := filepath.Join(dir, "sipdoctor")
		build := exec.Command("go", "build", "-o", program, "..")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("building the program: %w\n%s", err, out)
		}
		if err := os.Setenv(programVar, program); err != nil {
			return 0, err
		}
	}
	inside, exit, err := lab.Enter(context.Background())
	switch {
	case errors.Is(err, lab.ErrUnavailable):
		if err := os.Setenv(reasonVar, err.Error()); err != nil {
			return 0, err
		}
		return m.Run(), nil
	case err != nil:
		return 0, err
	case inside:
		return m.Run(), nil
	}
	return exit, nil
}

// need skips the test where no office can be built or a peer is missing, and
// fails it instead where the lab is required.
func need(t testing.TB, programs ...string) {
	t.Helper()
	reason := os.Getenv(reasonVar)
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil && reason == "" {
			reason = err.Error()
		}
	}
	if reason == "" {
		return
	}
	if os.Getenv("SIPDOCTOR_LAB") == "require" {
		t.Fatalf("SIPDOCTOR_LAB=require, and %s", reason)
	}
	t.Skip(reason)
}

// office is a scenario that stands, with its responder running.
type office struct {
	*lab.Office
	server *lab.Server
}

func open(t testing.TB, s lab.Scenario) *office {
	t.Helper()
	need(t)
	o, err := lab.Build(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	server, err := o.Serve(t.Context(), os.Getenv(programVar))
	if err != nil {
		t.Fatal(err)
	}
	return &office{o, server}
}

func scenario(t testing.TB, name string) lab.Scenario {
	t.Helper()
	s, ok := lab.Find(name)
	if !ok {
		t.Fatalf("no scenario %q", name)
	}
	return s
}

// check runs the program on the phone and reads its report.
func (o *office) check(t testing.TB, args ...string) (*checks.Report, int) {
	t.Helper()
	return run(t, o.Phone, append([]string{"check", "--format", "json"}, args...)...)
}

// withResponder are the arguments that name the office's servers. The routers
// of the lab hold as many connections as anybody opens, so the sweep of the RTP
// ports need not be slow.
func (o *office) withResponder(args ...string) []string {
	return append(o.politely(), append([]string{"--fast"}, args...)...)
}

// politely are the same arguments for a run as a customer's office gets it.
func (o *office) politely(args ...string) []string { return append(o.server.CheckArgs(), args...) }

// program is a run of the program in a node. What check remembers of it is
// nothing to this machine.
func program(ctx context.Context, t testing.TB, n *lab.Node, args ...string) *lab.Cmd {
	t.Helper()
	cmd := n.Command(ctx, os.Getenv(programVar), args...)
	if args[0] == "check" {
		cmd.Env = append(os.Environ(), "LC_MESSAGES=C", "STATE_DIRECTORY="+t.TempDir())
	}
	return cmd
}

func run(t testing.TB, n *lab.Node, args ...string) (*checks.Report, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := program(ctx, t, n, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatalf("running %q: %v", args, err)
	}
	rep, err := checks.ReadReport(&out)
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, errs.String())
	}
	record(t, rep)
	return rep, cmd.ProcessState.ExitCode()
}

// shell runs lines in a node, as a technician would type them.
func shell(t testing.TB, n *lab.Node, lines ...string) {
	t.Helper()
	for _, l := range lines {
		cmd := n.Command(t.Context(), "sh", "-c", l)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", l, err, out)
		}
	}
}
