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

// maxProgramOutput bounds what is kept of a program's output. 16 MiB holds a
// ruleset of some 100,000 rules; more would be a program gone wild.
const maxProgramOutput = 16 << 20

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

// runText runs a program in the C locale and returns what it printed. The
// error quotes the first line of the program's complaint.
func runText(ctx context.Context, name string, args ...string) (Text, error) {
	t, err := runProgram(ctx, limits{output: maxProgramOutput, patience: programPatience(name)}, nil, name, args...)
	if err != nil {
		t.Output = nil
	}
	return t, err
}

// limits bound one run of a program.
type limits struct {
	output   int // bytes
	patience time.Duration
}

// runProgram is runText within other limits, which returns what was printed
// before a failure beside the error. A program that gets input is asked through
// it: what it complains of belongs to its answers and stands between them.
func runProgram(ctx context.Context, limit limits, input []byte, name string, args ...string) (Text, error) {
	t := Text{Program: strings.Join(append([]string{name}, args...), " ")}
	path, err := findProgram(name)
	if errors.Is(err, exec.ErrNotFound) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return t, fmt.Errorf("running %s: %w", t.Program, err)
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
	err = cmd.Run()
	t.Output = out.Bytes()
	switch {
	case err != nil && ctx.Err() != nil: // our caller's time is over, which says nothing about the program
		err = context.Cause(ctx)
	case err != nil && limited.Err() != nil:
		err = fmt.Errorf("%w within %s", ErrNoAnswer, time.Since(begin).Round(100*time.Millisecond))
	case err != nil:
		if line, _, _ := strings.Cut(strings.TrimSpace(complaint.String()), "\n"); line != "" {
			err = fmt.Errorf("%q: %w", line, err)
		}
	case out.full:
		return t, fmt.Errorf("running %s: more than %d bytes of output", t.Program, limit.output)
	default:
		return t, nil
	}
	return t, fmt.Errorf("running %s: %w", t.Program, err)
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

// runTexts runs several programs and keeps what worked.
func runTexts(ctx context.Context, commands ...[]string) ([]Text, error) {
	var texts []Text
	var errs []error
	for _, c := range commands {
		t, err := runText(ctx, c[0], c[1:]...)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		texts = append(texts, t)
	}
	return texts, errors.Join(errs...)
}

// boundedBuffer keeps the first bytes written to it and swallows the rest.
type boundedBuffer struct {
	kept  bytes.Buffer // not embedded: io.Copy would find its ReadFrom, and no limit
	limit int
	full  bool
}

func (b *boundedBuffer) Bytes() []byte  { return b.kept.Bytes() }
func (b *boundedBuffer) String() string { return b.kept.String() }

func (b *boundedBuffer) Write(p []byte) (int, error) {
	keep := p
	if room := b.limit - b.kept.Len(); len(p) > room {
		keep, b.full = p[:room], true
	}
	b.kept.Write(keep)
	return len(p), nil
}
