package rtpports

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A world answers what a ledger sends, in virtual time.
type world struct {
	rand    *rand.Rand
	delay   time.Duration // of a round trip
	jitter  time.Duration
	loss    float64 // of round trips
	blocked map[int]bool
	outage  [2]time.Duration // nothing passes between
	table   int              // how many flows pass; 0: any number

	now     time.Time
	start   time.Time
	answers []answer // sorted by at
	flows   map[int]bool
	most    int // in flight at a time
	sent    int
}

type answer struct {
	at time.Time
	p  packet
}

func newWorld(seed uint64) *world {
	start := time.Unix(1700000000, 0)
	return &world{rand: rand.New(rand.NewPCG(seed, 1)), delay: 20 * time.Millisecond, blocked: map[int]bool{}, now: start, start: start, flows: map[int]bool{}}
}

func (w *world) passes(n int) bool {
	if since := w.now.Sub(w.start); since >= w.outage[0] && since < w.outage[1] {
		return false
	}
	if !w.flows[n] && w.table > 0 && len(w.flows) >= w.table {
		return false
	}
	w.flows[n] = true
	return !w.blocked[n] && w.rand.Float64() >= w.loss
}

func (w *world) take(p packet) {
	w.sent++
	if !w.passes(p.port) {
		return
	}
	at := w.now.Add(w.delay)
	if w.jitter > 0 {
		at = at.Add(time.Duration(w.rand.Int64N(int64(w.jitter))))
	}
	i, _ := slices.BinarySearchFunc(w.answers, at, func(a answer, at time.Time) int { return cmp.Or(a.at.Compare(at), -1) })
	w.answers = slices.Insert(w.answers, i, answer{at, p})
}

// play lets a ledger decide ports; it is the loop. It fails when that takes
// longer than ten minutes.
func (w *world) play(t *testing.T, l *ledger, ports []int) {
	t.Helper()
	l.Want(ports)
	var fresh []freshFlow // that are on their way
	for w.now.Sub(w.start) < 10*time.Minute {
		packets, wait := l.Ask(w.now)
		for _, p := range packets {
			w.take(p)
		}
		w.most = max(w.most, l.window.inFlight)
		if l.pace != nil && l.window.inFlight > l.window.size {
			t.Fatalf("%d probes in flight, the window is %d", l.window.inFlight, l.window.size)
		}
		if l.FreshDue(w.now) {
			l.fresh.begun = w.now
			fresh = append(fresh, w.freshFlow())
		}
		if len(packets) == 0 && wait == 0 {
			return
		}
		w.wait(l, wait)
		fresh = slices.DeleteFunc(fresh, func(f freshFlow) bool {
			over := !f.known.After(w.now)
			if over {
				l.Fresh(f.begun, w.now, f.passes)
			}
			return over
		})
	}
	t.Fatalf("it has not ended after %d packets", w.sent)
}

// freshFlow is a new flow to an open port. Its silence is known only after all
// of its tries.
type freshFlow struct {
	begun, known time.Time
	passes       bool
}

func (w *world) freshFlow() freshFlow {
	if w.table > 0 && len(w.flows) >= w.table {
		return freshFlow{w.now, w.now.Add(500 * time.Millisecond), false}
	}
	return freshFlow{w.now, w.now.Add(w.delay), true}
}

// wait lets time pass up to the next answer, or d.
func (w *world) wait(l *ledger, d time.Duration) {
	end := w.now.Add(d)
	if len(w.answers) > 0 && w.answers[0].at.Before(end) {
		end = w.answers[0].at
	}
	w.now = later(w.now, end)
	for len(w.answers) > 0 && !w.answers[0].at.After(w.now) {
		l.Answered(w.answers[0].p, w.now)
		w.answers = w.answers[1:]
	}
}

func everyPort(n int) (out []int) {
	for p := range n {
		out = append(out, 10000+p)
	}
	return out
}

// wrong are the ports about which the ledger believes what is not so.
func wrong(l *ledger, w *world, ports []int) (out []string) {
	for _, n := range ports {
		if p := &l.ports[n]; p.answered && w.blocked[n] || p.silent && !w.blocked[n] {
			out = append(out, fmt.Sprintf("%d answered %v, silent %v", n, p.answered, p.silent))
		}
	}
	return out
}

// ledgers are one of each kind.
func ledgers(w *world, rate int) map[string]*ledger {
	return map[string]*ledger{
		"a sweep":             newLedger(outbound(), newPacer(rate, w.now), 1),
		"a test from outside": newLedger(inbound(), nil, 1),
	}
}

// Property: whatever the path loses, delays and blocks, no port is believed to
// be what it is not, the window is kept, and it ends.
func TestNoPathMakesTheLedgerBelieveWhatIsNotSo(t *testing.T) {
	seeds := uint64(300)
	if testing.Short() {
		seeds = 40
	}
	told := 0
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 2))
		ports := everyPort(1 + r.IntN(600))
		for _, kind := range []string{"a sweep", "a test from outside"} {
			w := newWorld(seed)
			w.delay, w.loss = time.Duration(1+r.IntN(150))*time.Millisecond, []float64{0, 0.02, 0.1, 0.3}[r.IntN(4)]
			w.jitter = time.Duration(r.IntN(2)) * w.delay / 4
			share := []float64{0, 0.01, 0.5, 1}[r.IntN(4)]
			for _, n := range ports {
				w.blocked[n] = r.Float64() < share
			}
			if r.IntN(4) == 0 {
				w.outage = [2]time.Duration{time.Duration(r.IntN(500)) * time.Millisecond, time.Duration(r.IntN(900)) * time.Millisecond}
			}
			l := ledgers(w, []int{137, 5000, 200000}[r.IntN(3)])[kind]
			w.play(t, l, ports)
			if again := l.Reconsider(); len(again) > 0 {
				w.play(t, l, again)
			}
			if len(l.open) == 0 && w.outage[1] > 0 {
				continue // nothing at all was heard: nothing is said about ports then
			}
			if bad := wrong(l, w, ports); len(bad) > 0 {
				t.Errorf("seed %d, %s, %d ports, %s, loss %v, blocked %v, outage %v: %v", seed, kind, len(ports), w.delay, w.loss, share, w.outage, bad[:min(len(bad), 5)])
			}
			if len(l.pending(ports)) == 0 {
				told++
			}
		}
	}
	if told < int(seeds)*2*4/5 {
		t.Errorf("all ports are known in %d of %d runs", told, 2*seeds)
	}
}

