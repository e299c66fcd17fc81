package metrics

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/blocked"
	"github.com/sipdoctor/sipdoctor/checks/fail2ban"
	"github.com/sipdoctor/sipdoctor/checks/media"
	"github.com/sipdoctor/sipdoctor/checks/nat"
	"github.com/sipdoctor/sipdoctor/checks/natlifetime"
	"github.com/sipdoctor/sipdoctor/checks/rtpports"
	"github.com/sipdoctor/sipdoctor/checks/signalling"
	"github.com/sipdoctor/sipdoctor/checks/sipalg"
)

func written(t *testing.T, list []Family) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, list); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func report(results ...checks.Result) *checks.Report {
	return &checks.Report{
		Tool: checks.Tool{Version: "1.2.3", Commit: "abc"}, Started: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), DurationMS: 4210,
		Command: "check", Verdict: checks.Warn, Results: results,
	}
}

func facts(check string, f any) checks.Result {
	return checks.Result{Check: check, Status: checks.Pass, Facts: f}
}

// Each fact that an administrator draws a curve of, in base units.
func TestFactsBecomeFigures(t *testing.T) {
	ends := time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)
	got := written(t, Of(report(
		facts("sip-alg", sipalg.Facts{Verdict: sipalg.Rewriting}),
		facts("nat", nat.Facts{NATLayers: 2}),
		facts("nat-lifetime", natlifetime.Facts{UDPAtLeast: 28, UDPBelow: 32, SIPPortAtLeast: 3600}),
		facts("rtp-ports", rtpports.Facts{Open: []string{"10000-19999", "30000"}, BlockedReturn: []string{"20000-20009"}}),
		facts("media", media.Facts{Up: &media.Direction{LossPct: 1.5, JitterMS: 12, RTTMS: 40, MOS: 4.1, Sent: 100, Received: 98}, Down: &media.Direction{LossPct: 100, MOS: 1, Sent: 100}}),
		facts("signalling", []signalling.Fact{
			{Target: "pbx.example.net", Transport: "udp", Status: signalling.Timeout},
			{Target: "pbx.example.net", Transport: "tls", Status: signalling.Answered, RTTMillis: 31, Certificate: &signalling.CertFact{NotAfter: ends.AddDate(1, 0, 0)}},
			{Target: "pbx2.example.net", Transport: "tls", Status: signalling.Answered, RTTMillis: 25, Certificate: &signalling.CertFact{NotAfter: ends}},
			{Target: "pbx.example.net", Transport: "udp", Status: signalling.Answered, Account: "sip:100@pbx.example.net"},
		}),
		facts("blocked", blocked.Facts{Addresses: []blocked.Facts{
			{Address: "198.51.100.7", Verdict: "blocked", Blocks: []blocked.Block{{Layer: "fail2ban", Effective: true}, {Layer: "nftables", Effective: true}, {Layer: "nftables", Effective: true}}},
			{Address: "198.51.100.8", Verdict: "partly", Blocks: []blocked.Block{{Layer: "fail2ban", Effective: true}, {Layer: "route"}}},
		}}),
		facts("fail2ban", fail2ban.Facts{Running: true, Jails: []fail2ban.JailFacts{{Banned: 3}, {Banned: 4}}}),
	)))
	for _, want := range []string{
		`sipdoctor_build_info{command="check",version="1.2.3",commit="abc"} 1`,
		`sipdoctor_run_timestamp_seconds{command="check"} 1795341600`, `sipdoctor_run_duration_seconds{command="check"} 4.21`,
		`sipdoctor_verdict{command="check",status="warn"} 1`, `sipdoctor_verdict{command="check",status="pass"} 0`,
		`sipdoctor_sip_alg_verdict{verdict="rewriting"} 1`, `sipdoctor_sip_alg_verdict{verdict="none"} 0`, `sipdoctor_nat_layers 2`,
		`sipdoctor_nat_mapping_lifetime_at_least_seconds{flow="stream"} 28`, `sipdoctor_nat_mapping_lifetime_below_seconds{flow="stream"} 32`,
		`sipdoctor_nat_mapping_lifetime_at_least_seconds{flow="sip-port"} 3600`,
		`sipdoctor_rtp_ports{state="open"} 10001`, `sipdoctor_rtp_ports{state="blocked-return"} 10`, `sipdoctor_rtp_ports{state="blocked-outbound"} 0`,
		`sipdoctor_media_loss_ratio{direction="up"} 0.015`, `sipdoctor_media_loss_ratio{direction="down"} 1`, `sipdoctor_media_mos{direction="up"} 4.1`,
		`sipdoctor_media_jitter_seconds{direction="up"} 0.012`, `sipdoctor_media_rtt_seconds{direction="up"} 0.04`,
		`sipdoctor_signalling_up{transport="udp"} 0`, `sipdoctor_signalling_up{transport="tls"} 1`, `sipdoctor_signalling_rtt_seconds{transport="tls"} 0.025`,
		`sipdoctor_signalling_targets{transport="tls",status="answered"} 2`, `sipdoctor_signalling_targets{transport="udp",status="timeout"} 1`,
		`sipdoctor_certificate_expiry_timestamp_seconds{transport="tls"} 1798070400`,
		`sipdoctor_blocked_addresses{layer="fail2ban"} 2`, `sipdoctor_blocked_addresses{layer="nftables"} 1`, `sipdoctor_blocked_addresses{layer="route"} 0`,
		`sipdoctor_fail2ban_banned_addresses 7`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("%s is missing in:\n%s", want, got)
		}
	}
	// What was not measured is absent, not zero.
	for _, absent := range []string{`_below_seconds{flow="sip-port"}`, `flow="single-exchange"`, `media_mos{direction="down"}`, `jitter_seconds{direction="down"}`, `transport="tcp"`, `layer="other"`} {
		if strings.Contains(got, absent) {
			t.Errorf("%s is there, though nobody measured it", absent)
		}
	}
}

