package checks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// saw is what the made-up checks of this file observe.
type saw struct {
	Text string `json:"text,omitempty"`
}

func say(id string, observe func(context.Context, *checks.Env) (saw, error), judge func(saw, *netinfo.Host) checks.Judgement, assumes ...string) *checks.Check {
	return checks.Define(checks.Check{
		ID: id, Group: "office", Words: explain(id), Timeout: 5 * time.Second, Assumes: assumes,
	}, observe, judge)
}

// explain is the words.yaml of a check that says nothing else.
func explain(id string) []byte {
	return []byte(id + ".title: {en: all is well, ru: всё в порядке}\n" + id + ".doc: {en: A check of the tests., ru: Проверка из тестов.}\n")
}

func sees(text string, after time.Duration) func(context.Context, *checks.Env) (saw, error) {
	return func(ctx context.Context, _ *checks.Env) (saw, error) {
		select {
		case <-time.After(after):
			return saw{text}, nil
		case <-ctx.Done():
			return saw{}, ctx.Err()
		}
	}
}

func fails(err error) func(context.Context, *checks.Env) (saw, error) {
	return func(context.Context, *checks.Env) (saw, error) { return saw{}, err }
}

func judgeWell(o saw, _ *netinfo.Host) checks.Judgement {
	return checks.Judgement{Summary: words.Literal(o.Text), Facts: map[string]string{"text": o.Text}}
}

func judgeBadly(o saw, _ *netinfo.Host) checks.Judgement {
	return checks.Judgement{Summary: words.Literal(o.Text), Findings: []checks.Finding{{ID: "x.bad", Severity: checks.Critical, Title: "It is broken"}}}
}

func run(ctx context.Context, list ...*checks.Check) *checks.Report {
	return checks.Run(ctx, list, &checks.Env{}, checks.Meta{Tool: checks.Tool{Name: "sipdoctor"}, Command: "check"})
}

func TestTheRunTakesAsLongAsItsSlowestCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rep := run(t.Context(), say("a", sees("one", 3*time.Second), judgeWell), say("b", sees("two", 2*time.Second), judgeWell))
		if rep.DurationMS != 3000 || rep.Results[0].DurationMS != 3000 || rep.Results[1].DurationMS != 2000 {
			t.Errorf("took %d ms (%d and %d)", rep.DurationMS, rep.Results[0].DurationMS, rep.Results[1].DurationMS)
		}
		if rep.Verdict != checks.Pass || rep.Result("b").Summary != "two" {
			t.Errorf("got %+v", rep)
		}
	})
}

func TestWhatBecomesOfAnObservationThatFails(t *testing.T) {
	partly := func(ctx context.Context, _ *checks.Env) (saw, error) {
		return saw{"half of it"}, errors.New("the line went dead")
	}
	for name, c := range map[string]struct {
		observe func(context.Context, *checks.Env) (saw, error)
		status  checks.Status
		reason  string
	}{
		"not possible on this system": {fails(fmt.Errorf("raw sockets: %w", errors.ErrUnsupported)), checks.Skip, "raw sockets"},
		"root would be needed":        {fails(fmt.Errorf("reading rules: %w", platform.ErrPrivilege)), checks.Skip, "administrator rights"},
		"no answer":                   {fails(errors.New("nobody home")), checks.Inconclusive, "nobody home"},
		"too slow":                    {sees("late", time.Minute), checks.Inconclusive, "the time was up"},
		"half an answer is no pass":   {partly, checks.Inconclusive, "the line went dead"},
		"a bug in the check":          {func(context.Context, *checks.Env) (saw, error) { panic("boom") }, checks.Error, "boom"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t.Context(), say("a", c.observe, judgeWell)).Results[0]
				if r.Status != c.status || !strings.Contains(r.Reason, c.reason) {
					t.Errorf("got %s because of %q, want %s because of %q", r.Status, r.Reason, c.status, c.reason)
				}
			})
		})
	}
}

func TestCtrlCPrintsWhatWasLearnt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		rep := run(ctx, say("quick", sees("done", 100*time.Millisecond), judgeWell), say("slow", sees("never", 4*time.Second), judgeWell))
		if !rep.Interrupted || rep.DurationMS != 1000 {
			t.Errorf("interrupted %v after %d ms", rep.Interrupted, rep.DurationMS)
		}
		if q, s := rep.Result("quick"), rep.Result("slow"); q.Status != checks.Pass || s.Status != checks.Inconclusive {
			t.Errorf("quick %s, slow %s (%s)", q.Status, s.Status, s.Reason)
		}
	})
}

