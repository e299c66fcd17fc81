package symptom

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func weighed(t *testing.T, id string, answers map[string]string, results ...checks.Result) *checks.Symptom {
	t.Helper()
	r := &checks.Report{Symptom: &checks.Symptom{ID: id, Answers: answers}, Results: results}
	Weigh(r, words.English)
	return r.Symptom
}

func find(check string, status checks.Status, id string, severity checks.Severity, confidence checks.Confidence) checks.Result {
	return checks.Result{Check: check, Status: status, Findings: []checks.Finding{{ID: id, Severity: severity, Confidence: confidence}}}
}

func state(x *checks.Symptom, cause string) checks.CauseState {
	for _, c := range x.Causes {
		if c.ID == cause {
			return c.State
		}
	}
	return ""
}

func TestWhatRulesACauseOut(t *testing.T) {
	alg := func(verdict string) any { return map[string]any{"verdict": verdict} }
	for name, c := range map[string]struct {
		results []checks.Result
		want    checks.CauseState
	}{
		"nothing ran":                         {nil, checks.CauseOpen},
		"it passed":                           {[]checks.Result{{Check: "sip-alg", Status: checks.Pass, Facts: alg("none")}}, checks.CauseExcluded},
		"a server echoes nothing changed":     {[]checks.Result{{Check: "sip-alg", Status: checks.Pass, Facts: alg("no-sign")}}, checks.CauseOpen},
		"it could not be told":                {[]checks.Result{{Check: "sip-alg", Status: checks.Inconclusive, Facts: alg("inconclusive")}}, checks.CauseOpen},
		"it was skipped":                      {[]checks.Result{{Check: "sip-alg", Status: checks.Skip}}, checks.CauseOpen},
		"another check's failure explains it": {[]checks.Result{{Check: "sip-alg", Status: checks.Fail, ExplainedBy: "uplink", Facts: alg("none")}}, checks.CauseOpen},
		"nobody that was named was asked":     {[]checks.Result{{Check: "sip-alg", Status: checks.Pass, Unasked: true, Facts: alg("none")}}, checks.CauseOpen},
		"it is there":                         {[]checks.Result{find("sip-alg", checks.Fail, "sip-alg.rewriting", checks.Critical, checks.Certain)}, checks.CauseFound},
		"another check shows it":              {[]checks.Result{{Check: "sip-alg", Status: checks.Pass, Facts: alg("none")}, find("routeros", checks.Warn, "routeros.sip-helper", checks.Warning, checks.Likely)}, checks.CauseFound},
		"an outage explains what it found":    {[]checks.Result{{Check: "sip-alg", Status: checks.Fail, ExplainedBy: "uplink", Findings: []checks.Finding{{ID: "sip-alg.dropping", Severity: checks.Critical, Confidence: checks.Certain}}}}, checks.CauseOpen},
		"something worth knowing is no proof": {[]checks.Result{{Check: "sip-alg", Status: checks.Pass, Facts: alg("none")}, find("routeros", checks.Pass, "routeros.sip-helper", checks.Info, checks.Certain)}, checks.CauseOpen},
	} {
		if got := state(weighed(t, "one-way-audio", nil, c.results...), "sip-alg"); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	// Two checks decide together.
	ports, media := checks.Result{Check: "rtp-ports", Status: checks.Pass}, checks.Result{Check: "media", Status: checks.Pass}
	if got := state(weighed(t, "no-audio", nil, ports), "rtp-blocked"); got != checks.CauseOpen {
		t.Errorf("without a call: %s", got)
	}
	if got := state(weighed(t, "no-audio", nil, ports, media), "rtp-blocked"); got != checks.CauseExcluded {
		t.Errorf("with a call: %s", got)
	}
	// What cannot be tested is never ruled out.
	for _, c := range weighed(t, "echo", nil, ports, media).Causes {
		if c.ID == "headset" && (c.State != checks.CauseOpen || c.Advice == "") {
			t.Errorf("headset: %+v", c)
		}
	}
}

// The surer proof comes first, and what the technician answered decides between
// the causes that are open.
func TestTheMostLikelyComesFirst(t *testing.T) {
	likely := find("nat", checks.Warn, "nat.mapping-varies", checks.Warning, checks.Likely)
	certain := find("rtp-ports", checks.Fail, "rtp-ports.blocked-outbound", checks.Critical, checks.Certain)
	if x := weighed(t, "one-way-audio", nil, likely, certain); x.Causes[0].ID != "rtp-blocked" || x.Causes[1].ID != "nat-mapping" || x.Causes[0].Confidence != checks.Certain {
		t.Errorf("got %+v", x.Causes[:2])
	}
	unusual := find("nat", checks.Warn, "nat.double", checks.Warning, checks.Certain)
	usual := find("sip-alg", checks.Fail, "sip-alg.dropping", checks.Critical, checks.Likely)
	if x := weighed(t, "one-way-audio", nil, unusual, usual); x.Causes[0].ID != "sip-alg" || x.Causes[1].ID != "double-nat" {
		t.Errorf("got %+v", x.Causes[:2])
	}
	for answer, want := range map[string]string{"": "sip-alg", "one": "headset", "all": "sip-alg"} {
		answers := map[string]string{}
		if answer != "" {
			answers["one"] = answer
		}
		if x := weighed(t, "one-way-audio", answers); x.Causes[0].ID != want {
			t.Errorf("%q: %s, want %s", answer, x.Causes[0].ID, want)
		}
	}
	x := weighed(t, "echo", map[string]string{"who": "here"})
	if x.Causes[0].ID != "far-end" || x.Causes[0].Title == "" {
		t.Errorf("an echo heard here is made there: %+v", x.Causes[0])
	}
}

func TestASymptomOfANewerVersionIsLeftAlone(t *testing.T) {
	x := weighed(t, "smell", map[string]string{"a": "b"})
	if x.ID != "smell" || len(x.Causes) > 0 {
		t.Errorf("got %+v", x)
	}
	if r := (&checks.Report{}); func() bool { Weigh(r, words.English); return r.Symptom != nil }() {
		t.Error("a report without a complaint got one")
	}
}

// No Internet makes everything else fail: that is the cause, not its ten effects.
func TestTheCauseComesBeforeItsEffects(t *testing.T) {
	x := weighed(t, "not-registering", nil,
		find("uplink", checks.Fail, "uplink.no-internet", checks.Critical, checks.Certain),
		checks.Result{Check: "signalling", Status: checks.Fail, ExplainedBy: "uplink", Findings: []checks.Finding{{ID: "signalling.silent", Severity: checks.Critical, Confidence: checks.Certain}}})
	if x.Causes[0].ID != "no-internet" || x.Causes[0].State != checks.CauseFound || x.Causes[1].State == checks.CauseFound {
		t.Errorf("%+v", x.Causes[:2])
	}
	if got := state(x, "sip-blocked"); got != checks.CauseOpen {
		t.Errorf("what could not be tried is %s", got)
	}
}

// Choppy audio at busy hours is not ruled out by a test call on an idle line. In every
// call it is.
func TestWhatComesAndGoesIsNotRuledOutByOneMoment(t *testing.T) {
	media := checks.Result{Check: "media", Status: checks.Pass}
	for when, want := range map[string]checks.CauseState{"": checks.CauseOpen, "busy": checks.CauseOpen, "sometimes": checks.CauseOpen, "always": checks.CauseExcluded} {
		x := weighed(t, "choppy", map[string]string{"when": when}, media)
		i := slices.IndexFunc(x.Causes, func(c checks.Cause) bool { return c.ID == "loss" })
		c := x.Causes[i]
		if c.State != want || c.Passed != (want == checks.CauseOpen) || (c.Advice != "") != c.Passed {
			t.Errorf("%q: %+v", when, c)
		}
		if i == 0 {
			t.Errorf("%q: what was not there comes first", when)
		}
	}
	up := checks.Result{Check: "uplink", Status: checks.Pass}
	if got := state(weighed(t, "phones-offline", nil, up), "no-internet"); got != checks.CauseOpen {
		t.Errorf("phones that go offline now and then: the line is %s", got)
	}
	if got := state(weighed(t, "not-registering", nil, up), "no-internet"); got != checks.CauseExcluded {
		t.Errorf("phones that do not register: the line is %s", got)
	}
}

// A check that passed has not looked for everything that its group could find.
func TestACheckThatDidNotLookRulesNothingOut(t *testing.T) {
	layers := func(n int) checks.Result {
		return checks.Result{Check: "nat", Status: checks.Pass, Facts: map[string]any{"nat_layers": n}}
	}
	for n, want := range map[int]checks.CauseState{0: checks.CauseOpen, 1: checks.CauseExcluded} {
		if got := state(weighed(t, "one-way-audio", nil, layers(n)), "double-nat"); got != want {
			t.Errorf("%d layers known: %s, want %s", n, got, want)
		}
	}
	blocked := checks.Result{Check: "blocked", Status: checks.Pass}
	r := &checks.Report{Symptom: &checks.Symptom{ID: "not-registering"}, Results: []checks.Result{blocked}}
	if Weigh(r, words.English); state(r.Symptom, "banned") != checks.CauseOpen {
		t.Error("nobody said which address to look for, and it is not banned")
	}
	r.Inputs.Addresses = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
	if Weigh(r, words.English); state(r.Symptom, "banned") != checks.CauseExcluded {
		t.Error("the address is free, and its ban is not ruled out")
	}
	r.Symptom.ID = "phones-offline" // now and then
	if Weigh(r, words.English); state(r.Symptom, "banned") != checks.CauseOpen {
		t.Error("a ban that is over is ruled out")
	}
	answers := checks.Result{Check: "signalling", Status: checks.Pass}
	if got := state(weighed(t, "unavailable-503", nil, answers), "server-trouble"); got != checks.CauseOpen {
		t.Errorf("a server that answers OPTIONS is not in trouble: %s", got)
	}
}

func refusal(args words.Args) checks.Result {
	return checks.Result{Check: "capture", Status: checks.Fail, Findings: []checks.Finding{{ID: "capture.refused", Severity: checks.Critical, Confidence: checks.Certain, Args: args}}}
}

// One finding is several things, by what the answer was.
func TestWhatARefusalIsTakenFor(t *testing.T) {
	invite := func(code int, phrase string) words.Args {
		return words.Args{"method": "INVITE", "code": code, "phrase": words.Raw(phrase)}
	}
	because := func(number int, args words.Args) words.Args {
		args["number"] = number
		return args
	}
	for name, c := range map[string]struct {
		symptom string
		args    words.Args
		found   []string
		hints   []string
	}{
		"404, no such number":        {"not-found-404", invite(404, "Not Found"), []string{"dialplan"}, nil},
		"404 to a registration":      {"not-found-404", words.Args{"method": "REGISTER", "code": 404, "phrase": words.Raw("Not Found")}, nil, nil},
		"403 that may mean anything": {"forbidden-403", invite(403, "Nein"), nil, []string{"credentials", "policy"}},
		"403 No Money Left":          {"forbidden-403", invite(403, "No Money Left on RFC Account"), []string{"policy"}, []string{"credentials"}},
		"403 Wrong Guess":            {"forbidden-403", invite(403, "Wrong Guess"), []string{"credentials"}, []string{"policy"}},
		"503 alone":                  {"unavailable-503", invite(503, "Service Unavailable"), nil, []string{"server-trouble", "trunk", "phones-gone", "line-limit"}},
		"503, no circuit: Congestion() says so of everything": {"unavailable-503", because(34, invite(503, "Service Unavailable")), nil, []string{"server-trouble", "trunk", "phones-gone", "line-limit"}},
		"500":                                    {"unavailable-503", invite(500, "Server Internal Error"), []string{"server-trouble"}, nil},
		"486 with a cause worth a warning":       {"busy-tone", because(17, invite(486, "Busy Here")), nil, []string{"phone-settings", "line-limit"}},
		"488":                                    {"busy-tone", invite(488, "Not Acceptable Here"), []string{"codec"}, nil},
		"480, subscriber absent":                 {"busy-tone", because(20, invite(480, "Temporarily Unavailable")), []string{"phones-gone"}, nil},
		"480, and the cause says no such number": {"not-found-404", because(1, invite(480, "Temporarily Unavailable")), []string{"dialplan"}, []string{"phones-gone"}},
		"without a code":                         {"busy-tone", words.Args{"method": "INVITE"}, nil, nil},
	} {
		raw, _ := json.Marshal(refusal(c.args)) // as a saved report has it
		var saved checks.Result
		if err := json.Unmarshal(raw, &saved); err != nil {
			t.Fatal(err)
		}
		for how, res := range map[string]checks.Result{"live": refusal(c.args), "saved": saved} {
			var found, hints []string
			for _, x := range weighed(t, c.symptom, nil, res).Causes {
				switch {
				case x.State == checks.CauseFound:
					found = append(found, x.ID)
				case len(x.Findings) > 0:
					hints = append(hints, x.ID)
				}
			}
			slices.Sort(found)
			slices.Sort(hints)
			slices.Sort(c.hints)
			if !slices.Equal(found, c.found) || !slices.Equal(hints, c.hints) {
				t.Errorf("%s, %s: found %v, hints %v; want %v, %v", name, how, found, hints, c.found, c.hints)
			}
		}
	}
}

// What the log or capture says of a registration decides whose fault it is.
func TestVariantsAreToldApart(t *testing.T) {
	for f, want := range map[string]string{
		"capture.credentials-refused/no-room":   "too-many-contacts",
		"capture.credentials-refused/unsaid":    "credentials",
		"logs.refused/acl":                      "acl",
		"logs.refused/wrong-password":           "credentials",
		"logs.refused/no-max-contacts":          "too-many-contacts",
		"capture.no-audio/private":              "",
		"asterisk-config.no-max-contacts/":      "too-many-contacts",
		"asterisk-state.registration/forbidden": "credentials",
	} {
		id, variant, _ := strings.Cut(f, "/")
		res := checks.Result{Check: "x", Status: checks.Fail, Findings: []checks.Finding{{ID: id, Variant: variant, Severity: checks.Critical, Confidence: checks.Certain}}}
		got := ""
		for _, c := range weighed(t, "forbidden-403", nil, res).Causes {
			if c.State == checks.CauseFound && (got == "" || c.ID == want) {
				got = c.ID
			}
		}
		if got != want {
			t.Errorf("%s is taken for %q, want %q", f, got, want)
		}
	}
	for cause, want := range map[string]string{"capture.cause.private": "pbx-nat", "capture.cause.unknown": "", "capture.cause.elsewhere": "", "capture.cause.refused": ""} {
		res := find("capture", checks.Fail, "capture.no-audio", checks.Critical, checks.Likely)
		res.Findings[0].Args = words.Args{"cause": words.Say(cause, nil)}
		got := ""
		if x := weighed(t, "no-audio", nil, res).Causes[0]; x.State == checks.CauseFound {
			got = x.ID
		}
		if got != want {
			t.Errorf("%s: %q, want %q", cause, got, want)
		}
	}
}
