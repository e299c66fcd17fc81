package rtpports

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Blocked ports are spread evenly over a random order. A table that has become
// full, or a flood protection, stops the late ones.
func TestSilenceThatCameWithTime(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, c := range map[string]struct {
		answers func(place int) bool
		want    bool
	}{
		"all answer":                                {func(int) bool { return true }, false},
		"one port in five is blocked":               {func(int) bool { return r.IntN(5) > 0 }, false},
		"all but a few are blocked":                 {func(int) bool { return r.IntN(100) == 0 }, false},
		"the last fifth found a full table":         {func(i int) bool { return i < 4000 }, true},
		"one in five of them slipped in":            {func(i int) bool { return i < 4000 || r.IntN(5) == 0 }, true},
		"the last nineteen: too few to tell":        {func(i int) bool { return i < 4981 }, false},
		"the last twenty":                           {func(i int) bool { return i < 4980 }, true},
		"the first fifth found a busy path instead": {func(i int) bool { return i > 1000 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			answered := make([]bool, 5000)
			for i := range answered {
				answered[i] = c.answers(i)
			}
			if got := silentLate(answered); got != c.want {
				t.Errorf("%t", got)
			}
		})
	}
}

// The table has room again in the moment in which fresh flows are tried, after
// the last try of ports that found it full: they are not blocked.
func TestAFullTableIsNotAVerdict(t *testing.T) {
	for _, full := range []bool{true, false} {
		l := newLedger(outbound(), nil, 1)
		var ports []int
		for n := 10000; n < 15000; n++ {
			ports = append(ports, n)
		}
		l.Want(ports)
		now, table := time.Unix(0, 0), map[int]bool{}
		for range 1000 {
			probes, wait := l.Ask(now)
			for _, p := range probes {
				if full && !table[p.port] && len(table) == 4000 || !full && p.port%5 == 0 {
					continue
				}
				table[p.port] = true
				l.Answered(p, now.Add(time.Millisecond))
			}
			if len(probes) == 0 && wait == 0 {
				break
			}
			now = now.Add(wait + time.Millisecond)
			if l.fresh.wanted {
				l.Fresh(now, now, true)
			}
		}
		if silent := len(l.silentPorts(5000)); l.fresh.tripped != full || (silent == 0) != full {
			t.Errorf("full %t: tripped %t, %d ports silent", full, l.fresh.tripped, silent)
		}
	}
}
