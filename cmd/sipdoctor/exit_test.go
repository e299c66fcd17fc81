package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
)

func TestExitStatus(t *testing.T) {
	result := func(s ...checks.Status) (list []checks.Result) {
		for i, s := range s {
			list = append(list, checks.Result{Check: string(rune('a' + i)), Status: s})
		}
		return list
	}
	forbidden := checks.Result{Check: "a", Status: checks.Skip, ObserveError: &checks.ObserveError{Kind: "privilege"}}
	open := checks.Result{Check: "b", Status: checks.Inconclusive, Unasked: true}
	for _, c := range []struct {
		name   string
		report checks.Report
		strict bool
		want   int
	}{
		{"all is well", checks.Report{Results: result(checks.Pass, checks.Pass)}, false, statusOK},
		{"one check is skipped that nobody asked for", checks.Report{Results: result(checks.Pass, checks.Skip)}, false, statusOK},
		{"a warning", checks.Report{Results: result(checks.Pass, checks.Warn)}, false, statusOK},
		{"a warning for the strict", checks.Report{Results: result(checks.Pass, checks.Warn)}, true, statusFail},
		{"an ALG", checks.Report{Results: result(checks.Pass, checks.Fail)}, false, statusFail},
		{"an ALG, and something else could not be told", checks.Report{Results: result(checks.Inconclusive, checks.Fail)}, false, statusFail},
		{"an ALG, and a check that broke", checks.Report{Results: result(checks.Error, checks.Fail)}, false, statusFail},
		{"an ALG, and Ctrl-C", checks.Report{Interrupted: true, Results: result(checks.Inconclusive, checks.Fail)}, false, statusFail},
		{"no answer", checks.Report{Results: result(checks.Pass, checks.Inconclusive)}, false, statusInconclusive},
		{"no answer of servers that nobody named", checks.Report{Results: append(result(checks.Pass), open)}, false, statusOK},
		{"no answer, and a warning for the strict", checks.Report{Results: result(checks.Warn, checks.Inconclusive)}, true, statusFail},
		{"Ctrl-C after everything had passed", checks.Report{Interrupted: true, Results: result(checks.Pass)}, false, statusInconclusive},
		{"a check broke", checks.Report{Results: result(checks.Pass, checks.Error)}, false, statusBroken},
		{"everything was skipped", checks.Report{Results: result(checks.Skip, checks.Skip)}, false, statusInconclusive},
		{"the one that was asked for was skipped", checks.Report{Inputs: checks.Inputs{Checks: []string{"b"}}, Results: result(checks.Pass, checks.Skip)}, false, statusInconclusive},
		{"nothing was allowed", checks.Report{Results: []checks.Result{forbidden}}, false, statusBroken},
		{"some of it was not allowed", checks.Report{Results: append(result(checks.Pass), forbidden)}, false, statusOK},
		{"nothing was checked", checks.Report{}, false, statusBroken},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := exitStatus(&c.report, c.strict); got != c.want {
				t.Errorf("exit status %d, want %d", got, c.want)
			}
		})
	}
}

// Plugins have four statuses of their own; what is not known is none of the others.
func TestThePluginStatus(t *testing.T) {
	of := func(verdict checks.Status, list ...checks.Result) *checks.Report {
		return &checks.Report{Verdict: verdict, Results: list}
	}
	res := func(s checks.Status) checks.Result { return checks.Result{Check: "nat", Status: s} }
	forbidden := checks.Result{Check: "a", Status: checks.Skip, ObserveError: &checks.ObserveError{Kind: "privilege"}}
	stopped := of(checks.Pass, res(checks.Pass))
	stopped.Interrupted = true
	for name, c := range map[string]struct {
		report *checks.Report
		want   int
	}{
		"all is well":             {of(checks.Pass, res(checks.Pass)), nagiosOK},
		"a warning":               {of(checks.Warn, res(checks.Warn)), nagiosWarning},
		"a fault":                 {of(checks.Fail, res(checks.Fail), res(checks.Error)), nagiosCritical},
		"nobody knows":            {of(checks.Inconclusive, res(checks.Inconclusive), res(checks.Warn)), nagiosUnknown},
		"a check broke":           {of(checks.Error, res(checks.Error)), nagiosUnknown},
		"nothing was allowed":     {of(checks.Skip, forbidden), nagiosUnknown},
		"everything was skipped":  {of(checks.Skip, res(checks.Skip)), nagiosUnknown},
		"SIGTERM in the middle":   {stopped, nagiosUnknown},
		"SIGTERM before anything": {of(checks.Inconclusive), nagiosUnknown},
	} {
		for _, strict := range []bool{false, true} {
			o := &reporting{format: "nagios", strict: strict}
			if got := o.status(c.report); got != c.want {
				t.Errorf("%s: status %d, want %d", name, got, c.want)
			}
		}
	}
	o := checkOptions{reporting: reporting{format: "nagios"}}
	if got := o.agentStatus(nil, true); got != nagiosUnknown {
		t.Errorf("an agent that ended before its first run: %d", got)
	}
	if got := o.agentStatus(of(checks.Warn, res(checks.Warn)), false); got != nagiosWarning {
		t.Errorf("an agent with a warning: %d", got)
	}
}

