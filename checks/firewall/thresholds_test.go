package firewall

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

func resultOf(t *testing.T, o Observed) checks.Result {
	t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return Check().Judge(raw, &netinfo.Host{})
}

// Ports of which the rules do not tell are neither open nor closed.
func TestWhatIsNotKnownOfRTPIsNotOpen(t *testing.T) {
	part := func(ports, verdict string) Part {
		return Part{Protocol: "udp", Ports: ports, Purpose: "rtp", Verdict: verdict, Reasons: []string{"geoip"}}
	}
	const all, first, second = "10000-20000", "10000-15000", "15001-20000"
	for name, c := range map[string]struct {
		parts    []Part
		status   checks.Status
		severity []checks.Severity
		open     []string
		unknown  []string
		closed   []string
	}{
		"open":                     {[]Part{part(all, "accept")}, checks.Pass, nil, []string{all}, nil, nil},
		"undecided":                {[]Part{part(all, "maybe")}, checks.Inconclusive, nil, nil, []string{all}, nil},
		"half of it undecided":     {[]Part{part(first, "accept"), part(second, "maybe")}, checks.Inconclusive, nil, []string{first}, []string{second}, nil},
		"closed to those unlisted": {[]Part{part(all, "drop")}, checks.Warn, []checks.Severity{checks.Warning}, nil, nil, []string{all}},
		"refused to those":         {[]Part{part(all, "reject")}, checks.Warn, []checks.Severity{checks.Warning}, nil, nil, []string{all}},
		"half of it closed":        {[]Part{part(first, "accept"), part(second, "drop")}, checks.Fail, []checks.Severity{checks.Critical}, []string{first}, nil, []string{second}},
		"half closed, half unsure": {[]Part{part(first, "maybe"), part(second, "drop")}, checks.Warn, []checks.Severity{checks.Warning}, nil, []string{first}, []string{second}},
	} {
		t.Run(name, func(t *testing.T) {
			o := Observed{Asterisk: true, RTP: "10000-20000", Parts: c.parts, Root: true}
			r := resultOf(t, o)
			var got []checks.Severity
			for _, f := range r.Findings {
				got = append(got, f.Severity)
			}
			if r.Status != c.status || cmp.Diff(c.severity, got) != "" {
				t.Errorf("%s with %v, want %s with %v", r.Status, got, c.status, c.severity)
			}
			raw, _ := json.Marshal(r.Facts)
			var f Facts
			if err := json.Unmarshal(raw, &f); err != nil {
				t.Fatal(err)
			}
			for _, diff := range []string{list(c.open, f.RTPOpen), list(c.unknown, f.RTPUnknown), list(c.closed, f.RTPClosed)} {
				if diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// list compares two lists; none and an empty one are the same.
func list(want, got []string) string {
	if len(want)+len(got) == 0 {
		return ""
	}
	return cmp.Diff(want, got)
}

func TestRulesThatWereNotAskedArePraisedByNobody(t *testing.T) {
	if r := resultOf(t, Observed{Asterisk: true, RTP: "10000-20000", Root: true}); r.Status != checks.Inconclusive || r.Reason == "" {
		t.Errorf("%s because of %q", r.Status, r.Reason)
	}
}

func TestWithoutRootTheRulesAreUnknown(t *testing.T) {
	r := resultOf(t, Observed{RTP: "10000-20000", Unread: true, Denied: true})
	if r.Status != checks.Inconclusive || r.Reason != "needs administrator rights: the packet filter can be read by root only; run it with sudo" {
		t.Errorf("%s because of %q", r.Status, r.Reason)
	}
}
