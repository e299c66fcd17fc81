package main

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// What a user sees when something about the run itself is wrong. The offices
// are in memory, time is virtual, nothing leaves the process.
func TestWhenTheRunItselfGoesWrong(t *testing.T) {
	const wrong = "0000000000000000000000000000000000000000000000000000000000000000"
	for _, c := range []struct {
		name   string
		inputs checks.Inputs
		serve  bool // the responder runs
		says   []string
		exit   int
	}{
		{"the responder's name is mistyped", checks.Inputs{Responder: "respnder.lab"}, true,
			[]string{"respnder.lab", "no such host"}, statusInconclusive},
		{"nobody started the responder", checks.Inputs{Responder: lab.ResponderAddr}, false,
			[]string{"TCP port 8765: connection refused", `Is "sipdoctor serve" running there`}, statusInconclusive},
		{"the fingerprint is another one's", checks.Inputs{Responder: lab.ResponderAddr, Fingerprint: wrong}, true,
			[]string{"fingerprint"}, statusInconclusive},
		{"the SIP server does not exist", checks.Inputs{SIPServers: []string{"sip.nowhere.lab"}}, true,
			[]string{"sip.nowhere.lab"}, statusInconclusive},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				scenario, _ := lab.Find("clean")
				office := checktest.FromScenario(scenario)
				defer office.World.Close()
				if c.serve {
					ctx, end := context.WithCancel(t.Context())
					_, ended, err := respondIn(ctx, office)
					if err != nil {
						t.Fatal(err)
					}
					defer func() { end(); <-ended }()
				}
				c.inputs.Checks, c.inputs.NoPublic = []string{"sip-alg"}, true
				text, exit := checkText(t, t.Context(), office, c.inputs)
				for _, s := range c.says {
					if !strings.Contains(text, s) {
						t.Errorf("it does not say %q:\n%s", s, text)
					}
				}
				if exit != c.exit {
					t.Errorf("exit status %d, want %d:\n%s", exit, c.exit, text)
				}
			})
		})
	}
}

// Ctrl-C in the middle: the report is there, says so, and is no success.
func TestCtrlCPrintsWhatWasLearnt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scenario, _ := lab.Find("clean")
		office := checktest.FromScenario(scenario)
		defer office.World.Close()
		serving, end := context.WithCancel(t.Context())
		_, ended, err := respondIn(serving, office)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { end(); <-ended }()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(300*time.Millisecond, cancel)
		text, exit := checkText(t, ctx, office, checks.Inputs{Responder: lab.ResponderAddr, NoPublic: true})
		if !strings.Contains(text, "nterrupted") || !strings.Contains(text, "uplink") && !strings.Contains(text, "sip-alg") {
			t.Errorf("not a partial report:\n%s", text)
		}
		if exit != statusInconclusive {
			t.Errorf("exit status %d:\n%s", exit, text)
		}
	})
}

// A user sends us a redacted report: judged again, it must say what the
// original says.
func TestRedactedReportIsJudgedTheSame(t *testing.T) {
	for _, name := range []string{"sip-alg", "double-nat", "routed-alg", "sip-dropped"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				scenario, _ := lab.Find(name)
				var o labOptions
				r, err := o.checkInMemory(t.Context(), streams{}, scenario)
				if err != nil {
					t.Fatal(err)
				}
				red, err := render.Redact(r)
				if err != nil {
					t.Fatal(err)
				}
				if red, err = checks.Rejudge(red, all.Checks()); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(conclusions(r), conclusions(red)); diff != "" {
					t.Errorf("redacted, it says something else (-original +redacted):\n%s", diff)
				}
			})
		})
	}
}

func conclusions(r *checks.Report) []string {
	out := []string{string(r.Verdict), r.Headline}
	for _, res := range r.Results {
		out = append(out, res.Check+" "+string(res.Status))
		for _, f := range res.Findings {
			out = append(out, f.ID+" "+string(f.Severity)+" "+string(f.Confidence))
		}
	}
	return out
}

// checkText runs the office checks on the phone and returns what the user sees.
func checkText(t *testing.T, ctx context.Context, office *checktest.Office, in checks.Inputs) (string, int) {
	t.Helper()
	list, err := choose("office", in)
	if err != nil {
		t.Fatal(err)
	}
	j := job{list: list, net: office.Phone, inputs: in, host: factsOf(phoneMachine(), office.Phone, netip.Addr{})}
	r := j.run(ctx, nil)
	var out bytes.Buffer
	o := reporting{format: "text", color: "never"}
	if err := o.show(t.Context(), streams{Out: &out}, r); err != nil {
		t.Fatal(err)
	}
	// Long words may be wrapped anywhere between blanks only; join the lines so
	// that sentences can be searched for.
	return strings.Join(strings.Fields(out.String()), " "), exitStatus(r, false)
}