func TestACauseHidesItsEffects(t *testing.T) {
	rep := run(t.Context(), say("uplink", sees("down", 0), judgeBadly), say("nat", fails(errors.New("no route")), judgeWell, "uplink"))
	if got := rep.Result("nat").ExplainedBy; got != "uplink" {
		t.Errorf("nat is explained by %q", got)
	}
	if rep.Verdict != checks.Fail || rep.Headline != "It is broken." {
		t.Errorf("verdict %s: %q", rep.Verdict, rep.Headline)
	}
}

func TestTheHeadlineIsTheWorstFinding(t *testing.T) {
	with := func(sev checks.Severity, title, inconclusive string) func(saw, *netinfo.Host) checks.Judgement {
		return func(saw, *netinfo.Host) checks.Judgement {
			j := checks.Judgement{Summary: words.Literal("s"), Inconclusive: words.Literal(inconclusive)}
			if title != "" {
				j.Findings = []checks.Finding{{ID: "x.y", Severity: sev, Title: title}}
			}
			return j
		}
	}
	for name, c := range map[string]struct {
		judge   func(saw, *netinfo.Host) checks.Judgement
		verdict checks.Status
		want    string
	}{
		"all well":          {with("", "", ""), checks.Pass, "No faults found on the path"},
		"a warning":         {with(checks.Warning, "The line is slow", ""), checks.Warn, "No faults, but a warning: The line is slow."},
		"an abbreviation":   {with(checks.Warning, "NAT twice", ""), checks.Warn, "a warning: NAT twice."},
		"information only":  {with(checks.Info, "By the way", ""), checks.Pass, "No faults found on the path"},
		"could not be told": {with("", "", "silence"), checks.Inconclusive, "No faults found, but a gave no result: s."},
		"nothing to sum up": {func(o saw, h *netinfo.Host) checks.Judgement {
			j := with("", "", "silence")(o, h)
			j.Summary = words.Text{}
			return j
		}, checks.Inconclusive, "No faults found, but a gave no result: silence."},
		"broken and unclear": {with(checks.Critical, "It is broken", "silence elsewhere"), checks.Fail, "It is broken."},
	} {
		t.Run(name, func(t *testing.T) {
			rep := run(t.Context(), say("a", sees("x", 0), c.judge))
			if rep.Verdict != c.verdict || !strings.Contains(rep.Headline, c.want) {
				t.Errorf("got %s %q, want %s %q", rep.Verdict, rep.Headline, c.verdict, c.want)
			}
		})
	}
}

// What public servers could not tell, whom nobody named, is no answer to a
// question of the user's; what they proved is.
func TestWhatNobodyAskedForDecidesNothing(t *testing.T) {
	unasked := func(found ...checks.Finding) func(saw, *netinfo.Host) checks.Judgement {
		return func(saw, *netinfo.Host) checks.Judgement {
			return checks.Judgement{Summary: words.Literal("s"), Inconclusive: words.Literal("only half was visible"), Headline: words.Literal("Half of it is well"), Unasked: true, Findings: found}
		}
	}
	broken := checks.Finding{ID: "x.y", Severity: checks.Critical, Title: "It is broken"}
	for name, c := range map[string]struct {
		judge    func(saw, *netinfo.Host) checks.Judgement
		named    []string
		status   checks.Status
		verdict  checks.Status
		headline string
		open     bool
	}{
		"beside a pass":                 {unasked(), nil, checks.Inconclusive, checks.Pass, "No faults found. Not tested: a.", true},
		"the check itself was named":    {unasked(), []string{"a"}, checks.Inconclusive, checks.Inconclusive, "Half of it is well.", false},
		"a fault is a fault":            {unasked(broken), nil, checks.Fail, checks.Fail, "It is broken.", false},
		"an inconclusive one beside it": {with(unasked(), false), nil, checks.Inconclusive, checks.Inconclusive, "Half of it is well.", false},
	} {
		t.Run(name, func(t *testing.T) {
			list := []*checks.Check{say("a", sees("x", 0), c.judge), say("b", sees("y", 0), judgeWell)}
			rep := checks.Run(t.Context(), list, &checks.Env{Inputs: checks.Inputs{Checks: c.named}}, checks.Meta{Command: "check"})
			r := &rep.Results[0]
			if r.Status != c.status || r.Open() != c.open || rep.Verdict != c.verdict || rep.Headline != c.headline {
				t.Errorf("%s, open %v; the report: %s %q", r.Status, r.Open(), rep.Verdict, rep.Headline)
			}
		})
	}
}

