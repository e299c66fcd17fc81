package checks_test

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A rich observation, and what becomes of its JSON in other versions.
type rich struct {
	Asked    int     `json:"asked"`
	Answered int     `json:"answered"`
	Servers  []thing `json:"servers,omitempty"`
}

type thing struct {
	Name string `json:"name"`
	Down bool   `json:"down,omitempty"`
}

// passesUnlessDown is a judge that a missing field would make pass.
func passesUnlessDown(o rich, _ *netinfo.Host) checks.Judgement {
	if o.Answered < o.Asked {
		return checks.Judgement{Summary: words.Literal("silent"), Findings: []checks.Finding{{ID: "a.silent", Severity: checks.Critical, Title: "Nobody answers"}}}
	}
	return checks.Judgement{Summary: words.Literal("all answered")}
}

func richCheck() *checks.Check {
	return checks.Define(checks.Check{ID: "a", Group: "office", Timeout: 1}, nil, passesUnlessDown)
}

func rejudged(t *testing.T, observes, observed string) checks.Result {
	t.Helper()
	saved := `{"schema":"sipdoctor.report/1","results":[{"check":"a","status":"fail","observes":"` + observes + `","observed":` + observed + `}]}`
	r, err := checks.ReadReport(strings.NewReader(saved))
	if err != nil {
		t.Fatal(err)
	}
	again, err := checks.Rejudge(r, []*checks.Check{richCheck()})
	if err != nil {
		t.Fatal(err)
	}
	return again.Results[0]
}

func TestAReportOfAnotherVersionNeverPasses(t *testing.T) {
	ours := richCheck().Observes()
	for name, c := range map[string]struct {
		observes, observed string
		status             checks.Status
		summary            string
	}{
		"ours, and it failed":                {ours, `{"asked":3,"answered":0}`, checks.Fail, "silent"},
		"ours, and it passed":                {ours, `{"asked":3,"answered":3}`, checks.Pass, "all answered"},
		"ours, laid out by another program":  {ours, "{\n \"answered\" : 3, \"asked\": 3 }", checks.Pass, "all answered"},
		"a report from before versions":      {"", `{"asked":3,"answered":3}`, checks.Inconclusive, "another version"},
		"another version":                    {"0123456789ab", `{"asked":3,"answered":3}`, checks.Inconclusive, "another version"},
		"a field this program does not know": {ours, `{"asked":3,"answered":3,"dropped":7}`, checks.Error, "could not be judged"},
		"a field that is missing":            {ours, `{"asked":3}`, checks.Error, "could not be judged"},
		"a field of another kind":            {ours, `{"asked":"3","answered":3}`, checks.Error, "could not be judged"},
		"an unknown field further down":      {ours, `{"asked":3,"answered":3,"servers":[{"name":"x","lost":1}]}`, checks.Error, "could not be judged"},
		"nothing at all":                     {ours, `null`, checks.Inconclusive, "nothing was observed"},
		"an empty observation":               {ours, `{}`, checks.Error, "could not be judged"},
		"a number too long for a float":      {ours, `{"asked":9007199254740993,"answered":9007199254740992}`, checks.Fail, "silent"},
		"a list where a thing should be":     {ours, `[]`, checks.Error, "could not be judged"},
	} {
		t.Run(name, func(t *testing.T) {
			got := rejudged(t, c.observes, c.observed)
			if got.Status != c.status || !strings.Contains(got.Summary, c.summary) {
				t.Errorf("got %s %q (%s), want %s %q", got.Status, got.Summary, got.Reason, c.status, c.summary)
			}
			if got.Status != checks.Pass && got.Status != checks.Fail && got.Reason == "" {
				t.Error("it does not say why")
			}
			if strings.Contains(got.Reason, "json:") {
				t.Errorf("the reason is for programmers: %s", got.Reason)
			}
		})
	}
}

func TestAReportOfAnotherVersionSaysSoFirst(t *testing.T) {
	r := &checks.Report{Results: []checks.Result{{Check: "a", Observes: "0123456789ab", Observed: json.RawMessage(`{"asked":3,"answered":3}`)}}}
	again, err := checks.Rejudge(r, []*checks.Check{richCheck()})
	if err != nil {
		t.Fatal(err)
	}
	if want := "Not judged again: another version of sipdoctor made this report."; again.Headline != want || again.Verdict != checks.Inconclusive {
		t.Errorf("%s: %q, want %q", again.Verdict, again.Headline, want)
	}
}

