package rtpports

import "testing"

// One silent question proves nothing, on no line: a port is called closed only
// after so many that chance is out of the question.
func TestHowOftenAPortMustBeSilent(t *testing.T) {
	for name, c := range map[string]struct {
		loss  float64
		ports int
		want  int
		ok    bool
	}{
		"no loss, one port":          {0, 1, 3, true},
		"no loss, every port":        {0, 55536, 3, true},
		"1 % loss, every port":       {0.01, 55536, 6, true},
		"5 % loss, a sample":         {0.05, 870, 7, true},
		"20 % loss, every port":      {0.20, 55536, 16, true},
		"half of it lost, one port":  {0.5, 1, 20, true},
		"half of it lost, all ports": {0.5, 55536, 36, false},
		"nothing comes through":      {1, 1, maxTries, false},
		"no port":                    {0.01, 0, maxTries, false},
	} {
		if got, ok := triesNeeded(c.loss, c.ports); got != c.want || ok != c.ok {
			t.Errorf("%s: %d (%v), want %d (%v)", name, got, ok, c.want, c.ok)
		}
	}
}

// A small sample without loss does not count as a line without loss.
func TestLossIsNeverSmallerThanTheSampleTells(t *testing.T) {
	for name, c := range map[string]struct {
		lost, asked int
		least, most float64
	}{
		"nobody was asked":     {0, 0, 0.5, 0.5},
		"one asked, none lost": {0, 1, 0.5, 0.5},
		"ten asked, none lost": {0, 10, 0.09, 0.1},
		"200 asked, none lost": {0, 200, 0.004, 0.005},
		"all lost":             {10, 10, 1, 1},
		"half lost":            {5, 10, 0.6, 0.8},
	} {
		if got := lossBound(c.lost, c.asked); got < c.least || got > c.most {
			t.Errorf("%s: %f, want %f to %f", name, got, c.least, c.most)
		}
	}
}
