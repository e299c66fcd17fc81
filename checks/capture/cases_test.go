package capture

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A tale is a story with what it comes to.
type tale struct {
	name  string
	tell  func(s *story)
	found []string // ID/variant severity subject
}

// hear reads the tales and compares what the check finds in them.
func hear(t *testing.T, list []tale) {
	t.Helper()
	for _, tt := range list {
		t.Run(tt.name, func(t *testing.T) {
			s := tell()
			tt.tell(s)
			var found []string
			for _, f := range s.read(t).Findings {
				found = append(found, fmt.Sprintf("%s/%s %s %s", f.ID, f.Variant, f.Severity, f.Subject))
			}
			if diff := cmp.Diff(tt.found, found); diff != "" {
				t.Error(diff)
			}
		})
	}
}
