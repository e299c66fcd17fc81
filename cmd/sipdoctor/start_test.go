package main

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

// Every command pays for what packages prepare before it runs, on a router of 400 MHz
// too: an expression with {1,120} of a large class was 4.5 MB and a tenth of a second.
func TestStartingCostsLittle(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const most = 2 << 20
	lines := regexp.MustCompile(`(?m)^init (\S+) .* (\d+) bytes, `).FindAllStringSubmatch(string(out), -1)
	for _, l := range lines {
		if n, err := strconv.Atoi(l[2]); err != nil || n > most {
			t.Errorf("%s allocates %s bytes before the program runs, and at most %d are fine", l[1], l[2], most)
		}
	}
	if len(lines) < 20 {
		t.Errorf("%d packages were seen in\n%s", len(lines), out)
	}
}
