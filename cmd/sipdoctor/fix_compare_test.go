package main

import (
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// tableFull is a fault that is about nobody in particular.
func tableFull(title string, count int) *checks.Report {
	return &checks.Report{Command: "pbx", Results: []checks.Result{{
		Check: "conntrack", Status: checks.Fail, Findings: []checks.Finding{{
			ID: "conntrack.table-full", Severity: checks.Critical, Title: title,
			Args:  words.Args{"count": count, "max": 100, "share": words.Percent(count)},
			Fixes: []fixes.Fix{{ID: "raise-conntrack-max", Title: "Raise it", Where: "pbx", Form: fixes.FormShell, Commands: []string{"raise"}, Undo: []string{"lower"}}},
		}},
	}}}
}

// A report that was saved in Russian, or with the words of another version, is
// about the same fault as the fresh look in English.
func TestAFaultIsTheSameInWhateverWords(t *testing.T) {
	then := tableFull("Таблица соединений заполнена", 95)
	then.Results[0].Findings = append(then.Results[0].Findings, tableFull("Вторая таблица", 97).Results[0].Findings...)
	for name, c := range map[string]struct {
		now  *checks.Report
		want cureState
	}{
		"the same, in English":                  {tableFull("The connection table is full", 95), stays},
		"with another count":                    {tableFull("The connection table is full", 96), stays},
		"what another fault of the report says": {tableFull("The connection table is full", 97), gone},
	} {
		if _, state := compareWith(then, c.now, curesOf(then)[0]); state != c.want {
			t.Errorf("%s: state %d, want %d", name, state, c.want)
		}
	}
}

// Versions before kept the English title. What they ran can be taken back.
func TestTheJournalOfAnOlderVersion(t *testing.T) {
	r := tableFull("The connection table is 95 % full (95 of 100)", 95)
	r.Started = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	c := curesOf(r)[0]
	old := applied{Report: r.Started, Finding: "conntrack.table-full", Title: "The table is full", Fix: "raise-conntrack-max", Commands: []string{"raise"}}
	for name, tt := range map[string]struct {
		change func(*applied)
		found  bool
	}{
		"other words, the same commands": {func(*applied) {}, true},
		"the same words":                 {func(e *applied) { e.Title, e.Commands = c.finding.Title, []string{"raise more"} }, true},
		"another fault of that report":   {func(e *applied) { e.Commands = []string{"raise more"} }, false},
		"another cure":                   {func(e *applied) { e.Fix = "something-else" }, false},
		"another report":                 {func(e *applied) { e.Report = e.Report.Add(time.Second) }, false},
	} {
		e := old
		tt.change(&e)
		j := &journal{entries: []applied{e}}
		if found := j.index(c, r) >= 0; found != tt.found {
			t.Errorf("%s: found %v, want %v", name, found, tt.found)
		}
	}
	j := &journal{entries: []applied{entryOf(c, r.Started)}}
	if j.index(curesOf(tableFull("Другие слова", 95))[0], r) < 0 {
		t.Error("in another language it is not found")
	}
	if j.index(curesOf(tableFull("Другие слова", 97))[0], r) >= 0 {
		t.Error("another fault is taken for it")
	}
}
