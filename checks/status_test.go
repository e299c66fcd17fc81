package checks_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// How an observation can end, beside well.
var endings = map[string]error{
	"well":        nil,
	"unsupported": fmt.Errorf("raw sockets: %w", errors.ErrUnsupported),
	"privilege":   fmt.Errorf("reading the rules: %w", platform.ErrPrivilege),
	"network":     errors.New("nobody home"),
	"timeout":     fmt.Errorf("asking: %w", context.DeadlineExceeded),
}

// What a judge can come to.
var opinions = map[string]checks.Judgement{
	"pass":                   {Summary: words.Literal("s")},
	"info":                   {Summary: words.Literal("s"), Findings: []checks.Finding{{ID: "a.i", Severity: checks.Info, Title: "By the way"}}},
	"warn":                   {Summary: words.Literal("s"), Findings: []checks.Finding{{ID: "a.w", Severity: checks.Warning, Title: "It is slow"}}},
	"fail":                   {Summary: words.Literal("s"), Findings: []checks.Finding{{ID: "a.f", Severity: checks.Critical, Title: "It is broken"}, {ID: "a.w", Severity: checks.Warning, Title: "It is slow"}}},
	"inconclusive":           {Summary: words.Literal("s"), Inconclusive: words.Literal("silence")},
	"warn, and inconclusive": {Summary: words.Literal("s"), Inconclusive: words.Literal("silence"), Findings: []checks.Finding{{ID: "a.w", Severity: checks.Warning, Title: "It is slow"}}},
	"fail, and inconclusive": {Summary: words.Literal("s"), Inconclusive: words.Literal("silence"), Findings: []checks.Finding{{ID: "a.f", Severity: checks.Critical, Title: "It is broken"}}},
	"skip":                   {Summary: words.Literal("s"), Skip: words.Literal("nothing to ask")},
	"skip, and inconclusive": {Summary: words.Literal("s"), Skip: words.Literal("nothing to ask"), Inconclusive: words.Literal("silence")},
}

func observing(text, ending string) func(context.Context, *checks.Env) (saw, error) {
	return func(context.Context, *checks.Env) (saw, error) { return saw{text}, endings[ending] }
}

func opining(opinion string) func(saw, *netinfo.Host) checks.Judgement {
	return func(saw, *netinfo.Host) checks.Judgement { return opinions[opinion] }
}

// What was seen before an observation broke off counts, but praises nobody:
// a fault stays, a pass and a warning become inconclusive. When time ran out,
// whom it had not asked was not silent: only what was heard stays.
func TestHowAnObservationEndsDecidesWhatItsJudgementIsWorth(t *testing.T) {
	complete := map[string]checks.Status{
		"pass": checks.Pass, "info": checks.Pass, "warn": checks.Warn, "fail": checks.Fail,
		"inconclusive": checks.Inconclusive, "warn, and inconclusive": checks.Inconclusive, "fail, and inconclusive": checks.Fail,
		"skip": checks.Skip, "skip, and inconclusive": checks.Inconclusive,
	}
	brokenOff := map[string]checks.Status{
		"pass": checks.Inconclusive, "info": checks.Inconclusive, "warn": checks.Inconclusive, "fail": checks.Fail,
		"inconclusive": checks.Inconclusive, "warn, and inconclusive": checks.Inconclusive, "fail, and inconclusive": checks.Fail,
		"skip": checks.Skip, "skip, and inconclusive": checks.Inconclusive,
	}
	sawNothing := map[string]checks.Status{
		"unsupported": checks.Skip, "privilege": checks.Skip, "network": checks.Inconclusive, "timeout": checks.Inconclusive,
	}
	for ending := range endings {
		for opinion := range opinions {
			t.Run(opinion+", ended by "+ending, func(t *testing.T) {
				want := complete[opinion]
				if ending != "well" {
					want = brokenOff[opinion]
				}
				findings := len(opinions[opinion].Findings)
				if blames := findings > 0 && opinion != "info"; blames && ending == "timeout" {
					want, findings = checks.Inconclusive, 0
				}
				r := run(t.Context(), say("a", observing("half of it", ending), opining(opinion))).Results[0]
				if r.Status != want || len(r.Findings) != findings {
					t.Errorf("%s with %d findings, want %s", r.Status, len(r.Findings), want)
				}
				if (r.Reason == "") != (want == checks.Pass || want == checks.Warn || opinion == "fail" && ending == "well") {
					t.Errorf("%s because of %q", r.Status, r.Reason)
				}
				if want, ok := sawNothing[ending]; ok {
					r := run(t.Context(), say("a", observing("", ending), opining(opinion))).Results[0]
					if r.Status != want || len(r.Findings) != 0 || r.Reason == "" || r.Summary == "s" {
						t.Errorf("seeing nothing: %s %q with %d findings because of %q, want %s", r.Status, r.Summary, len(r.Findings), r.Reason, want)
					}
				}
			})
		}
	}
}

