package blocked

import "testing"

// Calls in progress go on only if every rule that stops new ones lets the
// existing connections pass.
func TestWhoseConnectionsGoOn(t *testing.T) {
	path := func(verdict, established string) Path {
		return Path{Direction: "in", Protocol: "udp", Ports: "5060", Verdict: verdict, Established: established}
	}
	for name, c := range map[string]struct {
		paths []Path
		want  bool
	}{
		"nothing is stopped":                {[]Path{path("accept", "")}, false},
		"stopped, and existing ones too":    {[]Path{path("drop", "")}, false},
		"existing ones are dropped":         {[]Path{path("drop", "drop")}, false},
		"existing ones pass":                {[]Path{path("drop", "accept")}, true},
		"existing ones pass on one of two":  {[]Path{path("drop", "accept"), path("drop", "")}, false},
		"the other way about":               {[]Path{path("drop", ""), path("drop", "accept")}, false},
		"existing ones pass on both":        {[]Path{path("drop", "accept"), path("reject", "accept")}, true},
		"one is stopped, and existing pass": {[]Path{path("accept", ""), path("drop", "accept")}, true},
	} {
		if got := establishedPass(Subject{Paths: c.paths}); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Half of a limit is close to a ban; past it the count has begun anew.
func TestHowCloseABanIs(t *testing.T) {
	for _, c := range []struct {
		count, limit int
		want         bool
	}{{0, 0, false}, {0, 1, false}, {4, 10, false}, {5, 10, true}, {9, 10, true}, {10, 10, false}, {11, 10, false}, {2, 5, false}, {3, 5, true}, {1, -1, false}} {
		if got := (Near{Count: c.count, Limit: c.limit}).close(); got != c.want {
			t.Errorf("%d of %d: %v", c.count, c.limit, got)
		}
	}
}
