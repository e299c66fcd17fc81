package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sipdoctor/sipdoctor/platform"
)

// insideVar tells the program that it runs in the lab already: "3" is the
// descriptor on which the new process reports that it has settled, "yes" that
// it or an ancestor has.
const insideVar = "SIPDOCTOR_LAB_INSIDE"

const (
	reportFD    = 3
	settledWord = "settled"
	// exitUnsettled is the status of an inner process that found no place for
	// a lab. The outer one knows why and ignores it.
	exitUnsettled = 3
)

// Reentered reports whether Enter started this process.
func Reentered() bool { return os.Getenv(insideVar) == fmt.Sprint(reportFD) && isPipe(reportFD) }

// Enter runs this program again, with the same arguments, in namespaces of its
// own: users (unless it is root already), network, mounts and processes. It is
// called early in main, before anything is changed or printed.
//
// In the new process it returns inside == true: offices can be built. In the
// old one it returns when the new one has ended: inside is false and exit is
// its exit status, which the caller hands on. An error wraps ErrUnavailable,
// says what forbids the lab, and means that nothing has run.
//
// The new process has loopback and no other network. It dies with this one,
// and everything it started dies with it.
func Enter(ctx context.Context) (inside bool, exit int, err error) { return enter(ctx, nil) }

// EnterFed is Enter with a text for the new process to read from its standard input: what
// was learnt over the network that it no longer has.
func EnterFed(ctx context.Context, text []byte) (inside bool, exit int, err error) {
	return enter(ctx, func() io.Reader { return bytes.NewReader(text) })
}

func enter(ctx context.Context, input func() io.Reader) (inside bool, exit int, err error) {
	switch {
	case os.Getenv(insideVar) == "yes":
		return true, 0, nil
	case Reentered():
		return settle(ctx)
	}
	var refusals []error
	for _, clone := range cloneVariants(os.Geteuid()) {
		exit, err := again(ctx, clone, input)
		if err == nil {
			return false, exit, nil
		}
		if !errors.Is(err, ErrUnavailable) {
			return false, 0, err
		}
		refusals = append(refusals, err)
	}
	return false, 0, refusals[len(refusals)-1]
}

const boxes = unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID

// cloneVariants are the sets of namespaces to try. Root needs no user
// namespace, unless it is a container's root without its powers.
func cloneVariants(euid int) []uintptr {
	if euid == 0 {
		return []uintptr{boxes, boxes | unix.CLONE_NEWUSER}
	}
	return []uintptr{boxes | unix.CLONE_NEWUSER}
}

// again runs this program in new namespaces and waits for its end.
func again(ctx context.Context, clone uintptr, input func() io.Reader) (exit int, err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return 0, fmt.Errorf("opening a pipe: %w", err)
	}
	defer read.Close()
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = os.Args
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", insideVar, reportFD))
	if name := platform.ConfigFile(); name != "" { // whoever is root in there keeps their own
		cmd.Env = append(cmd.Env, platform.ConfigVar+"="+name)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if input != nil {
		cmd.Stdin = input()
	}
	cmd.ExtraFiles = []*os.File{write}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: clone, Pdeathsig: syscall.SIGKILL}
	if clone&unix.CLONE_NEWUSER != 0 {
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	endPolitely(cmd)

	// The child dies with the thread that made it: keep that thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		_ = write.Close()
		return 0, fmt.Errorf("%w: making namespaces: %w%s", ErrUnavailable, err, hint(readSysctl))
	}
	_ = write.Close()
	stop := relaySignals(cmd.Process)
	defer stop()
	said, rerr := io.ReadAll(io.LimitReader(read, 4096))
	if string(said) == settledWord {
		return exitStatus(cmd, cmd.Wait())
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if rerr != nil || len(said) == 0 {
		return 0, fmt.Errorf("%w: the process in the new namespaces ended at once%s", ErrUnavailable, hint(readSysctl))
	}
	return 0, fmt.Errorf("%w: %s%s", ErrUnavailable, said, hint(readSysctl))
}

// isPipe tells the report descriptor from whatever else has that number when
// somebody set the variable by hand.
func isPipe(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFIFO
}

// settle finishes the new namespaces from inside and tries them out.
func settle(ctx context.Context) (inside bool, exit int, err error) {
	report := os.NewFile(reportFD, "report")
	defer report.Close()
	if err := furnish(ctx); err != nil {
		text := strings.ReplaceAll(err.Error(), ErrUnavailable.Error()+": ", "")
		_, _ = io.WriteString(report, text)
		return false, exitUnsettled, nil
	}
	if err := os.Setenv(insideVar, "yes"); err != nil {
		return false, exitUnsettled, fmt.Errorf("setting %s: %w", insideVar, err)
	}
	if _, err := io.WriteString(report, settledWord); err != nil {
		return false, exitUnsettled, fmt.Errorf("reporting to the outer process: %w", err)
	}
	return true, 0, nil
}

// furnish prepares the new namespaces and builds one plain office, because
// some policies let a program have namespaces and then forbid every use.
func furnish(ctx context.Context) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making the mounts private: %w", err)
	}
	// Only so that ps shows the lab's processes: the old /proc works too, and
	// containers that mask parts of it do not allow a new one.
	_ = unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	if err := linkUp("lo"); err != nil {
		return err
	}
	office, err := Build(ctx, Scenario{Name: "trial", Routers: []Router{{NAT: Preserving}}})
	if err != nil {
		return err
	}
	office.Close()
	return nil
}

// endingSignal is the number of the signal that ended a process, or 0.
func endingSignal(p *os.ProcessState) int {
	if ws, ok := p.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return int(ws.Signal())
	}
	return 0
}

// detach keeps a terminal's Ctrl-C from a server: the check that it interrupts
// still wants to say goodbye to it.
func detach(c *exec.Cmd) { c.SysProcAttr.Setpgid = true }

// relaySignals hands signals on that reach only this process. What a terminal
// sends reaches the whole foreground group, the child included.
func relaySignals(p *os.Process) (stop func()) {
	ch := make(chan os.Signal, 4)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		for s := range ch {
			if (s == syscall.SIGINT || s == syscall.SIGQUIT) && onTerminal() {
				continue
			}
			_ = p.Signal(s)
		}
	}()
	return func() { signal.Stop(ch); close(ch) }
}

// readSysctl returns the content of a file in /proc/sys, "" when there is none.
func readSysctl(path string) string {
	b, err := os.ReadFile("/proc/sys/" + path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// hint names the settings by which Linux systems forbid namespaces to users.
func hint(sysctl func(path string) string) string {
	switch {
	case sysctl("user/max_user_namespaces") == "0":
		return " (user.max_user_namespaces is 0)"
	case sysctl("kernel/unprivileged_userns_clone") == "0":
		return " (kernel.unprivileged_userns_clone is 0)"
	case sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1":
		return " (kernel.apparmor_restrict_unprivileged_userns is 1)"
	}
	return ""
}