func TestAnyCheckCanSayThatItNeedsRoot(t *testing.T) {
	nothing := run(t.Context(), say("a", observing("", "privilege"), opining("pass"))).Results[0]
	if nothing.Status != checks.Skip || nothing.Summary != "needs administrator rights" || !strings.Contains(nothing.Reason, "reading the rules") {
		t.Errorf("nothing seen: %s %q because of %q", nothing.Status, nothing.Summary, nothing.Reason)
	}
	half := run(t.Context(), say("a", observing("half of it", "privilege"), opining("warn"))).Results[0]
	if half.Status != checks.Inconclusive || !strings.HasPrefix(half.Reason, "needs administrator rights: reading the rules") || !strings.HasSuffix(half.Reason, "run it with sudo") {
		t.Errorf("half seen: %s because of %q", half.Status, half.Reason)
	}
	// A reason of the judge's own is more exact.
	own := run(t.Context(), say("a", observing("half of it", "privilege"), opining("inconclusive"))).Results[0]
	if own.Reason != "silence" {
		t.Errorf("the judge's reason became %q", own.Reason)
	}
}

func TestWhatACheckSaysThatSawNothing(t *testing.T) {
	for ending, want := range map[string]string{
		"unsupported": "not possible on this system", "privilege": "needs administrator rights",
		"network": "no answer", "timeout": "no answer",
	} {
		if got := run(t.Context(), say("a", observing("", ending), opining("pass"))).Results[0]; got.Summary != want {
			t.Errorf("%s: %q, want %q", ending, got.Summary, want)
		}
	}
	kinds := map[string]string{"unsupported": "unsupported", "privilege": "privilege", "network": "network"}
	for ending, want := range kinds {
		if got := run(t.Context(), say("a", observing("", ending), opining("pass"))).Results[0].ObserveError; got == nil || got.Kind != want {
			t.Errorf("%s: %+v, want the kind %s", ending, got, want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		slow := run(t.Context(), say("a", sees("late", time.Minute), judgeWell)).Results[0]
		if slow.ObserveError.Kind != "timeout" {
			t.Errorf("too slow: kind %s", slow.ObserveError.Kind)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		r := run(ctx, say("a", sees("late", 4*time.Second), judgeWell)).Results[0]
		if r.ObserveError.Kind != "interrupted" || r.Summary != "interrupted before it had an answer" || r.Status != checks.Inconclusive {
			t.Errorf("Ctrl-C: %s %q, kind %s", r.Status, r.Summary, r.ObserveError.Kind)
		}
		bug := run(t.Context(), say("a", func(context.Context, *checks.Env) (saw, error) { panic("boom") }, judgeWell)).Results[0]
		if bug.ObserveError.Kind != "internal" || bug.Summary != "internal error" || bug.Status != checks.Error {
			t.Errorf("a panic: %s %q, kind %s", bug.Status, bug.Summary, bug.ObserveError.Kind)
		}
	})
}

// Only what failed explains what stands on it: a warning, a skipped check or
// one that could not tell is no cause.
func TestOnlyAFailureExplainsItsEffects(t *testing.T) {
	effects := map[string]bool{"fail": true, "warn": true, "inconclusive": true, "pass": false, "skip": false}
	for cause := range opinions {
		for effect, mayBe := range effects {
			t.Run(effect+" under "+cause, func(t *testing.T) {
				rep := run(t.Context(), say("ground", sees("x", 0), opining(cause)), say("roof", sees("x", 0), opining(effect), "ground"))
				want := ""
				if rep.Result("ground").Status == checks.Fail && mayBe {
					want = "ground"
				}
				if got := rep.Result("roof").ExplainedBy; got != want {
					t.Errorf("explained by %q, want %q", got, want)
				}
			})
		}
	}
	t.Run("the first that failed is the cause", func(t *testing.T) {
		rep := run(t.Context(), say("one", sees("x", 0), opining("pass")), say("two", sees("x", 0), opining("fail")), say("three", sees("x", 0), opining("fail")),
			say("roof", sees("x", 0), opining("fail"), "one", "two", "three"))
		if got := rep.Result("roof").ExplainedBy; got != "two" {
			t.Errorf("explained by %q", got)
		}
	})
	t.Run("what an explained check found does not make the headline", func(t *testing.T) {
		effect := func(saw, *netinfo.Host) checks.Judgement {
			return checks.Judgement{Findings: []checks.Finding{{ID: "roof.f", Severity: checks.Critical, Title: "The effect"}}}
		}
		rep := run(t.Context(), say("roof", sees("x", 0), effect, "ground"), say("ground", sees("x", 0), opining("fail")))
		if rep.Headline != "It is broken." || rep.Verdict != checks.Fail {
			t.Errorf("%s: %s", rep.Verdict, rep.Headline)
		}
	})
	t.Run("a check that did not run explains nothing", func(t *testing.T) {
		rep := run(t.Context(), say("roof", sees("x", 0), opining("fail"), "ground"))
		if rep.Results[0].ExplainedBy != "" {
			t.Errorf("explained by %q", rep.Results[0].ExplainedBy)
		}
	})
}

func headline(t *testing.T, command string, list ...*checks.Check) (checks.Status, string) {
	t.Helper()
	rep := checks.Run(t.Context(), list, &checks.Env{}, checks.Meta{Command: command})
	return rep.Verdict, rep.Headline
}

func TestTheFirstLine(t *testing.T) {
	is := func(id, opinion string) *checks.Check { return say(id, sees("x", 0), opining(opinion)) }
	ends := func(id, ending string) *checks.Check { return say(id, observing("", ending), opining("pass")) }
	unknown := func(saw, *netinfo.Host) checks.Judgement {
		return checks.Judgement{Summary: words.Literal("it is not known"), Headline: words.Literal("It is not known"), Inconclusive: words.Literal("silence")}
	}
	const well = "No faults found on the path by these checks."
	for name, c := range map[string]struct {
		command string
		list    []*checks.Check
		verdict checks.Status
		want    string
	}{
		"all well":                          {"check", []*checks.Check{is("a", "pass"), is("b", "info")}, checks.Pass, well},
		"all well on a PBX":                 {"pbx", []*checks.Check{is("a", "pass")}, checks.Pass, "No faults found on this PBX by these checks."},
		"an address that is let in":         {"why", []*checks.Check{is("a", "pass")}, checks.Pass, "s."},
		"well, with a hole":                 {"check", []*checks.Check{is("a", "pass"), is("b", "skip"), is("c", "skip")}, checks.Pass, "No faults found. Not tested: b and c."},
		"nothing but holes":                 {"check", []*checks.Check{is("b", "skip")}, checks.Skip, "Nothing could be checked here."},
		"a warning":                         {"check", []*checks.Check{is("a", "warn"), is("b", "pass")}, checks.Warn, "No faults, but a warning: It is slow."},
		"a warning before a fault":          {"check", []*checks.Check{is("a", "warn"), is("b", "fail")}, checks.Fail, "It is broken."},
		"a fault before a warning":          {"check", []*checks.Check{is("b", "fail"), is("a", "warn")}, checks.Fail, "It is broken."},
		"a fault, and a mistake of ours":    {"check", []*checks.Check{say("a", func(context.Context, *checks.Env) (saw, error) { panic("boom") }, judgeWell), is("b", "fail")}, checks.Fail, "It is broken."},
		"a mistake of ours":                 {"check", []*checks.Check{say("a", func(context.Context, *checks.Env) (saw, error) { panic("boom") }, judgeWell), is("b", "warn")}, checks.Error, "Something went wrong inside this program; the rest of the report stands."},
		"unclear":                           {"check", []*checks.Check{is("a", "pass"), is("b", "inconclusive")}, checks.Inconclusive, "No faults found, but b gave no result: s."},
		"unclear, with a warning":           {"check", []*checks.Check{is("a", "warn"), is("b", "inconclusive")}, checks.Inconclusive, "Not everything could be determined. So far: It is slow."},
		"unclear, because one broke off":    {"check", []*checks.Check{is("b", "inconclusive"), ends("c", "network")}, checks.Inconclusive, "No faults found, but c gave no result: no answer."},
		"unclear why an address is blocked": {"why", []*checks.Check{is("a", "inconclusive")}, checks.Inconclusive, "s (silence)."},
		"unclear why, with a warning":       {"why", []*checks.Check{is("a", "warn, and inconclusive")}, checks.Inconclusive, "Not everything could be determined. So far: It is slow."},
		"an answer in a whole sentence":     {"why", []*checks.Check{say("a", sees("x", 0), unknown), is("b", "pass")}, checks.Inconclusive, "It is not known (silence); s."},
		"two questions":                     {"why", []*checks.Check{is("a", "inconclusive"), is("b", "pass")}, checks.Inconclusive, "s (silence); s."},
	} {
		t.Run(name, func(t *testing.T) {
			if verdict, got := headline(t, c.command, c.list...); verdict != c.verdict || got != c.want {
				t.Errorf("%s %q, want %s %q", verdict, got, c.verdict, c.want)
			}
		})
	}
}

func TestTheFirstLineOfAnInterruptedRun(t *testing.T) {
	for name, c := range map[string]struct {
		command string
		first   *checks.Check
		verdict checks.Status
		want    string
	}{
		"nothing found": {"check", say("a", sees("x", 0), opining("pass")), checks.Inconclusive, "Interrupted: this is what was found until then."},
		"a warning":     {"check", say("a", sees("x", 0), opining("warn")), checks.Inconclusive, "Interrupted: this is what was found until then."},
		"a fault":       {"check", say("a", sees("x", 0), opining("fail")), checks.Fail, "It is broken."},
		"of an address": {"why", say("a", sees("x", 0), opining("pass")), checks.Inconclusive, "Interrupted: this is what was found until then."},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				rep := checks.Run(ctx, []*checks.Check{c.first, say("slow", sees("never", 4*time.Second), judgeWell)}, &checks.Env{}, checks.Meta{Command: c.command})
				if rep.Verdict != c.verdict || rep.Headline != c.want || !rep.Interrupted {
					t.Errorf("%s %q, want %s %q", rep.Verdict, rep.Headline, c.verdict, c.want)
				}
			})
		})
	}
}

