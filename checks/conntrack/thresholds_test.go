package conntrack

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/judged"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func resultOf(t *testing.T, o Observed) checks.Result {
	t.Helper()
	return judged.Of(t, Check(), o, nil)
}

// The table is nearly full from 80 % on, and full from 95 %.
func TestHowFullATableMayBe(t *testing.T) {
	for count, want := range map[int]checks.Status{
		0: checks.Pass, 799: checks.Pass, 800: checks.Warn, 949: checks.Warn, 950: checks.Fail, 1000: checks.Fail,
	} {
		r := resultOf(t, Observed{State: netinfo.ConntrackState{Loaded: true, Count: count, Max: 1000, UDPStreamTimeout: 120}})
		if r.Status != want {
			t.Errorf("%d of 1000: %s, want %s", count, r.Status, want)
		}
	}
}

// A trunk is forgotten if it is let in as an answer only, and asks less often
// than the kernel remembers.
func TestWhichTrunkIsForgotten(t *testing.T) {
	for name, c := range map[string]struct {
		every, remembered int
		first, answer     string
		want              checks.Status
	}{
		"it asks too seldom":               {121, 120, "drop", "accept", checks.Warn},
		"it is refused":                    {121, 120, "reject", "accept", checks.Warn},
		"it asks as often":                 {120, 120, "drop", "accept", checks.Pass},
		"a rule lets it in":                {121, 120, "accept", "accept", checks.Pass},
		"nobody knows":                     {121, 120, "maybe", "accept", checks.Pass},
		"its answers are stopped too":      {121, 120, "drop", "drop", checks.Pass},
		"nobody knows what is remembered":  {121, 0, "drop", "accept", checks.Pass},
		"nothing is said of what is known": {121, -1, "drop", "accept", checks.Pass},
	} {
		t.Run(name, func(t *testing.T) {
			r := resultOf(t, Observed{
				State:  netinfo.ConntrackState{Loaded: true, Count: 1, Max: 1000, UDPStreamTimeout: c.remembered},
				Trunks: []Trunk{{Name: "megafon", Addr: netip.MustParseAddr("198.51.100.9"), EveryS: c.every, New: c.first, Answer: c.answer}},
			})
			if r.Status != c.want {
				t.Errorf("%s, want %s", r.Status, c.want)
			}
			for _, f := range r.Findings {
				if len(f.Fixes) != 0 {
					t.Errorf("a cure without a command: %+v", f.Fixes)
				}
			}
		})
	}
}

// What was not read is unknown, unless something was found all the same.
func TestRulesThatWereNotReadAreUnknown(t *testing.T) {
	calm := netinfo.ConntrackState{Loaded: true, Count: 1, Max: 1000, UDPStreamTimeout: 120}
	helper := []Helper{{Rule: "-j CT --helper sip", Where: "raw"}}
	for name, c := range map[string]struct {
		o      Observed
		status checks.Status
		reason string
	}{
		"all read":                         {Observed{State: calm}, checks.Pass, ""},
		"only root may read":               {Observed{State: calm, Unread: true}, checks.Inconclusive, "needs administrator rights"},
		"a part is missing":                {Observed{State: calm, Missing: words.Quote("nft: damaged")}, checks.Inconclusive, "nft: damaged"},
		"only root, and a helper":          {Observed{State: calm, Unread: true, Helpers: helper}, checks.Fail, ""},
		"a part is missing, and a helper":  {Observed{State: calm, Missing: words.Quote("nft: damaged"), Helpers: helper}, checks.Fail, ""},
		"the kernel tracks nothing":        {Observed{}, checks.Skip, "does not say"},
		"only root, on such a kernel":      {Observed{Unread: true}, checks.Skip, "does not say"},
		"nobody knows how many there are":  {Observed{State: netinfo.ConntrackState{Loaded: true, Count: -1, Max: -1, UDPStreamTimeout: -1}}, checks.Pass, ""},
		"helpers attach themselves":        {Observed{State: netinfo.ConntrackState{Loaded: true, AutoHelper: true, SIPHelper: true, Max: 1000, Count: 1}}, checks.Fail, ""},
		"they would, and none is loaded":   {Observed{State: netinfo.ConntrackState{Loaded: true, AutoHelper: true, Max: 1000, Count: 1}}, checks.Pass, ""},
		"one is loaded, and nobody is set": {Observed{State: netinfo.ConntrackState{Loaded: true, SIPHelper: true, Max: 1000, Count: 1}}, checks.Pass, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := resultOf(t, c.o)
			if r.Status != c.status || !strings.Contains(r.Reason, c.reason) {
				t.Errorf("%s because of %q, want %s because of %q", r.Status, r.Reason, c.status, c.reason)
			}
			if strings.Contains(r.Summary, "-1") {
				t.Errorf("an unknown number is shown: %s", r.Summary)
			}
		})
	}
}
