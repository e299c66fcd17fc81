package labtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// facts reads the stable facts of a result, as a script would.
func facts(t testing.TB, rep *checks.Report, check string) map[string]any {
	t.Helper()
	r := rep.Result(check)
	if r == nil {
		t.Fatalf("the report has no %s", check)
	}
	raw, err := json.Marshal(r.Facts)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func findings(rep *checks.Report) (ids []string) {
	for _, r := range rep.Results {
		for _, f := range r.Findings {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

// explain prints what a report says when it is not what it should say.
func explain(rep *checks.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", rep.Verdict, rep.Headline)
	for _, r := range rep.Results {
		fmt.Fprintf(&b, "  %s %s: %s (%s)\n", r.Status, r.Check, r.Summary, r.Reason)
	}
	return b.String()
}

func TestEveryOfficeIsDiagnosed(t *testing.T) {
	t.Parallel()
	for _, s := range lab.Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			o := open(t, s)
			args := append(o.withResponder(), s.CheckArgs()...)
			if s.Routers[0].FlowLimit > 0 {
				args = o.politely()
			}
			if s.ControlPort != 0 { // where nothing passes the sweep of all ports only waits
				args = append(args, "--rtp-range", "16384-16447")
			}
			rep, exit := o.check(t, args...)
			expect(t, s.Expect, rep, exit)
			recordOffice(t, s.Name, rep)
		})
	}
}

func expect(t *testing.T, want lab.Expect, rep *checks.Report, exit int) {
	t.Helper()
	nat, alg := facts(t, rep, "nat"), facts(t, rep, "sip-alg")
	if exit != want.ExitStatus {
		t.Errorf("exit status %d, want %d", exit, want.ExitStatus)
	}
	if alg["verdict"] != want.SIPALG {
		t.Errorf("sip-alg says %v, want %s", alg["verdict"], want.SIPALG)
	}
	if nat["behind_nat"] != want.BehindNAT || nat["cgnat"] != want.CGNAT {
		t.Errorf("nat says behind_nat %v, cgnat %v; want %v, %v", nat["behind_nat"], nat["cgnat"], want.BehindNAT, want.CGNAT)
	}
	if want.Mapping != "" && nat["mapping"] != want.Mapping {
		t.Errorf("nat says mapping %v, want %s", nat["mapping"], want.Mapping)
	}
	if want.NATLayers != 0 && nat["nat_layers"] != float64(want.NATLayers) {
		t.Errorf("nat counts %v layers, want %d", nat["nat_layers"], want.NATLayers)
	}
	got := findings(rep)
	for _, id := range want.Findings {
		if !slices.Contains(got, id) {
			t.Errorf("no finding %s among %v", id, got)
		}
	}
	if len(want.Findings) == 0 && slices.ContainsFunc(got, func(id string) bool { return strings.HasPrefix(id, "sip-alg.") }) {
		t.Errorf("a false alarm: %v", got)
	}
	if t.Failed() {
		t.Log(explain(rep))
	}
}

// An ALG is a setting of a moment. What was bad for one run must be good for
// the next, and loss must not change what either says.
func TestLossNeverChangesAVerdict(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"lossy", "lossy-sip-alg"} {
		for office := range 2 {
			t.Run(fmt.Sprint(name, office), func(t *testing.T) {
				t.Parallel()
				s := scenario(t, name)
				o := open(t, s)
				for i := range 4 {
					rep, exit := o.check(t, o.withResponder()...)
					if expect(t, s.Expect, rep, exit); t.Failed() {
						t.Fatalf("run %d", i+1)
					}
				}
			})
		}
	}
}

func TestDeepNamesTheBoxThatDoesIt(t *testing.T) {
	t.Parallel()
	o := open(t, scenario(t, "sip-alg"))
	rep, _ := o.check(t, o.withResponder("--deep", "sip-alg")...)
	at, _ := facts(t, rep, "sip-alg")["changed_at"].(map[string]any)
	if at["after"] != lab.RouterAddr {
		t.Errorf("changed at %v, want after the router %s\n%s", at, lab.RouterAddr, explain(rep))
	}
}

// What a command prints in the lab can be piped on: nothing else is on standard
// output.
func TestStandardOutputOfALabIsTheCommands(t *testing.T) {
	need(t)
	cmd := exec.Command(os.Getenv(programVar), "lab", "clean", "--", "echo", "hello")
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || string(out) != "hello\n" || !strings.Contains(errs.String(), `Office "clean"`) {
		t.Errorf("%v, standard output %q, standard error %q", err, out, errs.String())
	}
}

// The lab shows what its office is about, also where check asks for that only
// when it is told to.
func TestALabShowsTheFaultOfItsOffice(t *testing.T) {
	t.Parallel()
	need(t)
	for name, finding := range map[string]string{"udp-timeout": "nat-lifetime.too-short", "small-router": "rtp-ports.router-table"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Getenv(programVar), "lab", name, "--format", "json")
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			rep, err := checks.ReadReport(bytes.NewReader(out))
			if err != nil {
				t.Fatal(err)
			}
			if rep.Verdict != checks.Warn || !slices.Contains(findings(rep), finding) {
				t.Errorf("no %s\n%s\n%s", finding, explain(rep), rep.Results[0].Observed)
			}
		})
	}
}