// An effect that could not be told is no reason for the headline: its cause is.
func TestWhatIsExplainedDoesNotMakeTheHeadline(t *testing.T) {
	warns := func(saw, *netinfo.Host) checks.Judgement { return opinions["fail"] }
	rep := run(t.Context(), say("ground", sees("x", 0), warns), say("roof", sees("x", 0), opining("inconclusive"), "ground"))
	if rep.Headline != "It is broken." {
		t.Error(rep.Headline)
	}
}

func TestWhatTheRunLearnsOfTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := func(_ saw, h *netinfo.Host) checks.Judgement { return checks.Judgement{Summary: words.Literal(h.OS)} }
		with := func(host func(context.Context) (*netinfo.Host, error)) *checks.Report {
			return checks.Run(t.Context(), []*checks.Check{say("a", sees("x", time.Second), seen)}, &checks.Env{Host: host}, checks.Meta{})
		}
		ok := with(func(context.Context) (*netinfo.Host, error) { return &netinfo.Host{OS: "linux"}, nil })
		if ok.Host.OS != "linux" || ok.Results[0].Summary != "linux" || len(ok.Host.Notes) != 0 {
			t.Errorf("%+v", ok.Host)
		}
		half := with(func(context.Context) (*netinfo.Host, error) {
			return &netinfo.Host{OS: "linux"}, errors.New("no routes")
		})
		if half.Host.OS != "linux" || len(half.Host.Notes) != 1 || half.Host.Notes[0] != "no routes" {
			t.Errorf("half of it: %+v", half.Host)
		}
		none := with(func(context.Context) (*netinfo.Host, error) { return nil, errors.New("no machine") })
		if none.Host == nil || len(none.Host.Notes) != 1 {
			t.Errorf("nothing: %+v", none.Host)
		}
		slow := with(func(ctx context.Context) (*netinfo.Host, error) {
			<-ctx.Done()
			return &netinfo.Host{OS: "linux"}, nil
		})
		if slow.Host.OS != "linux" || slow.DurationMS != 2500 {
			t.Errorf("a router that does not answer held the run for %d ms", slow.DurationMS)
		}
		if without := with(nil); without.Host == nil {
			t.Error("no host at all")
		}
	})
}

