package labtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// The responder as it is run: once its sockets are open no thread of it has a
// privilege left, and it serves all the same.
func TestTheRunningResponderHasNoPrivileges(t *testing.T) {
	t.Parallel()
	o := open(t, scenario(t, "clean"))
	r := o.apart(t, nil)
	look := func(when string) {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", r.pid))
		if err != nil || len(files) == 0 {
			t.Fatalf("no threads of process %d: %v", r.pid, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				continue // it has ended
			}
			for _, want := range []string{"CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n"} {
				if !strings.Contains(string(b), want) {
					t.Errorf("%s: no %q in %s", when, want, f)
				}
			}
		}
	}
	look("after its start")
	report, _ := run(t, o.Phone, "check", "nat", "sip-alg", "rtp-ports", "media", "--fast", "--no-public", "--no-lookup", "--format", "json",
		"--responder", lab.ResponderAddr+":9765", "--responder-fingerprint", r.fingerprint)
	for _, res := range report.Results {
		if res.Status == checks.Error || res.Status == checks.Skip {
			t.Errorf("%s: %s, %s %s", res.Check, res.Status, res.Summary, res.Reason)
		}
	}
	for _, id := range []string{"rtp-ports", "media"} { // what needed a privilege to begin with
		found := false
		for _, res := range report.Results {
			found = found || res.Check == id && res.Status == checks.Pass
		}
		if !found {
			t.Errorf("%s did not pass", id)
		}
	}
	look("after a run")
}
