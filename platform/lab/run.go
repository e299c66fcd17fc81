package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"

	"golang.org/x/term"

	"github.com/sipdoctor/sipdoctor/platform"
)

// RunOptions say what Run runs. The zero value runs the real check, silently.
type RunOptions struct {
	Self    string   // path of the sipdoctor program; empty: this program
	Command []string // what runs in the phone instead of check
	Check   []string // further arguments of check
	// OnlyResponder has check ask the responder and no other server.
	OnlyResponder bool

	Stdin          io.Reader // hand os.Stdin, os.Stdout and os.Stderr over for a terminal
	Stdout, Stderr io.Writer
	Warn           func(error) // told that there is no responder for Command; may be nil
}

// Run builds the office of s, starts the real responder on the Internet side,
// runs check (or o.Command) on the phone and returns its exit status. It needs
// the rights that Enter gives.
//
// A command finds the responder in SIPDOCTOR_LAB_RESPONDER and its fingerprint
// in SIPDOCTOR_LAB_FINGERPRINT. As a command need not be about the responder,
// a responder that does not start is then only a warning.
func Run(ctx context.Context, s Scenario, o RunOptions) (exit int, err error) {
	office, err := Build(ctx, s)
	if err != nil {
		return 0, err
	}
	defer office.Close()
	o.Check = append(s.CheckArgs(), o.Check...)
	return office.Run(ctx, o)
}

// Run starts the responder of an office that stands, and runs check or a command as
// the function Run does.
func (o *Office) Run(ctx context.Context, opt RunOptions) (exit int, err error) {
	server, err := o.Serve(ctx, opt.Self)
	if err != nil {
		if len(opt.Command) == 0 {
			return 0, err
		}
		server = &Server{}
		if opt.Warn != nil {
			opt.Warn(fmt.Errorf("no responder in this lab: %w", err))
		}
	}
	argv := opt.Command
	if len(argv) == 0 {
		argv = append([]string{program(opt.Self), "check"}, server.CheckArgs()...)
		if opt.OnlyResponder {
			argv = append([]string{program(opt.Self), "check", "--no-public"}, server.responderArgs()...)
		}
		argv = append(argv, opt.Check...)
	}
	cmd := o.Phone.Command(ctx, argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = opt.Stdin, opt.Stdout, opt.Stderr
	// What is remembered of a run in here must not take the place of a real one, nor
	// what is configured for a real network that of the scenario.
	state, err := os.MkdirTemp("", "sipdoctor-lab-state-")
	if err != nil {
		return 0, fmt.Errorf("making a place for the state of the lab: %w", err)
	}
	defer os.RemoveAll(state)
	cmd.Env = append(os.Environ(), "SIPDOCTOR_LAB_RESPONDER="+o.Servers.responderAt(o.Scenario.ControlPort), "SIPDOCTOR_LAB_FINGERPRINT="+server.Fingerprint, "STATE_DIRECTORY="+state, platform.ConfigVar+"=none")
	endPolitely(cmd.Cmd)
	exit, err = exitStatus(cmd.Cmd, cmd.Run())
	if err != nil {
		return 0, fmt.Errorf("running %s in the phone: %w", argv[0], err)
	}
	return exit, nil
}

// program is the path to run for sipdoctor itself. The link works even when
// the file was replaced or deleted since, as "go run" and "go test" do.
func program(self string) string {
	if self == "" {
		return "/proc/self/exe"
	}
	return self
}

// endGrace is how long a command may take to print what it has after it was
// told to end.
const endGrace = 5 * time.Second

// endPolitely makes the end of the command's context an interrupt, as Ctrl-C
// is, and kills only what does not follow. On a terminal Ctrl-C has reached the
// command already, and a second one would cut its report short.
func endPolitely(cmd *exec.Cmd) {
	cmd.Cancel = func() error {
		if onTerminal() {
			return nil
		}
		return cmd.Process.Signal(os.Interrupt)
	}
	cmd.WaitDelay = endGrace
}

func onTerminal() bool {
	return slices.ContainsFunc([]*os.File{os.Stdin, os.Stdout, os.Stderr}, func(f *os.File) bool {
		return term.IsTerminal(int(f.Fd()))
	})
}

// exitStatus is a shell's view of how a command ended. err, of Run or Wait,
// counts only when the command has not run: that its context ended too, or that
// a grandchild held its output, does not change how it ended.
func exitStatus(cmd *exec.Cmd, err error) (int, error) {
	p := cmd.ProcessState
	if p == nil {
		return 0, err
	}
	if sig := endingSignal(p); sig != 0 {
		return 128 + sig, nil
	}
	return p.ExitCode(), nil
}
