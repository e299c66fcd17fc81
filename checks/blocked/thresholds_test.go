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
		if got := goesOn(Subject{Paths: c.paths}); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
