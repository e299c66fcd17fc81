package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sipdoctor/sipdoctor/platform"
)

func TestMain(m *testing.M) {
	keepStateElsewhere()
	testscript.Main(m, map[string]func(){"sipdoctor": main})
}

// keepStateElsewhere keeps what tests make the program remember away from what
// this machine remembers.
func keepStateElsewhere() {
	if os.Getenv("STATE_DIRECTORY") != "" {
		return
	}
	dir := filepath.Join(os.TempDir(), "sipdoctor-tests-"+strconv.Itoa(os.Getuid()))
	_ = os.Setenv("STATE_DIRECTORY", dir)            // fails for no name like this
	_ = os.Remove(filepath.Join(dir, strangersFile)) // what other tests' servers were like; often not there
}

// The scripts run the real program. They send nothing beyond loopback.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup:               withSavedReports,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"deaf":  deaf,
		},
	})
}

// withSavedReports copies the saved reports into the script's folder, and
// makes text come out the same on every machine.
func withSavedReports(env *testscript.Env) error {
	files, err := filepath.Glob("../../testdata/reports/*.json")
	if err != nil {
		return err
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(env.WorkDir, filepath.Base(f)), raw, 0o644); err != nil {
			return err
		}
	}
	env.Setenv("LC_ALL", "C.UTF-8")
	env.Setenv(platform.ConfigVar, noConfig) // whatever this machine has
	env.Setenv("STATE_DIRECTORY", filepath.Join(env.WorkDir, "state"))
	return nil
}

// exits runs a command that must end with exactly that status: exits 2
// sipdoctor chek
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d\n%s%s", got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// deaf sets the named variable to an address where packets and connections
// arrive and nobody ever answers.
func deaf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: deaf VARIABLE")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	u, err := net.ListenPacket("udp", l.Addr().String())
	ts.Check(err)
	ts.Defer(func() { _ = l.Close(); _ = u.Close() })
	ts.Setenv(args[0], l.Addr().String())
}
