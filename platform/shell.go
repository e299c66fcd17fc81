package platform

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// shellPatience is how long a command that was begun may take once the user has
// pressed Ctrl-C. A command cut short leaves half a change behind; restarting a
// service is the slowest of them, and systemd gives it 90 s, which nobody waits.
const shellPatience = 20 * time.Second

// RunShell runs one line of a remedy in a POSIX shell, with the system
// directories in its PATH, and returns what it printed on both outputs, at
// most 64 KiB. It changes the machine: only a person who agreed, or --yes,
// may lead here. A command that has begun when ctx ends is left to finish for
// a while; one that was killed is ErrInDoubt.
func RunShell(ctx context.Context, line string) ([]byte, error) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		return nil, fmt.Errorf("running commands needs a POSIX shell: %w", errors.ErrUnsupported)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := &boundedBuffer{limit: 64 << 10}
	cmd := exec.CommandContext(ctx, sh, "-c", line)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PATH="+strings.Join([]string{os.Getenv("PATH"), "/usr/local/sbin", "/usr/sbin", "/sbin"}, string(filepath.ListSeparator)))
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = ownGroup() // a terminal's Ctrl-C is for this program, not for the command
	// Nothing is sent to it yet; after WaitDelay it is killed.
	cmd.Cancel = func() error { return os.ErrProcessDone }
	cmd.WaitDelay = shellPatience
	err = cmd.Run()
	if exit, ended := errors.AsType[*exec.ExitError](err); errors.Is(err, exec.ErrWaitDelay) || ended && !exit.Exited() {
		err = fmt.Errorf("%w: %w", ErrInDoubt, err)
	}
	return out.kept.Bytes(), err
}