func TestAPortIsAskedAsOftenAsTheLossDemands(t *testing.T) {
	for _, c := range []struct {
		name        string
		loss        float64
		least, most int
	}{{"a clean line", 0, 4, 7}, {"2 % of round trips lost", 0.02, 6, 10}, {"20 %", 0.2, 12, 25}} {
		w := newWorld(7)
		ports := everyPort(900)
		w.loss, w.blocked[10500] = c.loss, true
		l := ledgers(w, 5000)["a sweep"]
		w.play(t, l, ports)
		if p := l.ports[10500]; !p.silent || p.tries < c.least || p.tries > c.most {
			t.Errorf("%s: silent %v after %d tries, want %d to %d", c.name, p.silent, p.tries, c.least, c.most)
		}
	}
}

// A line on which most is lost says nothing about ports, and that is said.
func TestTheLedgerGivesUpOnALineThatLosesMost(t *testing.T) {
	w := newWorld(3)
	w.loss, w.blocked[10000] = 0.7, true
	ports := everyPort(300)
	l := ledgers(w, 5000)["a sweep"]
	if w.play(t, l, ports); l.gaveUp != halfLost || l.ports[10000].silent {
		t.Errorf("gave up: %q", l.gaveUp)
	}
}

// Known-open ports that all stay silent mean a dead path, not blocked ports.
func TestADeadPathMakesNoPortSilent(t *testing.T) {
	for kind, want := range map[string]string{"a sweep": openPortsSilent, "a test from outside": wentSilent} {
		w := newWorld(4)
		ports := everyPort(300)
		for _, n := range ports[:150] {
			w.blocked[n] = true
		}
		w.outage = [2]time.Duration{10 * time.Millisecond, time.Hour}
		l := ledgers(w, 5000)[kind]
		w.play(t, l, ports)
		if l.gaveUp != want || slices.ContainsFunc(ports, func(n int) bool { return l.ports[n].silent }) {
			t.Errorf("%s: gave up: %q", kind, l.gaveUp)
		}
	}
}

// A short outage takes no port with it.
func TestAShortOutageTakesNoPort(t *testing.T) {
	for from := range 20 {
		w := newWorld(uint64(from))
		w.blocked[10100] = true
		begin := time.Duration(from) * 20 * time.Millisecond
		w.outage = [2]time.Duration{begin, begin + 150*time.Millisecond}
		ports := everyPort(400)
		l := ledgers(w, 5000)["a sweep"]
		w.play(t, l, ports)
		if bad := wrong(l, w, ports); len(bad) > 0 || !l.ports[10100].silent {
			t.Errorf("from %s: %v", begin, bad)
		}
	}
}

func TestAFullTableStopsTheLedger(t *testing.T) {
	w := newWorld(5)
	w.table = 500
	ports := everyPort(5000)
	l := ledgers(w, 1000)["a sweep"]
	w.play(t, l, ports)
	trip, at := l.Full()
	if !l.fresh.tripped || !trip.Step || trip.Answered != 500 || at < 500 || at > 520 {
		t.Fatalf("tripped %v, %+v at %d", l.fresh.tripped, trip, at)
	}
	if w.sent > 2500 {
		t.Errorf("it has sent %d packets at 1000 a second, 500 of which found room", w.sent)
	}
	if l.Disbelieve(at); slices.ContainsFunc(ports, func(n int) bool { return l.ports[n].silent }) {
		t.Error("a port is called silent")
	}
}

// Without a fresh flow that passes nothing is called silent.
func TestNoVerdictWithoutAFreshFlow(t *testing.T) {
	for _, passes := range []bool{true, false} {
		w := newWorld(6)
		w.blocked[10000] = true
		if !passes {
			w.table = 300 // as many as there are: the next does not pass
		}
		ports := everyPort(300)
		l := ledgers(w, 5000)["a sweep"]
		w.play(t, l, ports)
		if p := l.ports[10000]; p.silent != passes || l.fresh.tripped == passes {
			t.Errorf("a fresh flow passes %v: silent %v, tripped %v", passes, p.silent, l.fresh.tripped)
		}
	}
}

// A port that this machine does not let anything out to is left alone after
// three refusals in a row, and is not called silent.
func TestAPortThatNothingLeavesForIsNotSilent(t *testing.T) {
	w := newWorld(8)
	l := ledgers(w, 5000)["a sweep"]
	l.Want([]int{10000})
	for try := range 10 {
		packets, wait := l.Ask(w.now)
		for _, p := range packets {
			l.Unsent(p.port, true)
		}
		if len(packets) == 0 && wait == 0 {
			if try != refusals {
				t.Errorf("asked %d times", try)
			}
			break
		}
		w.now = w.now.Add(time.Second)
	}
	if p := l.ports[10000]; !p.hopeless() || p.silent || l.sent != 0 || l.window.inFlight != 0 {
		t.Errorf("%+v, %d sent, %d in flight", p, l.sent, l.window.inFlight)
	}
}