func TestWhatIsNotKnownIsNoFigure(t *testing.T) {
	short := &media.Direction{LossPct: 20, MOS: 2, Sent: 49, Received: 40}
	r := report(
		facts("nat", nat.Facts{}), facts("media", media.Facts{Up: short, Down: &media.Direction{}}), facts("signalling", []signalling.Fact{}),
		facts("fail2ban", fail2ban.Facts{Running: true, Jails: []fail2ban.JailFacts{{Banned: 3}, {Banned: -1}}}),
		facts("blocked", blocked.Facts{Verdict: "unknown"}), // no address to look at
		facts("rtp-ports", rtpports.Facts{Inbound: &rtpports.InboundFacts{}}),
	)
	r.Started = time.Time{}
	got := written(t, Of(r))
	for _, absent := range []string{"nat_layers", "media", "signalling_", "fail2ban_banned", "rtp_ports", "blocked", "run_timestamp"} {
		if strings.Contains(got, "sipdoctor_"+absent) {
			t.Errorf("%s in:\n%s", absent, got)
		}
	}
	if got := written(t, Of(report(facts("rtp-ports", "of another version"), facts("media", nil)))); strings.Contains(got, "rtp_ports") || strings.Contains(got, "media_") {
		t.Errorf("got:\n%s", got)
	}
}

// A second of speech is judged, and so it is drawn.
func TestAShortCallIsNotMeasured(t *testing.T) {
	for sent, want := range map[int]bool{49: false, 50: true} {
		got := written(t, Of(report(facts("media", media.Facts{Up: &media.Direction{LossPct: 2, MOS: 4, Sent: sent, Received: 49}}))))
		if shown := strings.Contains(got, `sipdoctor_media_loss_ratio{direction="up"} 0.02`); shown != want {
			t.Errorf("%d packets: shown %v", sent, shown)
		}
	}
}

// The time of a run may be up before a server had its chance to answer. Whoever did
// answer until then is up.
func TestARunThatWasBrokenOffCallsNoServerDown(t *testing.T) {
	lines := []signalling.Fact{{Transport: "udp", Status: signalling.Timeout}, {Transport: "tls", Status: signalling.Answered}}
	for broken, want := range map[bool]bool{false: true, true: false} {
		res := facts("signalling", lines)
		if broken {
			res.ObserveError = &checks.ObserveError{Kind: "timeout"}
		}
		got := written(t, Of(report(res)))
		if down := strings.Contains(got, `sipdoctor_signalling_up{transport="udp"} 0`); down != want || !strings.Contains(got, `sipdoctor_signalling_up{transport="tls"} 1`) {
			t.Errorf("broken off %v: down %v in\n%s", broken, down, got)
		}
	}
}