// with changes whether a judgement is about what nobody asked for.
func with(judge func(saw, *netinfo.Host) checks.Judgement, unasked bool) func(saw, *netinfo.Host) checks.Judgement {
	return func(o saw, h *netinfo.Host) checks.Judgement {
		j := judge(o, h)
		j.Unasked = unasked
		return j
	}
}

func TestASavedReportIsJudgedByTodaysRules(t *testing.T) {
	then := run(t.Context(), say("a", sees("evidence", 0), judgeWell), say("gone", sees("old", 0), judgeBadly))
	var saved bytes.Buffer
	if err := json.NewEncoder(&saved).Encode(then); err != nil {
		t.Fatal(err)
	}
	read, err := checks.ReadReport(&saved)
	if err != nil {
		t.Fatal(err)
	}
	now, err := checks.Rejudge(read, []*checks.Check{say("a", fails(errors.New("must not be asked again")), judgeBadly)})
	if err != nil {
		t.Fatal(err)
	}
	if r := now.Result("a"); r.Status != checks.Fail || r.Summary != "evidence" {
		t.Errorf("today: %s %q", r.Status, r.Summary)
	}
	if r := now.Result("gone"); r.Status != checks.Fail || len(r.Findings) != 1 {
		t.Errorf("a check that no longer exists lost its result: %+v", r)
	}
	if read.Result("a").Status != checks.Pass {
		t.Error("judging again changed the report it was given")
	}
}

func TestAReportThatIsNone(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"cut off":           {`{"schema":"sipdoctor.report/1","results":[`, "not a JSON report"},
		"no JSON":           {`hello`, "not a JSON report"},
		"another program's": {`{"schema":"trivy/2"}`, `"trivy/2"`},
		"an empty file":     {``, "not a JSON report"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := checks.ReadReport(strings.NewReader(c.in)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want something about %q", err, c.want)
			}
		})
	}
}

func TestRTPPortsAreNeverUsedTwice(t *testing.T) {
	var env checks.Env
	seen := map[int]bool{}
	for range 500 {
		p := env.FreshRTPPort()
		if p%2 != 0 || p < 10000 || p > 33000 || seen[p] {
			t.Fatalf("port %d (seen: %v)", p, seen[p])
		}
		seen[p] = true
	}
}

func TestInconclusiveIsNeverAPass(t *testing.T) {
	order := []checks.Status{checks.Skip, checks.Pass, checks.Warn, checks.Inconclusive, checks.Error, checks.Fail}
	for i, a := range order {
		for k, b := range order {
			if d := cmp.Diff(order[max(i, k)], checks.Worse(a, b)); d != "" {
				t.Errorf("%s and %s: %s", a, b, d)
			}
		}
	}
}

// What the router says of itself while the checks run counts for the whole report,
// the judges included.
func TestWhatIsHeardMeanwhileIsJudged(t *testing.T) {
	const frame = "\x01\x80\xc2\x00\x00\x0e\x4c\x5e\x0c\x01\x02\x04\x88\xcc\x0c\x04VyOS\x10\x06\x05\x01\xc0\xa8\x58\x01\x00\x00"
	heard := &netinfo.Heard{}
	judged := ""
	list := []*checks.Check{say("uplink", func(context.Context, *checks.Env) (saw, error) {
		heard.Add([]byte(frame))
		return saw{}, nil
	}, func(_ saw, h *netinfo.Host) checks.Judgement {
		if h.Router != nil {
			judged = h.Router.Platform
		}
		return checks.Judgement{}
	})}
	env := &checks.Env{Heard: heard, Host: func(context.Context) (*netinfo.Host, error) {
		return &netinfo.Host{Uplink: netinfo.Uplink{Gateway: netip.MustParseAddr("192.168.88.1")}}, nil
	}}
	rep := checks.Run(t.Context(), list, env, checks.Meta{})
	if judged != "vyos" || rep.Host.Router.Platform != "vyos" {
		t.Errorf("judged as a router of %q, reported as %+v", judged, rep.Host.Router)
	}
}
