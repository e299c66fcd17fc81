package media

import (
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
)

// beside judges o in a report in which another check has its result already.
func beside(t *testing.T, o Observed, other checks.Result) *checks.Report {
	t.Helper()
	rep, err := checks.Rejudge(&checks.Report{Results: []checks.Result{other, resultOf(t, o)}}, []*checks.Check{Check()})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// A sweep of the RTP ports that has filled the router's table leaves no room
// for a call: that is no fault of voice.
func TestACallThatFoundTheTableFullBlamesNobody(t *testing.T) {
	o := goodCall()
	o.Call, o.Doors[0] = nil, Door{Port: 20000, Asked: 30, Told: true}
	full := checks.Result{Check: "rtp-ports", Status: checks.Warn, Findings: []checks.Finding{{ID: "rtp-ports.router-table", Severity: checks.Warning}}}
	if r := beside(t, o, full).Result(ID); r.Status != checks.Inconclusive || len(r.Findings) > 0 || !strings.Contains(r.Reason, "connection table was full") {
		t.Errorf("%s %v %q", r.Status, r.Findings, r.Reason)
	}
	roomy := checks.Result{Check: "rtp-ports", Status: checks.Pass, Findings: []checks.Finding{}}
	if r := beside(t, o, roomy).Result(ID); r.Status != checks.Fail || r.Findings[0].ID != "media.no-audio" {
		t.Errorf("%s %v %q", r.Status, r.Findings, r.Reason)
	}
}

// Nobody is sent to a check that stands in the same report.
func TestALifetimeThatWasMeasuredIsNotAdvised(t *testing.T) {
	o := goodCall()
	o.Hold = &Hold{SilentS: 90, Opened: true, Spoken: 10, UpAsked: 10, UpAnswered: 10}
	for status, advice := range map[checks.Status]string{
		checks.Warn:         "is shown under nat-lifetime in this report",
		checks.Pass:         "is shown under nat-lifetime in this report",
		checks.Inconclusive: "sipdoctor check nat-lifetime",
		checks.Skip:         "sipdoctor check nat-lifetime",
	} {
		f := beside(t, o, checks.Result{Check: "nat-lifetime", Status: status}).Result(ID).Findings[0]
		if f.ID != "media.hold" || len(f.Advice) != 1 || !strings.Contains(f.Advice[0], advice) {
			t.Errorf("after a nat-lifetime that came to %s: %s advises %q, want %q", status, f.ID, f.Advice, advice)
		}
	}
}

// Where UDP does not pass at all, nat says so, and media is one of its effects.
func TestACallWithoutUDPIsAnEffectOfTheNAT(t *testing.T) {
	o := goodCall()
	o.Call, o.Doors[0] = nil, Door{Port: 20000, Asked: 30}
	r := beside(t, o, checks.Result{Check: "nat", Status: checks.Fail}).Result(ID)
	if r.Status != checks.Inconclusive || r.ExplainedBy != "nat" {
		t.Errorf("%s, explained by %q", r.Status, r.ExplainedBy)
	}
}

// An address that the responder did not tell is left out, not invented.
func TestOneWayAudioToAnAddressThatNobodyTold(t *testing.T) {
	o := goodCall()
	o.Doors[0].Answered, o.Call.Down.Received, o.Call.Down.Bursts, o.Call.Down.Marks = 0, 0, 1, nil
	f := resultOf(t, o).Findings[0]
	if f.ID != "media.one-way" || f.Evidence[1].Want != "500 packets" {
		t.Errorf("%s: %q", f.ID, f.Evidence[1].Want)
	}
}
