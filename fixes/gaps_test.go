package fixes

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A platform that should have a fix for a problem and has none is a gap. A new one
// fails this test; one that was filled leaves the list with -update.
func TestTheGapsOfTheCatalogueAreKnown(t *testing.T) {
	path := filepath.Join("testdata", "gaps.txt")
	now := gaps(t)
	if *update {
		if err := os.WriteFile(path, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	was := strings.Split(strings.ReplaceAll(string(before), "\r\n", "\n"), "\n")
	if diff := cmp.Diff(was, strings.Split(now, "\n")); diff != "" {
		t.Errorf("the gaps are others (-before +now): fill a new one, and take out one that is filled with go test ./fixes -update\n%s", diff)
	}
}

// gaps lists the missing fixes, one platform a line, and refuses a row that stands
// where its problem says there is none.
func gaps(t *testing.T) string {
	missing := map[string][]string{}
	for _, p := range problemRows() {
		on := p.onPlatforms()
		for _, name := range p.On {
			if name != "routers" && !slices.Contains(on, name) {
				t.Errorf("problems.yaml: %s is said to be fixed on %s, which the catalogue does not know", p.ID, name)
			}
		}
		for _, d := range catalogue() {
			has := slices.ContainsFunc(d.Fixes, func(r row) bool { return r.Problem == p.ID })
			switch {
			case !has && slices.Contains(on, d.Platform):
				missing[d.Platform] = append(missing[d.Platform], p.ID)
			case has && !slices.Contains(on, d.Platform) && d.kind() != kindAny:
				t.Errorf("%s has a fix for %s, where problems.yaml expects none", d.Platform, p.ID)
			}
		}
	}
	var b strings.Builder
	b.WriteString("# Platforms without a fix for a problem that they should have one for.\n\n")
	for _, d := range catalogue() {
		if len(missing[d.Platform]) > 0 {
			fmt.Fprintf(&b, "%s: %s\n", d.Platform, strings.Join(missing[d.Platform], " "))
		}
	}
	return b.String()
}

func TestTheProblemsAreSound(t *testing.T) {
	var ids []string
	for _, r := range problemRows() {
		ids = append(ids, r.ID)
		for _, l := range words.Languages() {
			if !startsUpper(r.Title[l]) || !saysIn(l, r.Title[l]) {
				t.Errorf("problems.yaml: %s: title %q in %s", r.ID, r.Title[l], l)
			}
		}
		if len(r.Findings) == 0 || len(r.On) == 0 {
			t.Errorf("problems.yaml: %s: no findings, or no platforms", r.ID)
		}
		if n := len(slices.Compact(slices.Sorted(slices.Values(r.Findings)))); n != len(r.Findings) {
			t.Errorf("problems.yaml: %s: a finding stands twice", r.ID)
		}
	}
	slices.Sort(ids)
	if diff := cmp.Diff(slices.Sorted(slices.Values(problems())), ids); diff != "" {
		t.Errorf("problems.yaml and fix.go have other problems (-Go +data)\n%s", diff)
	}
}

func TestWhatIsBrowsedIsReadable(t *testing.T) {
	for _, name := range knownVariables() {
		for _, l := range otherLanguages() {
			if p := standIns()[name]; !isPlaceholder(p) || !saysIn(l, phraseIn(p, l)) {
				t.Errorf("placeholders.yaml: %s is %q, in %s %q", name, p, l, phraseIn(p, l))
			}
		}
	}
	if len(standIns()) != len(knownVariables()) {
		t.Errorf("placeholders.yaml has %d variables, not %d", len(standIns()), len(knownVariables()))
	}
	rows := 0
	for _, d := range catalogue() {
		rows += len(d.Fixes)
	}
	for _, l := range words.Languages() {
		list := Browse("", "", l)
		if len(list) != rows {
			t.Errorf("%d fixes in %s, not %d", len(list), l, rows)
		}
		for _, f := range list {
			if !saysIn(l, f.Title) || ProblemOf(f.Fix) != f.Problem {
				t.Errorf("%s/%s in %s: %q, for %s", f.Platform, f.ID, l, f.Title, f.Problem)
			}
			for _, line := range slices.Concat(f.Commands, f.Undo, f.Verify) {
				if strings.Contains(line, "{{.") || f.Form == FormShell && shellPlaceholder.MatchString(line) {
					t.Errorf("%s/%s in %s: %q", f.Platform, f.ID, l, line)
				}
			}
		}
	}
}

func TestBrowsingByProblemAndPlatform(t *testing.T) {
	tests := []struct {
		name, problem, platform string
		want                    []string
	}{
		{"a problem on a platform, with what is shown in no report", SIPALG, "mikrotik", []string{"sip-alg: mikrotik/disable-sip-helper", "sip-alg: mikrotik/stop-direct-media"}},
		{"for both kinds of version", Clock, "mikrotik", []string{"clock: mikrotik/set-clock from 7", "clock: mikrotik/set-clock-6 below 7"}},
		{"a problem", SIPService, "", []string{"sip-service: cisco-ios/start-voip-service", "sip-service: cisco-ios/start-sip-call-service"}},
		{"a platform", "", "ufw", []string{"let-in: ufw/ufw-let-in"}},
		{"a problem that the platform has nothing for", BanPorts, "ufw", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, f := range Browse(tt.problem, tt.platform, words.English) {
				line := f.Problem + ": " + f.Platform + "/" + f.ID
				if f.From != "" {
					line += " from " + f.From
				}
				if f.Below != "" {
					line += " below " + f.Below
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
