package capture

import (
	"fmt"
	"testing"
	"time"

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

func TestAThousandCausesDoNotFillTheReport(t *testing.T) {
	s := tell()
	for i := range maxCases + 5 {
		s.dial(fmt.Sprintf("203.0.113.%d:5060", i+1), pbxAt).register(fmt.Sprint(i), "403 Forbidden")
	}
	r := s.read(t)
	if len(r.Findings) != maxCases || len(r.Notes) != 1 {
		t.Errorf("%d findings, notes %q", len(r.Findings), r.Notes)
	}
	for _, c := range factsOf(t, r).Calls {
		if c.Diagnosis != "capture.credentials-refused" {
			t.Errorf("%+v", c)
		}
	}
}

func TestAThousandCallsWithoutAudioDoNotFillTheReport(t *testing.T) {
	s := tell()
	for i := range maxCases + 5 {
		at := fmt.Sprintf("203.0.113.%d", i+1)
		s.call(at+":5060", at+":4000", 3*time.Second, speaker{from: at + ":4000", to: "198.51.100.2:10000", ssrc: uint32(i + 1)})
	}
	if r := s.read(t); len(r.Findings) != maxCases || r.Findings[0].ID != "capture.no-audio" || len(r.Notes) != 1 {
		t.Errorf("%d findings, notes %q", len(r.Findings), r.Notes)
	}
}

// A capture on two interfaces, or of a mirrored port, holds each packet twice.
func TestPacketsThatAreCapturedTwice(t *testing.T) {
	s := tell()
	s.copies = 2
	s.call(officeAt, "203.0.113.1:4000", 5*time.Second)
	for range 5 {
		s.dial(officeAt, pbxAt).register("100", "200 OK")
		s.wait(time.Minute)
	}
	if r := s.read(t); len(r.Findings) != 0 {
		t.Errorf("%+v", r.Findings)
	}
}