// faulty is a standard input that meets a mistake of this program.
type faulty struct{}

func (faulty) Read([]byte) (int, error) { panic("an index \x1b[2J out of range") }

// A mistake of this program is no wrong command line, and no critical state of the
// phones.
func TestAPanicIsNobodysFault(t *testing.T) {
	for _, args := range [][]string{{"report", "-"}, {"report", "-", "--format", "nagios"}} {
		var out, errs bytes.Buffer
		status := run(t.Context(), args, faulty{}, &out, &errs)
		said := errs.String()
		if len(args) > 2 {
			said = out.String()
			if first, _, _ := strings.Cut(said, "\n"); first != `SIPDOCTOR UNKNOWN - internal error: an index \x1b[2J out of range; please repo…` {
				t.Errorf("%v: %q", args, first)
			}
		}
		if status != 3 || !strings.Contains(said, `internal error: an index \x1b[2J out of range`) || !strings.Contains(errs.String(), "exit_test.go") {
			t.Errorf("%v: status %d\n%s", args, status, said)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	known := []string{"uplink", "nat", "sip-alg", "sip-alg-tcp", "report"}
	for typed, want := range map[string]string{
		"sipalg": "sip-alg", "sip-algs": "sip-alg", "uplnk": "uplink", "reprot": "report",
		"capture": "", "x": "", "": "", "nat": "nat",
	} {
		if got := closest(typed, known); got != want {
			t.Errorf("%q: did you mean %q, want %q", typed, got, want)
		}
	}
}

func TestHostsAsUsersTypeThem(t *testing.T) {
	for _, c := range []struct {
		name, value string
		ok          bool
	}{
		{"a name", "pbx.example.net", true},
		{"a short name", "pbx", true},
		{"a name with its final dot", "pbx.example.net.", true},
		{"a name and a port", "pbx.example.net:5080", true},
		{"an address", "192.0.2.10", true},
		{"an address and a port", "192.0.2.10:5060", true},
		{"an IPv6 address", "2001:db8::1", true},
		{"an IPv6 address in brackets", "[2001:db8::1]", true},
		{"an IPv6 address and a port", "[2001:db8::1]:5060", true},
		{"nothing", "", false},
		{"a blank", "pbx example", false},
		{"a URL", "https://pbx.example.net", false},
		{"a SIP address", "sip:alice@pbx.example.net", false},
		{"port 0", "pbx:0", false},
		{"no port after the colon", "pbx:", false},
		{"a port with a name", "pbx:sip", false},
		{"a mistyped address", "192.168.1.256", false},
		{"half an address", "192.168.1", false},
		{"a control character", "pbx\x1b[2J", false},
		{"a label too long for DNS", "a123456789012345678901234567890123456789012345678901234567890123.net", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := validHostPort("responder", c.value); (err == nil) != c.ok {
				t.Errorf("%q: %v", c.value, err)
			}
		})
	}
}

func TestFingerprintsAsProgramsPrintThem(t *testing.T) {
	const hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	for _, in := range []string{
		hex, "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08",
		"9F:86:D0:81:88:4C:7D:65:9A:2F:EA:A0:C5:5A:D0:15:A3:BF:4F:1B:2B:0B:82:2C:D1:5D:6C:15:B0:F0:0A:08",
		"sha256:" + hex,
	} {
		if got, err := readFingerprint(in); err != nil || got != hex {
			t.Errorf("%s: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"9f86", hex + "00", hex[:63] + "g"} {
		if _, err := readFingerprint(in); err == nil {
			t.Errorf("%s was accepted", in)
		}
	}
}