func TestTheVersionFollowsTheShape(t *testing.T) {
	type same struct {
		Asked    int `json:"asked"`
		Answered int `json:"answered"`
		Servers  []struct {
			Name string `json:"name"`
			Down bool   `json:"down,omitempty"`
		} `json:"servers,omitempty"`
	}
	type tree struct {
		Name string `json:"name"`
		Next []tree `json:"next"`
	}
	type renamed struct {
		Asked    int     `json:"asked"`
		Answered int     `json:"replies"`
		Servers  []thing `json:"servers,omitempty"`
	}
	type wider struct {
		rich
		More string `json:"more"`
	}
	want := richCheck().Observes()
	if got := versionOf[same](); got != want {
		t.Errorf("the same JSON has the versions %s and %s", got, want)
	}
	for name, got := range map[string]string{"a renamed field": versionOf[renamed](), "one more field": versionOf[wider](), "a tree": versionOf[tree]()} {
		if got == want || len(got) != 12 {
			t.Errorf("%s: version %q, that of the original is %q", name, got, want)
		}
	}
}

func versionOf[T any]() string {
	return checks.Define(checks.Check{ID: "a"}, nil, func(T, *netinfo.Host) checks.Judgement { return checks.Judgement{} }).Observes()
}

func TestAReportSaysWhichVersionObserved(t *testing.T) {
	c := say("a", sees("x", 0), judgeWell)
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(run(t.Context(), c)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"observes":"`+c.Observes()+`"`) {
		t.Errorf("no version in %s", b.String())
	}
}

// Whatever changes the JSON of an observation changes its version, and nothing
// else does.
func TestWhatMakesAnotherVersion(t *testing.T) {
	type inner struct {
		A int `json:"a"`
	}
	type secretly struct {
		A      int    `json:"a"`
		Hidden string `json:"-"`
		own    string
	}
	same := map[string][2]string{
		"fields that are not written": {versionOf[struct {
			A int `json:"a"`
		}](), versionOf[secretly]()},
		"the name of a type": {versionOf[inner](), versionOf[struct {
			A int `json:"a"`
		}]()},
	}
	for name, v := range same {
		if v[0] != v[1] {
			t.Errorf("%s: %s and %s", name, v[0], v[1])
		}
	}
	_ = secretly{own: ""}.own
	different := map[string][2]string{
		"a number, a word": {versionOf[struct {
			A int `json:"a"`
		}](), versionOf[struct {
			A string `json:"a"`
		}]()},
		"one, a list of them": {versionOf[struct {
			A int `json:"a"`
		}](), versionOf[struct {
			A []int `json:"a"`
		}]()},
		"a list, a pointer": {versionOf[struct {
			A []int `json:"a"`
		}](), versionOf[struct {
			A *int `json:"a"`
		}]()},
		"a list of numbers, of words": {versionOf[struct {
			A []int `json:"a"`
		}](), versionOf[struct {
			A []string `json:"a"`
		}]()},
		"a map by name, by number": {versionOf[struct {
			A map[string]int `json:"a"`
		}](), versionOf[struct {
			A map[int]int `json:"a"`
		}]()},
		"a map of numbers, of words": {versionOf[struct {
			A map[string]int `json:"a"`
		}](), versionOf[struct {
			A map[string]string `json:"a"`
		}]()},
		"a map, what is in it": {versionOf[struct {
			A map[string]inner `json:"a"`
		}](), versionOf[struct {
			A inner `json:"a"`
		}]()},
		"a field that may be missing": {versionOf[struct {
			A int `json:"a"`
		}](), versionOf[struct {
			A int `json:"a,omitempty"`
		}]()},
		"a field without a tag": {versionOf[struct {
			A int
		}](), versionOf[struct {
			B int
		}]()},
		"an address, an address with a port": {versionOf[struct {
			A netip.Addr `json:"a"`
		}](), versionOf[struct {
			A netip.AddrPort `json:"a"`
		}]()},
		"an address, a word": {versionOf[struct {
			A netip.Addr `json:"a"`
		}](), versionOf[struct {
			A string `json:"a"`
		}]()},
		"a form of its own": {versionOf[struct {
			A json.RawMessage `json:"a"`
		}](), versionOf[struct {
			A []byte `json:"a"`
		}]()},
		"inside, beside": {versionOf[struct {
			X struct {
				A int `json:"a"`
			} `json:"x"`
			B int `json:"b"`
		}](), versionOf[struct {
			X struct {
				A int `json:"a"`
				B int `json:"b"`
			} `json:"x"`
		}]()},
	}
	for name, v := range different {
		if v[0] == v[1] {
			t.Errorf("%s: both are %s", name, v[0])
		}
	}
}