// Ctrl-C ends the gathering too, and what it learnt counts.
func TestCtrlCKeepsWhatIsKnownOfTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		env := &checks.Env{Host: func(ctx context.Context) (*netinfo.Host, error) {
			<-ctx.Done()
			return &netinfo.Host{OS: "linux"}, nil
		}}
		rep := checks.Run(ctx, []*checks.Check{say("a", sees("x", 4*time.Second), judgeWell)}, env, checks.Meta{})
		if rep.Host == nil || rep.Host.OS != "linux" {
			t.Errorf("%+v", rep.Host)
		}
	})
}

// Whoever reads a report finds lists, not null, even where a judge names no
// evidence and no fix.
func TestFindingsEvidenceAndFixesAreLists(t *testing.T) {
	pass := run(t.Context(), say("a", sees("x", 0), opining("pass"))).Results[0]
	fail := run(t.Context(), say("a", sees("x", 0), opining("fail"))).Results[0]
	broken := run(t.Context(), say("a", observing("", "network"), opining("fail"))).Results[0]
	if pass.Findings == nil || broken.Findings == nil || fail.Findings[0].Evidence == nil || fail.Findings[0].Fixes == nil {
		t.Errorf("%v %v %+v", pass.Findings, broken.Findings, fail.Findings[0])
	}
}

