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
	t, err := runProgram(ctx, maxProgramOutput, programPatience(name), name, args...)
	if err != nil {
		t.Output = nil
	}
	return t, err
}

// runProgram is runText that keeps at most limit bytes, waits no longer than
// patience, and returns what was printed before a failure beside the error.
func runProgram(ctx context.Context, limit int, patience time.Duration, name string, args ...string) (Text, error) {
	t := Text{Program: strings.Join(append([]string{name}, args...), " ")}
	path, err := findProgram(name)
	if errors.Is(err, exec.ErrNotFound) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return t, fmt.Errorf("running %s: %w", t.Program, err)
	}
	out, complaint := &boundedBuffer{limit: limit}, &boundedBuffer{limit: 4096}
	begin := time.Now()
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(limited, path, args...)
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return killGroup(cmd.Process) }
	cmd.Env = append(os.Environ(), "LC_ALL=C", "LANG=C")
	cmd.Stdout, cmd.Stderr = out, complaint
	// A child of the program that keeps the pipe open must not hold up the run.
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	t.Output = out.Bytes()
	switch {
	case err != nil && ctx.Err() != nil: // our caller's time is over, which says nothing about the program
		return t, fmt.Errorf("running %s: %w", t.Program, context.Cause(ctx))
	case err != nil && limited.Err() != nil:
		return t, fmt.Errorf("running %s: %w within %s", t.Program, ErrNoAnswer, time.Since(begin).Round(100*time.Millisecond))
	}
	if err != nil {
		if line, _, _ := strings.Cut(strings.TrimSpace(complaint.String()), "\n"); line != "" {
			return t, fmt.Errorf("running %s: %q: %w", t.Program, line, err)
		}
		return t, fmt.Errorf("running %s: %w", t.Program, err)
	}
	if out.full {
		return t, fmt.Errorf("running %s: more than %d bytes of output", t.Program, limit)
	}
	return t, nil
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
