//go:build unix

package platform

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// programs puts scripts into a PATH of their own.
func programs(t *testing.T, scripts map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return dir
}

// A program that waits for something that never comes costs its patience once,
// is named, and leaves nothing running.
func TestAProgramThatHangs(t *testing.T) {
	dir := programs(t, map[string]string{
		"asterisk": "echo half an answer\nsleep 600 &\necho $! >$(dirname $0)/child\nwait",
		"cscli":    "sleep 1; echo a slow answer",
	})
	s := ThisSystem()
	begin := time.Now()
	out, err := s.Run(t.Context(), "asterisk", "-rx", "core show version")
	if took := time.Since(begin); took < programPatience("asterisk") || took > programPatience("asterisk")+900*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	if !errors.Is(err, ErrNoAnswer) || !strings.Contains(fmt.Sprint(err), "running asterisk -rx core show version: no answer within 3") {
		t.Errorf("the error: %v", err)
	}
	if string(out) != "half an answer\n" {
		t.Errorf("the output: %q", out)
	}
	child, err := os.ReadFile(filepath.Join(dir, "child"))
	pid, nerr := strconv.Atoi(strings.TrimSpace(string(child)))
	if err := errors.Join(err, nerr); err != nil {
		t.Fatal(err)
	}
	if stat, alive := runs(pid); alive {
		t.Errorf("process %d of it still runs: %s", pid, stat)
	}
	begin = time.Now()
	if _, err = s.Run(t.Context(), "asterisk", "-rx", "pjsip show contacts"); !errors.Is(err, ErrNoAnswer) || time.Since(begin) > time.Second {
		t.Errorf("asked again: %v after %v", err, time.Since(begin))
	}
	if out, err := s.Run(t.Context(), "cscli", "alerts"); err != nil || string(out) != "a slow answer\n" {
		t.Errorf("a slow one: %q, %v", out, err)
	}
}

// runs reports whether a process is there that was not killed. One that was is
// still seen until it has got the signal, and then until init has waited for it.
func runs(pid int) (stat string, alive bool) {
	for range 20 {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if stat = string(b); err != nil || strings.Contains(stat, ") Z ") || syscall.Kill(pid, 0) != nil {
			return stat, false
		}
		time.Sleep(100 * time.Millisecond)
	}
	return stat, true
}

// Whoever presses Ctrl-C learns nothing about the program.
func TestACancelledRunIsNoHang(t *testing.T) {
	programs(t, map[string]string{"kamcmd": "sleep 600"})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	s := ThisSystem()
	if _, err := s.Run(ctx, "kamcmd", "pike.list"); err == nil || errors.Is(err, ErrNoAnswer) {
		t.Errorf("%v", err)
	}
	if err := s.(*thisSystem).stuck.check("kamcmd"); err != nil {
		t.Errorf("it counts as stuck: %v", err)
	}
}

// What one program that lists rules waits for, the others wait for too: all six
// together must not take a minute.
func TestProgramsThatListRulesShareTheirPatience(t *testing.T) {
	var s stuck
	for _, p := range []string{"nft", "iptables-legacy-save", "ipset"} {
		if got := s.patienceFor(p); got != 10*time.Second {
			t.Errorf("%s gets %v at first", p, got)
		}
	}
	s.learn("iptables-nft-save", ErrNoAnswer)
	s.learn("cscli", errors.New("refused"))
	for p, want := range map[string]time.Duration{"nft": impatience, "ip6tables-nft-save": impatience, "ipset": impatience, "cscli": 3 * time.Second, "asterisk": 3 * time.Second} {
		if got := s.patienceFor(p); got != want {
			t.Errorf("%s gets %v, want %v", p, got, want)
		}
	}
	s.since["iptables-nft-save"] = time.Now().Add(-forgetStuck)
	if got := s.patienceFor("nft"); got != 10*time.Second {
		t.Errorf("half a minute later it gets %v", got)
	}
}