// Where fail2ban could not be asked nobody knows that it bans nobody.
func TestABlockThatCouldNotBeToldIsNotNone(t *testing.T) {
	seen := blocked.Facts{Address: "198.51.100.7", Verdict: "blocked", Blocks: []blocked.Block{{Layer: "nftables", Effective: true}}}
	for verdict, zero := range map[string]bool{"allowed": true, "unknown": false} {
		other := blocked.Facts{Address: "198.51.100.8", Verdict: verdict}
		got := written(t, Of(report(facts("blocked", blocked.Facts{Addresses: []blocked.Facts{seen, other}}))))
		if !strings.Contains(got, `{layer="nftables"} 1`) || strings.Contains(got, `{layer="fail2ban"} 0`) != zero {
			t.Errorf("the other is %s:\n%s", verdict, got)
		}
	}
}

// A PBX is checked from outside and from inside: a collector that reads the files of
// both runs refuses a series that stands in both.
func TestTwoCommandsOfOneMachineStandBesideEachOther(t *testing.T) {
	outside, inside := report(facts("nat", nat.Facts{NATLayers: 1})), report(facts("fail2ban", fail2ban.Facts{Running: true}))
	inside.Command = "pbx"
	seen := map[string]bool{}
	for line := range strings.Lines(written(t, Of(outside)) + written(t, Of(inside))) {
		series := line[:strings.LastIndex(line, " ")]
		if !strings.HasPrefix(line, "#") && seen[series] {
			t.Errorf("%s stands in both", series)
		}
		seen[series] = true
	}
}

