package sipalg_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/sipalg"
)

// badLine is a line whose faults follow from a seed. What a seed loses is not
// the same in every run, because probes run at the same time; what kind of
// line it is, is.
type badLine struct {
	router checktest.RouterOptions
	truth  string
	kind   string
}

func lineOf(seed uint64) badLine {
	rng := rand.New(rand.NewPCG(seed, 1))
	l := badLine{truth: sipalg.None, kind: "no ALG"}
	l.router = checktest.RouterOptions{
		NAT: checktest.Linux(), Loss: rng.Float64() * 0.12, Duplicate: rng.Float64() * 0.05,
		Delay: time.Millisecond * time.Duration(1+rng.IntN(150)), Jitter: time.Millisecond * time.Duration(1+rng.IntN(30)),
	}
	truths := map[string]string{"proxy": sipalg.Proxying, "pinhole": sipalg.PinholeOpen, "dropping": sipalg.Dropping}
	presets := checktest.ALGs()
	if i := rng.IntN(2 * len(presets)); i < len(presets) { // half of the lines have one
		a := presets[i]
		l.truth, l.kind = sipalg.Rewriting, a.Name+" everywhere"
		if t := truths[a.Name]; t != "" {
			l.truth = t
		}
		switch rng.IntN(3) {
		case 0:
			a, l.kind = a.On("udp", 5060), a.Name+" on UDP 5060"
		case 1:
			a, l.kind = a.On("tcp", 5060), a.Name+" on TCP 5060"
		}
		l.router.ALGs = []checktest.ALG{a}
	}
	return l
}

func (l badLine) String() string {
	return fmt.Sprintf("%s, loss %.1f %%, delay %s", l.kind, 100*l.router.Loss, l.router.Delay)
}

// score counts what the runs over bad lines said.
type score struct {
	mu                    sync.Mutex
	runs, unclear         int
	tolerable, unclearTol int // of them with a loss on which calls are possible
}

// tolerableLoss is the loss each way up to which an answer must be had: above
// it nobody would go on talking.
const tolerableLoss = 0.05

func (sc *score) add(t *testing.T, seed uint64, l badLine, s seen) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.runs++
	tolerable := l.router.Loss <= tolerableLoss
	if tolerable {
		sc.tolerable++
	}
	for _, id := range s.findings() {
		if id != "sip-alg."+l.truth {
			t.Errorf("seed %d (%s): a false alarm: %s", seed, l, id)
			s.explain(t)
		}
	}
	switch {
	case s.Verdict == l.truth:
	case s.Verdict == sipalg.Inconclusive:
		sc.unclear++
		if tolerable {
			sc.unclearTol++
		}
		t.Logf("seed %d (%s) is inconclusive: %s", seed, l, s.result.Reason)
	default:
		t.Errorf("seed %d (%s): %s, and that is wrong", seed, l, s.Verdict)
		s.explain(t)
	}
}

func TestLossNeverMakesAWrongVerdict(t *testing.T) {
	seeds := uint64(300)
	if testing.Short() {
		seeds = 60
	}
	var sc score
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			l := lineOf(seed)
			n := newInternet(t, seed, l.router)
			n.respond()
			sc.add(t, seed, l, n.check())
		})
	}
	t.Logf("%d of %d inconclusive; with at most 5 %% loss %d of %d", sc.unclear, sc.runs, sc.unclearTol, sc.tolerable)
	if 100*sc.unclearTol > sc.tolerable {
		t.Errorf("with at most 5 %% loss %d of %d lines got no answer", sc.unclearTol, sc.tolerable)
	}
}