// A report that says nothing of the machine is judged all the same, by an
// empty one.
func TestAReportWithoutAMachineIsJudged(t *testing.T) {
	c := say("a", sees("x", 0), func(_ saw, h *netinfo.Host) checks.Judgement {
		return checks.Judgement{Summary: words.Literal("os " + h.OS)}
	})
	r := &checks.Report{Results: []checks.Result{{Check: "a", Title: "an old title", Group: "old", Observes: c.Observes(), Observed: []byte(`{"text":"x"}`),
		ExplainedBy: "b", Reason: "old", Findings: []checks.Finding{{ID: "a.old", Severity: checks.Critical}}}}}
	again, err := checks.Rejudge(r, []*checks.Check{c})
	if err != nil {
		t.Fatal(err)
	}
	got := again.Results[0]
	if again.Host == nil || got.Summary != "os " || got.Title != "all is well" || got.Group != "office" || got.ExplainedBy != "" || got.Reason != "" || len(got.Findings) != 0 || got.Status != checks.Pass {
		t.Errorf("%+v", got)
	}
	alone := c.Judge([]byte(`{"text":"x"}`), &netinfo.Host{OS: "linux"})
	if alone.Summary != "os linux" || alone.Status != checks.Pass || alone.Check != "a" {
		t.Errorf("alone: %+v", alone)
	}
	if lost := c.Judge(nil, &netinfo.Host{}); lost.Status != checks.Inconclusive || lost.Reason == "" {
		t.Errorf("an observation that was lost: %+v", lost)
	}
}

func TestOfTwoThatAreEquallyBadTheFirstMakesTheHeadline(t *testing.T) {
	bad := func(title string) *checks.Check {
		return say(strings.ToLower(title[:1]), sees("x", 0), func(saw, *netinfo.Host) checks.Judgement {
			return checks.Judgement{Findings: []checks.Finding{{ID: "x.y", Severity: checks.Critical, Title: title}}}
		})
	}
	if _, got := headline(t, "check", bad("One is broken"), bad("Two is broken")); got != "One is broken." {
		t.Error(got)
	}
}

// What is only worth knowing never makes a headline.
func TestInformationIsNoHeadline(t *testing.T) {
	unsure := say("a", sees("x", 0), func(saw, *netinfo.Host) checks.Judgement {
		return checks.Judgement{Summary: words.Literal("s"), Inconclusive: words.Literal("silence"), Findings: []checks.Finding{{ID: "a.i", Severity: checks.Info, Title: "By the way"}}}
	})
	if verdict, got := headline(t, "check", unsure); verdict != checks.Inconclusive || got != "No faults found, but a gave no result: s." {
		t.Errorf("%s %q", verdict, got)
	}
}

// Evidence that a judge gave is kept.
func TestEvidenceStays(t *testing.T) {
	r := run(t.Context(), say("a", sees("x", 0), func(saw, *netinfo.Host) checks.Judgement {
		return checks.Judgement{Findings: []checks.Finding{{ID: "a.f", Severity: checks.Warning, Evidence: []checks.Evidence{{Name: "n", Got: "g"}}}}}
	})).Results[0]
	if len(r.Findings[0].Evidence) != 1 {
		t.Errorf("%+v", r.Findings[0])
	}
	broken := run(t.Context(), say("a", observing("half of it", "network"), opining("warn"))).Results[0]
	if broken.Reason != "nobody home" {
		t.Errorf("because of %q", broken.Reason)
	}
}

// The run waits for what is being learnt of the machine.
func TestTheRunWaitsForTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := &checks.Env{Host: func(context.Context) (*netinfo.Host, error) {
			time.Sleep(2 * time.Second)
			return &netinfo.Host{OS: "linux"}, nil
		}}
		rep := checks.Run(t.Context(), []*checks.Check{say("a", sees("x", 0), judgeWell)}, env, checks.Meta{})
		if rep.DurationMS != 2000 || rep.Host.OS != "linux" {
			t.Errorf("%d ms, %+v", rep.DurationMS, rep.Host)
		}
	})
}