// A report that was pushed by a stranger opens no series of its own choice.
func TestLabelsComeFromClosedLists(t *testing.T) {
	r := report(
		checks.Result{Check: "evil\"} 1\nx", Status: "great", Findings: []checks.Finding{{ID: "nat.whatever", Severity: "awful", Confidence: "hm"}, {ID: "1.2.3.4", Severity: "awful", Confidence: "hm"}}},
		checks.Result{Check: "nat", Status: "great"}, checks.Result{Check: "nat", Status: checks.Fail},
	)
	r.Tool.Version, r.Verdict, r.Command = "1\"} 2\n", "great", "rm"
	r.Labels = map[string]string{
		"site": `a"b\c`, "__name__": "x", "bad name": "x", "status": "x", "le": "x", "empty": "",
		"line": "a\nevil 1", "screen": "\x1b[2Jevil", "backwards": "\u202eevil", "broken": "evil\xff", "long": strings.Repeat("evil", MaxValue),
	}
	got := written(t, With(Of(r), LabelsOf(r)))
	for _, want := range []string{
		`sipdoctor_build_info{site="a\"b\\c",command="other",version="other",commit="abc"} 1`,
		`sipdoctor_finding{site="a\"b\\c",check="other",id="other",severity="other",confidence="other"} 2`,
		`sipdoctor_check_status{site="a\"b\\c",check="nat",status="other"} 1`,
		`sipdoctor_verdict{site="a\"b\\c",command="other",status="other"} 1`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("%s is missing in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "evil") || strings.Contains(got, "1.2.3.4") || strings.Contains(got, "__name__") || strings.Count(got, `check="nat"`) != 7 {
		t.Errorf("got:\n%s", got)
	}
}

func TestLabelNames(t *testing.T) {
	for name, want := range map[string]bool{
		"site": true, "_x1": true, "Site": true, "": false, "1x": false, "a-b": false, "__x": false, "é": false, "check": false, "status": false, "flow": false, "command": false, "le": false, "quantile": false,
	} {
		if ValidLabel(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

// An address looks much like a version, and so may a stranger's report call its own.
func TestVersions(t *testing.T) {
	for version, want := range map[string]string{
		"0.1.0": "0.1.0", "1.2.3-rc.1": "1.2.3-rc.1", "v0.0.0-20261030153154-30a33513ff6d+dirty": "v0.0.0-20261030153154-30a33513ff6d+dirty", "devel": "devel",
		"": "unknown", "1.2.3.4": "other", "192.168.88.1": "other", "1.2.3-10.0.0.1": "other", "pbx.example.net": "other", "fe80::1": "other",
	} {
		r := report()
		r.Tool = checks.Tool{Version: version, Commit: version}
		if got := written(t, Of(r)); !strings.Contains(got, `version="`+want+`"`) || want == "other" && !strings.Contains(got, `commit="other"`) {
			t.Errorf("%q:\n%.200s", version, got)
		}
	}
}

// Every command that a saved report names has its own series.
func TestCommandsAreKnown(t *testing.T) {
	for name, r := range savedReports(t) {
		if known(r.Command, commands()) == other {
			t.Errorf("%s is a report of %q", name, r.Command)
		}
	}
}

func TestEveryOwnLabelIsTaken(t *testing.T) {
	for _, r := range savedReports(t) {
		for _, f := range Of(r) {
			for _, s := range f.Samples {
				for _, l := range s.Labels {
					if ValidLabel(l.Name) {
						t.Errorf("%s has the label %s, which a user may take too", f.Name, l.Name)
					}
				}
			}
		}
	}
}

// Sites of one responder stand in one exposition, each family once.
func TestSitesStandTogether(t *testing.T) {
	site := func(name string) []Family { return With(Of(report()), []Label{{"site", name}}) }
	got := written(t, Merge(site("a"), site("b")))
	if strings.Count(got, "# TYPE sipdoctor_verdict gauge\n") != 1 ||
		!strings.Contains(got, "seconds{site=\"a\",command=\"check\"} 4.21\nsipdoctor_run_duration_seconds{site=\"b\",command=\"check\"} 4.21\n") {
		t.Errorf("got:\n%s", got)
	}
}

var anAddress = regexp.MustCompile(`\d+\.\d+\.\d+\.\d+|[0-9a-f]{1,4}(:[0-9a-f]{0,4}){2,}`)

// Dashboards are shown to many: no address or name of the network is in them.
func TestNoAddressIsAmongTheFigures(t *testing.T) {
	for name, r := range savedReports(t) {
		if got := written(t, Of(r)); anAddress.MatchString(got) {
			t.Errorf("%s: %q", name, anAddress.FindString(got))
		}
	}
}

func savedReports(t *testing.T) map[string]*checks.Report {
	t.Helper()
	out := map[string]*checks.Report{}
	files, err := filepath.Glob("../../../testdata/reports/lab/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no reports: %v", err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		r, err := checks.ReadReport(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = r
	}
	return out
}

// Write never makes a line that is not one sample, nor two of one series, whatever a
// report holds.
func FuzzOf(f *testing.F) {
	f.Add([]byte(`{"results":[{"check":"media","facts":{"up":{"loss_pct":1e300}}},{"check":"signalling","facts":[{"transport":"udp","status":"x"}]}],"labels":{"a":"\n"}}`))
	f.Add([]byte(`{"started":"2026-11-22T10:00:00Z","results":[{"check":"rtp-ports","facts":{"open":["1-65535","x"]}}]}`))
	sample := regexp.MustCompile(`^(# (HELP|TYPE) sipdoctor_[a-z0-9_]+ .*|sipdoctor_[a-z0-9_]+(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\[\\"n])*",?)+\})? -?[0-9.e+-]+)$`)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var r checks.Report
		if json.Unmarshal(raw, &r) != nil {
			return
		}
		seen := map[string]bool{}
		for line := range strings.Lines(written(t, With(Of(&r), LabelsOf(&r)))) {
			series := line[:strings.LastIndex(line, " ")]
			if !strings.HasPrefix(line, "#") && seen[series] {
				t.Errorf("%s stands twice", series)
			}
			seen[series] = true
			if !sample.MatchString(strings.TrimSuffix(line, "\n")) {
				t.Errorf("%q", line)
			}
		}
	})
}
