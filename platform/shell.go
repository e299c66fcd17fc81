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

// shellPatience is how long a command that has been told to end may still take.
const shellPatience = 5 * time.Second

// RunShell runs one line of a remedy in a POSIX shell, with the system
// directories in its PATH, and returns what it printed on both outputs, at
// most 64 KiB. It changes the machine: only a person who agreed, or --yes,
// may lead here.
func RunShell(ctx context.Context, line string) ([]byte, error) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		return nil, fmt.Errorf("running commands needs a POSIX shell: %w", errors.ErrUnsupported)
	}
	out := &boundedBuffer{limit: 64 << 10}
	cmd := exec.CommandContext(ctx, sh, "-c", line)
	cmd.Env = append(os.Environ(), "PATH="+strings.Join([]string{os.Getenv("PATH"), "/usr/local/sbin", "/usr/sbin", "/sbin"}, string(filepath.ListSeparator)))
	cmd.Stdout, cmd.Stderr = out, out
	// Ctrl-C lets a command finish what it began, as a shell would.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = shellPatience
	err = cmd.Run()
	return out.Bytes(), err
}
