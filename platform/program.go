package platform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// findProgram looks for name in PATH and in the system directories that the
// PATH of an ordinary user leaves out.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil || runtime.GOOS == "windows" {
		return path, err
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if p, perr := exec.LookPath(filepath.Join(dir, name)); perr == nil {
			return p, nil
		}
	}
	return "", err
}

// limits bound one run of a program.
type limits struct {
	output   int // bytes
	patience time.Duration
}

// runProgram runs a program in the C locale and returns what it printed, also
// before a failure; the error quotes the first line of the program's complaint.
// A program that gets input is asked through it: what it complains of belongs to
// its answers and stands between them.
func runProgram(ctx context.Context, limit limits, input []byte, name string, args ...string) ([]byte, error) {
	line := commandLine(name, args)
	path, err := findProgram(name)
	if errors.Is(err, exec.ErrNotFound) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("running %s: %w", line, err)
	}
	out, complaint := &boundedBuffer{limit: limit.output}, &boundedBuffer{limit: 4096}
	begin := time.Now()
	limited, cancel := context.WithTimeout(ctx, limit.patience)
	defer cancel()
	cmd := prepare(limited, path, args)
	cmd.Stdout, cmd.Stderr = out, complaint
	if input != nil {
		complaint = out
		cmd.Stdin, cmd.Stderr = bytes.NewReader(input), out
	}
	err = failed(ctx, limited, begin, cmd.Run(), complaint)
	switch {
	case err != nil:
	case out.full:
		return out.kept.Bytes(), fmt.Errorf("running %s: more than %d bytes of output", line, limit.output)
	default:
		return out.kept.Bytes(), nil
	}
	return out.kept.Bytes(), fmt.Errorf("running %s: %w", line, err)
}

// failed is why a program that was run until limited ends did not do what it should; nil
// where it did.
func failed(ctx, limited context.Context, begin time.Time, err error, complaint *boundedBuffer) error {
	switch said := firstLine(complaint.kept.Bytes()); {
	case err == nil:
		return nil
	case ctx.Err() != nil: // our caller's time is over, which says nothing about the program
		return context.Cause(ctx)
	case limited.Err() != nil:
		return fmt.Errorf("%w within %s", ErrNoAnswer, time.Since(begin).Round(100*time.Millisecond))
	case said != "":
		return fmt.Errorf("%q: %w", said, err)
	}
	return err
}

// prepare makes a program ready that speaks the C locale and ends with the
// context, and all that it started with it.
func prepare(ctx context.Context, path string, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return killGroup(cmd.Process) }
	cmd.Env = append(os.Environ(), "LC_ALL=C", "LANG=C")
	// A child of the program that keeps the pipe open must not hold up the run.
	cmd.WaitDelay = time.Second
	return cmd
}

// commandLine is a program with its arguments, as a user would type it.
func commandLine(program string, args []string) string {
	return strings.Join(append([]string{program}, args...), " ")
}

// boundedBuffer keeps the first bytes written to it and swallows the rest.
type boundedBuffer struct {
	kept  bytes.Buffer // not embedded: io.Copy would find its ReadFrom, and no limit
	limit int
	full  bool
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	keep := p
	if room := b.limit - b.kept.Len(); len(p) > room {
		keep, b.full = p[:room], true
	}
	b.kept.Write(keep)
	return len(p), nil
}
