package checks_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// changing is a network in which each check sees what the test says, in a word.
type changing map[string]string

// judgeWord takes the word for what is wrong; "" is a pass, "?" cannot be told.
func judgeWord(o saw, _ *netinfo.Host) checks.Judgement {
	switch o.Text {
	case "":
		return checks.Judgement{}
	case "?":
		return checks.Judgement{Inconclusive: words.Literal("no answer")}
	}
	return checks.Judgement{Findings: []checks.Finding{{ID: "x." + o.Text, Severity: checks.Critical}}}
}

func (n changing) check(id string, assumes ...string) *checks.Check {
	return say(id, func(context.Context, *checks.Env) (saw, error) { return saw{n[id]}, nil }, judgeWord, assumes...)
}

// story watches two checks, the second of which rests on the first, and says of
// each round what it saw and what was told of it.
func story(t *testing.T, rounds []map[string]string) (told []string, w *checks.Watched) {
	t.Helper()
	n := changing{}
	list := []*checks.Check{n.check("uplink"), n.check("nat", "uplink")}
	at := time.Date(2026, 11, 29, 14, 0, 0, 0, time.UTC)
	for i, round := range rounds {
		var part []*checks.Check
		for _, c := range list {
			if word, ok := round[c.ID]; ok {
				n[c.ID] = word
				part = append(part, c)
			}
		}
		if i == 0 {
			w = checks.Watch(list, run(t.Context(), part...), at)
			continue
		}
		before := w.Report().Verdict
		for _, c := range w.Take(run(t.Context(), part...), at.Add(time.Duration(i)*time.Second)) {
			told = append(told, fmt.Sprintf("%d %s %s-%s %s", i, c.Check, c.From, c.To, c.Finding))
		}
		if got := w.Report().Verdict; got == checks.Pass && before != checks.Pass && !slices.Contains([]string{""}, round["uplink"]+round["nat"]) {
			t.Errorf("round %d: pass without a pass", i)
		}
	}
	return told, w
}

func TestWhatIsToldWhileWatching(t *testing.T) {
	type round = map[string]string
	clean, broken := round{"uplink": "", "nat": ""}, round{"uplink": "", "nat": "bad"}
	for name, tt := range map[string]struct {
		rounds []round
		want   []string
	}{
		"nothing changes":          {[]round{broken, {"nat": "bad"}, {"nat": "bad"}}, nil},
		"a pass is told at once":   {[]round{broken, {"nat": "bad"}, {"nat": ""}}, []string{"2 nat fail-pass "}},
		"one bad observation":      {[]round{clean, {"nat": "bad"}, {"nat": ""}, {"nat": "bad"}, {"nat": ""}}, nil},
		"two bad observations":     {[]round{clean, {"nat": "bad"}, {"nat": "bad"}}, []string{"2 nat pass-fail x.bad"}},
		"two, bad in two ways":     {[]round{clean, {"nat": "?"}, {"nat": "bad"}}, []string{"2 nat pass-fail x.bad"}},
		"silence once":             {[]round{broken, {"nat": "?"}, {"nat": "bad"}, {"nat": "?"}}, nil},
		"silence twice":            {[]round{broken, {"nat": "?"}, {"nat": "?"}}, []string{"2 nat fail-inconclusive "}},
		"another fault":            {[]round{broken, {"nat": "worse"}, {"nat": "worse"}}, []string{"2 nat fail-fail x.worse"}},
		"each time another fault":  {[]round{broken, {"nat": "worse"}, {"nat": "worst"}, {"nat": "worse"}, {"nat": "bad"}}, []string{"2 nat fail-fail x.worst", "4 nat fail-fail x.bad"}},
		"faults that take turns":   {[]round{broken, {"nat": "worse"}, {"nat": "bad"}, {"nat": "worse"}}, nil},
		"effects of a cause":       {[]round{clean, {"uplink": "down", "nat": "bad"}, {"uplink": "down", "nat": "bad"}, clean}, []string{"2 uplink pass-fail x.down", "3 uplink fail-pass "}},
		"an effect that stays":     {[]round{clean, {"uplink": "down", "nat": "bad"}, {"uplink": "down", "nat": "bad"}, {"uplink": ""}}, []string{"2 uplink pass-fail x.down", "3 nat pass-fail x.bad", "3 uplink fail-pass "}},
		"a cause that is doubted":  {[]round{clean, {"uplink": "down", "nat": "bad"}, clean}, nil},
		"a cause cured, one round": {[]round{{"uplink": "down", "nat": "bad"}, {"uplink": ""}, {"nat": ""}}, []string{"1 uplink fail-pass ", "2 nat fail-pass "}},
	} {
		t.Run(name, func(t *testing.T) {
			told, w := story(t, tt.rounds)
			if diff := cmp.Diff(tt.want, told); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if len(w.Report().History) != len(told) {
				t.Errorf("history %v", w.Report().History)
			}
		})
	}
}

// The clock of a machine that has just started is set while somebody watches.
func TestTheClockIsSetWhileWatching(t *testing.T) {
	n := changing{"nat": ""}
	list := []*checks.Check{n.check("nat")}
	first := run(t.Context(), list...)
	first.Started, first.DurationMS = first.Started.Add(24*time.Hour), 2000
	begin := time.Now()
	w := checks.Watch(list, first, begin)
	w.Take(run(t.Context(), list...), begin.Add(8*time.Second))
	if got := w.Report().DurationMS; got != 10_000 {
		t.Errorf("ten seconds lasted %d ms", got)
	}
}

// The report of a watch that lasts for weeks stays small.
func TestTheHistoryIsBounded(t *testing.T) {
	n := changing{"nat": ""}
	list := []*checks.Check{n.check("nat")}
	w := checks.Watch(list, run(t.Context(), list...), time.Unix(0, 0))
	n["nat"] = "bad"
	rounds := []*checks.Report{run(t.Context(), list...), run(t.Context(), list...)}
	n["nat"] = ""
	rounds = append(rounds, run(t.Context(), list...))
	for i := range 1800 {
		w.Take(rounds[i%3], time.Unix(int64(i), 0))
	}
	h := w.Report().History
	if len(h) != 1000 || h[999].To != checks.Pass || !h[0].Time.Before(h[999].Time) {
		t.Errorf("%d changes kept", len(h))
	}
}
