package all

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// What a check observes changes knowingly: saved reports of the version before
// cannot be judged again, and those in testdata must be recorded anew
// (make reports).
func TestObservationsChangeKnowingly(t *testing.T) {
	const golden = "testdata/observes.txt"
	var b strings.Builder
	for _, c := range Checks() {
		fmt.Fprintf(&b, "%s %s\n", c.ID, c.Observes())
	}
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("what checks observe has changed (-before +now), accept with -update:\n%s", diff)
	}
}

// A judge that sees nothing says so: whatever a check did not look at, it does
// not praise.
func TestNoJudgePassesOnNothing(t *testing.T) {
	for _, c := range Checks() {
		t.Run(c.ID, func(t *testing.T) {
			r := &checks.Report{Results: []checks.Result{{Check: c.ID, Observes: c.Observes(), Observed: json.RawMessage(c.Nothing())}}}
			again, err := checks.Rejudge(r, []*checks.Check{c})
			if err != nil {
				t.Fatal(err)
			}
			if got := again.Results[0]; got.Status == checks.Pass || got.Status == checks.Warn {
				t.Errorf("of nothing it says %s: %s", got.Status, got.Summary)
			}
		})
	}
}
