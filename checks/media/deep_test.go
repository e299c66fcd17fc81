package media_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/media"
)

func (s seen) observed(t *testing.T) (o media.Observed) {
	t.Helper()
	if err := json.Unmarshal(s.Observed, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// isCall recognises the packets of calls, as a policer for RTP does.
func isCall(b []byte) bool { return len(b) == 172 && bytes.Equal(b[12:16], []byte("sdm1")) }

// policer lets so many packets a second pass: content inspection with a
// memory, called with the world locked.
func policer(perSecond int) func([]byte) bool {
	var mu sync.Mutex
	tokens, last := float64(perSecond)/10, time.Now()
	return func(b []byte) (drop bool) {
		if !isCall(b) {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		tokens = min(tokens+now.Sub(last).Seconds()*float64(perSecond), float64(perSecond)/10)
		last = now
		if tokens < 1 {
			return true
		}
		tokens--
		return false
	}
}

func deepOffice(t *testing.T, o checktest.RouterOptions) *office {
	o.Delay = 10 * time.Millisecond
	n := newOffice(t, 1, o)
	n.inputs.Checks, n.inputs.Deep = []string{"media"}, true
	return n
}

func TestADeepRunOverAnOrdinaryLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := deepOffice(t, checktest.RouterOptions{NAT: checktest.Linux()}).check(t.Context())
		o := got.observed(t)
		switch {
		case got.Status != checks.Pass || got.LengthS != 60 || got.CallsAtLeast != 16 || got.CallsBelow != 0:
			t.Errorf("want 60 s and 16 calls, a pass")
		case o.Move == nil || !o.Move.Heard || o.Move.GapMS > 100 || o.Move.Follow < 1000:
			t.Errorf("the call did not follow: %+v", o.Move)
		case o.Hold == nil || !o.Hold.Opened || o.Hold.Heard != o.Hold.Spoken || o.Hold.Spoken == 0 || o.Hold.UpAnswered != o.Hold.UpAsked:
			t.Errorf("the call on hold: %+v", o.Hold)
		case got.Down.LossPct > 0.2 || got.Up.LossPct != 0: // one packet may fall into the move
			t.Errorf("up %+v, down %+v", got.Up, got.Down)
		case got.took > 130*time.Second:
			t.Errorf("it took %v", got.took)
		}
		if t.Failed() {
			got.explain(t)
		}
	})
}

func TestTheNumberOfCallsThatTheLineCarriesIsFound(t *testing.T) {
	for _, tt := range []struct {
		name           string
		pps            int
		inward         bool
		atLeast, below int
	}{
		{"three calls out", 160, false, 3, 4},
		{"five calls in", 260, true, 5, 6},
		{"eleven calls out", 560, false, 11, 12},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := deepOffice(t, checktest.RouterOptions{NAT: checktest.Linux(), Rules: []checktest.Rule{{Proto: "udp", Inward: tt.inward, Content: policer(tt.pps)}}}).check(t.Context())
				if got.CallsAtLeast != tt.atLeast || got.CallsBelow != tt.below || got.Status != checks.Warn || !slices.Contains(got.findings(), "media.call-limit") {
					t.Errorf("%d calls, not %d; want %d and %d", got.CallsAtLeast, got.CallsBelow, tt.atLeast, tt.below)
					got.explain(t)
				}
			})
		})
	}
	t.Run("a lossy line has no such number", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			got := deepOffice(t, checktest.RouterOptions{NAT: checktest.Linux(), Loss: 0.05}).check(t.Context())
			if got.CallsBelow != 0 || slices.Contains(got.findings(), "media.call-limit") || !slices.Contains(got.findings(), "media.loss") {
				got.explain(t)
				t.Error("want loss, and no limit of calls")
			}
		})
	})
}

func TestARouterThatForgetsACallOnHold(t *testing.T) {
	forgets := func() *checktest.NAT {
		n := checktest.Symmetric() // after the silence the phone comes from another port
		n.Timeout, n.AssuredTimeout = 30*time.Second, 30*time.Second
		return n
	}
	synctest.Test(t, func(t *testing.T) {
		got := deepOffice(t, checktest.RouterOptions{NAT: forgets()}).check(t.Context())
		h := got.observed(t).Hold
		if h == nil || h.Spoken == 0 || h.Heard != 0 || h.UpAnswered == 0 || got.Status != checks.Pass || !slices.Contains(got.findings(), "media.hold") {
			t.Errorf("%+v", h)
			got.explain(t)
		}
	})
}

// What the phone says from its second port is stopped.
func TestACallThatDoesNotFollowIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := deepOffice(t, checktest.RouterOptions{NAT: checktest.Linux()})
		start := time.Now()
		n.router.Update(func(o *checktest.RouterOptions) {
			o.Rules = []checktest.Rule{{Proto: "udp", Content: func(b []byte) bool {
				// The stream and its leg (0 to 3) stay the same, so the moment
				// has to do.
				late := time.Since(start) > 29*time.Second
				return isCall(b) && late && b[25] == 0 && b[26] < 4
			}}}
		})
		got := n.check(t.Context())
		if !slices.Contains(got.findings(), "media.move") || got.Status != checks.Fail {
			got.explain(t)
			t.Error("want the call to have stayed behind")
		}
	})
}
