package natlifetime

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo"
)

// silence is a rung as it is stored: how many of three late messages each of
// two flows heard.
func silence(seconds, first, second int) Rung {
	return Rung{Seconds: seconds, Control: seconds == controlSeconds, Flows: []Flow{
		{Opened: true, Waited: true, Sent: 3, Heard: first}, {Opened: true, Waited: true, Sent: 3, Heard: second},
	}}
}

func TestWhatTheSilencesMean(t *testing.T) {
	unsent := silence(30, 0, 0)
	for i := range unsent.Flows {
		unsent.Flows[i].Sent = 0
	}
	early := silence(30, 0, 0)
	for i := range early.Flows {
		early.Flows[i].Waited = false
	}
	for _, c := range []struct {
		name           string
		rungs          []Rung
		outage         int
		atLeast, below int
		problem, why   string // messages; empty: none
	}{
		{"remembered for all of the ladder", []Rung{silence(1, 3, 3), silence(15, 3, 3), silence(30, 3, 3)}, 0, 30, 0, "", ""},
		{"forgotten half-way", []Rung{silence(1, 3, 3), silence(15, 3, 3), silence(30, 0, 0)}, 0, 15, 30, "", ""},
		{"one rung lost, a longer one answered", []Rung{silence(1, 3, 3), silence(15, 0, 0), silence(30, 3, 3)}, 0, 30, 0, "", ""},
		{"one flow of the last rung evicted", []Rung{silence(1, 3, 3), silence(15, 3, 3), silence(30, 0, 2)}, 0, 30, 0, "", ""},
		{"the responder sent nothing", []Rung{silence(1, 3, 3), silence(15, 3, 3), unsent}, 0, 15, 0, "reason.no-result", "nothing-sent"},
		{"we did not wait", []Rung{silence(1, 3, 3), silence(15, 3, 3), early}, 0, 15, 0, "reason.no-result", "not-waited"},
		{"nearly everything is lost", []Rung{silence(1, 1, 0), silence(15, 1, 1), silence(30, 0, 0)}, 0, 15, 0, "reason.loss", ""},
		{"late messages never arrive", []Rung{silence(1, 0, 0), silence(15, 0, 0)}, 0, 0, 0, "reason.control-lost", ""},
		{"the line broke before", []Rung{silence(1, 3, 3), silence(15, 3, 3), silence(30, 0, 0)}, 20, 15, 0, "reason.outage", ""},
		{"the line broke long after", []Rung{silence(1, 3, 3), silence(15, 3, 3), silence(30, 0, 0)}, 90, 15, 30, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Observed{OutageS: c.outage, Groups: []Group{{Kind: kindStream, Port: 8765, Rungs: c.rungs}}}
			l := o.lifetime(kindStream)
			if l.atLeast != c.atLeast || l.below != c.below || strings.TrimPrefix(l.problem.ID, "nat-lifetime.") != c.problem {
				t.Errorf("%+v, want %d to %d s and %q", l, c.atLeast, c.below, c.problem)
			}
			if c.why != "" && !l.problem.Names("nat-lifetime.why."+c.why) {
				t.Errorf("%+v does not say %s", l.problem, c.why)
			}
			if j := judge(o, &netinfo.Host{}); (j.Inconclusive.IsZero()) != (c.problem == "") {
				t.Errorf("inconclusive %v", j.Inconclusive)
			}
		})
	}
}

// The printed timeout is never below what the provider asks for.
func TestTheRemedyIsEnoughForTheProvider(t *testing.T) {
	for _, c := range []struct {
		name string
		need *Need
		want string
	}{
		{"no profile", nil, "300"},
		{"a provider that wants ten minutes", &Need{Profile: "Example", Registration: 60, TimeoutMin: 600}, "600"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Observed{Need: c.need, Groups: []Group{{Kind: kindStream, Rungs: []Rung{silence(1, 3, 3), silence(15, 3, 3), silence(30, 0, 0)}}}}
			j := judge(o, &netinfo.Host{Router: &netinfo.Router{Platform: "mikrotik"}})
			if len(j.Findings) == 0 || len(j.Findings[0].Fixes) == 0 {
				t.Fatal("no remedy")
			}
			commands := strings.Join(j.Findings[0].Fixes[0].Commands, "\n")
			if !strings.Contains(commands, "udp-stream-timeout="+c.want+"s") {
				t.Errorf("commands %q, want %s s", commands, c.want)
			}
		})
	}
}

func TestALadderInAnyOrder(t *testing.T) {
	if diff := cmp.Diff([]int{5, 10, 20}, ladder([]int{20, 5, 10, 5, -1, 541})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(usualLadder(), ladder(nil)); diff != "" {
		t.Error(diff)
	}
}
