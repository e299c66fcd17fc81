package labtest

import (
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
)

// A technician types what the customer complains about, and is led to the fault of
// the office, or, where the office is well, to what no check can see.
func TestAComplaintIsLedToItsCause(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		complaint, scenario string
		args                []string
		want                string
		state               checks.CauseState
		status              int
	}{
		{"they cannot hear us", "sip-alg", nil, "sip-alg", checks.CauseFound, 1},
		{"no audio at all", "rtp-return-blocked", nil, "rtp-blocked", checks.CauseFound, 1},
		{"phones do not register", "sip-port-blocked", nil, "sip-blocked", checks.CauseFound, 1},
		{"choppy voice", "lossy", nil, "loss", checks.CauseFound, 0},
		{"phones go offline", "udp-timeout", []string{"--ladder", "5,12,20"}, "udp-timeout", checks.CauseFound, 0},
		{"echo", "clean", []string{"--answer", "who=there"}, "headset", checks.CauseOpen, 0},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			o := open(t, scenario(t, c.scenario))
			args := slices.Concat([]string{"symptom"}, strings.Fields(c.complaint), []string{"--format", "json", "--at", "office"}, o.withResponder(c.args...))
			rep, status := run(t, o.Phone, args...)
			if rep.Symptom == nil || len(rep.Symptom.Causes) == 0 {
				t.Fatalf("%q was not weighed", c.complaint)
			}
			if got := rep.Symptom.Causes[0]; got.ID != c.want || got.State != c.state {
				t.Errorf("%q: %s %s first, want %s %s", c.complaint, got.ID, got.State, c.want, c.state)
			}
			if c.scenario == "clean" { // a good line accuses nobody
				leads(t, weighs(t, o.Phone, "choppy voice on one phone", rep), "headset?")
				leads(t, weighs(t, o.Phone, "one-way audio on one phone", rep), "headset?")
			}
			// Without a PBX's own checks some questions stay open.
			if status != c.status && !(c.status == 0 && status == 4) {
				t.Errorf("%q: exit status %d, want %d", c.complaint, status, c.status)
			}
		})
	}
}
