package platform

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func needShell(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no POSIX shell on this machine")
	}
}

func TestACommandOfARemedyTellsWhatItSaidAndHowItEnded(t *testing.T) {
	needShell(t)
	out, err := RunShell(t.Context(), "echo done; echo trouble >&2; exit 3")
	if string(out) != "done\ntrouble\n" || err == nil || !strings.Contains(err.Error(), "3") {
		t.Errorf("%q, %v", out, err)
	}
	out, err = RunShell(t.Context(), "yes | head -c 200000")
	if len(out) != 64<<10 || err != nil {
		t.Errorf("of 200,000 bytes %d were kept, %v", len(out), err)
	}
}

// Ctrl-C ends the run after the command that is being run, not within it.
func TestACommandThatHasBegunIsFinished(t *testing.T) {
	needShell(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	out, err := RunShell(ctx, "sleep 0.4; echo whole")
	if string(out) != "whole\n" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := RunShell(ctx, "echo more"); err == nil || len(out) > 0 {
		t.Errorf("the next one ran all the same: %q, %v", out, err)
	}
}
