package all

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
)

// Who looks up a case finds the finding that is named there.
func TestCasesNameFindingsThatExist(t *testing.T) {
	text, err := os.ReadFile("../../docs/cases.md")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, m := range regexp.MustCompile("`((capture|logs|asterisk-state|asterisk-config|cisco-state|routeros)\\.[a-z0-9.-]+)").FindAllSubmatch(text, -1) {
		i := slices.IndexFunc(Checks(), func(c *checks.Check) bool { return c.ID == string(m[2]) })
		if i < 0 {
			t.Fatalf("there is no check %s", m[2])
		}
		named++
		id := bytes.TrimRight(m[1], ".-")
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(string(id)) + `[:.-]`).Match(Checks()[i].Words) {
			t.Errorf("%s is no finding", id)
		}
	}
	if named < 50 {
		t.Errorf("%d findings are named", named)
	}
}
