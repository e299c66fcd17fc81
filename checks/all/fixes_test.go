package all

import (
	"slices"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// The catalogue is browsed by finding; what it names there must be findings. That
// none is missing is a matter of the judges' tests (package judged).
func TestTheCatalogueNamesFindingsThatThereAre(t *testing.T) {
	ids := checks.BookOf(Checks()).IDs()
	for _, p := range fixes.Problems(words.English) {
		for _, finding := range p.Findings {
			if !slices.ContainsFunc(ids, func(id string) bool {
				rest, ok := strings.CutPrefix(id, finding+".")
				return ok && (rest == "title" || strings.HasSuffix(rest, ".title"))
			}) {
				t.Errorf("fixes/problems.yaml: %s: no check finds %s", p.ID, finding)
			}
		}
	}
}
