package checks

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// asked answers requests of each method with a status; 0 is silence.
type asked struct {
	answers map[string]int
	took    time.Duration
	mu      sync.Mutex
	got     []string
}

func (p *asked) ask(method string) []byte {
	time.Sleep(p.took)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, method)
	switch p.answers[method] {
	case 200:
		return []byte("SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n")
	case 401:
		return []byte("SIP/2.0 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
	case 481:
		return []byte("SIP/2.0 481 Call/Transaction Does Not Exist\r\nContent-Length: 0\r\n\r\n")
	}
	return nil
}

func TestAServerThatCountsStrangersIsAskedOnce(t *testing.T) {
	server := netip.MustParseAddr("198.51.100.20")
	for name, c := range map[string]struct {
		p    *asked
		want string // of three questions, one after the other
	}{
		"it answers everybody":           {&asked{answers: map[string]int{"OPTIONS": 200}}, "OPTIONS OPTIONS OPTIONS"},
		"it wants a password":            {&asked{answers: map[string]int{"OPTIONS": 401, "BYE": 481}}, "OPTIONS BYE BYE"},
		"it wants one, and keeps silent": {&asked{answers: map[string]int{"OPTIONS": 401}}, "OPTIONS BYE OPTIONS BYE OPTIONS"},
		"it is silent":                   {&asked{}, "OPTIONS OPTIONS OPTIONS"},
	} {
		t.Run(name, func(t *testing.T) {
			env := &Env{}
			for range 3 {
				env.AskSIP(t.Context(), server, c.p.ask)
			}
			if got := strings.Join(c.p.got, " "); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// Checks run at the same time, and the runs of a watch follow one another.
func TestAllChecksAndRunsShareTheirManners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, other := netip.MustParseAddr("198.51.100.20"), netip.MustParseAddr("198.51.100.21")
		p := &asked{answers: map[string]int{"OPTIONS": 401, "BYE": 481}, took: 300 * time.Millisecond}
		known := NewManners()
		first := &Env{Manners: known}
		begin := time.Now()
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { first.AskSIP(t.Context(), server, p.ask) })
		}
		wg.Go(func() {
			if !first.Stranger(t.Context(), netip.MustParseAddr("::ffff:198.51.100.20")) {
				t.Error("nobody learnt that we are strangers")
			}
		})
		wg.Wait()
		if d := time.Since(begin); d != 2*p.took {
			t.Errorf("two questions one after the other, and the others beside the second, took %s", d)
		}
		(&Env{Manners: known}).AskSIP(t.Context(), server, p.ask)
		if n := slices.Compact(slices.Sorted(slices.Values(p.got))); len(p.got) != 6 || strings.Count(strings.Join(p.got, " "), "OPTIONS") != 1 {
			t.Errorf("asked %v (%v)", p.got, n)
		}
		if first.Stranger(t.Context(), other) {
			t.Error("another server's manners")
		}
	})
}

// A server that does not answer holds nobody up for long, and neither does one that
// nobody asks.
func TestTheFirstQuestionIsNotWaitedForWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := &Env{}
		p := &asked{took: 5 * time.Second}
		go env.AskSIP(t.Context(), netip.MustParseAddr("198.51.100.20"), p.ask)
		time.Sleep(time.Millisecond)
		begin := time.Now()
		env.AskSIP(t.Context(), netip.MustParseAddr("198.51.100.20"), func(string) []byte {
			if d := time.Since(begin); d > time.Second {
				t.Errorf("waited %s", d)
			}
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		begin = time.Now()
		if env.Stranger(ctx, netip.MustParseAddr("198.51.100.9")) || time.Since(begin) > 0 {
			t.Errorf("waited %s after Ctrl-C", time.Since(begin))
		}
		time.Sleep(10 * time.Second)
	})
}

// An agent runs for months. A server is asked once more, by one of the checks, when what
// it said is an hour old; and a responder that is named a million servers stays small.
func TestMannersAreForgottenInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := netip.MustParseAddr("198.51.100.20")
		p := &asked{answers: map[string]int{"OPTIONS": 401, "BYE": 481}, took: 10 * time.Millisecond}
		env := &Env{}
		round := func() {
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() { env.AskSIP(t.Context(), server, p.ask) })
			}
			wg.Wait()
		}
		round()
		time.Sleep(StrangerLife - time.Minute)
		round()
		time.Sleep(time.Minute)
		round()
		if got := strings.Join(p.got, " "); got != "OPTIONS BYE BYE BYE BYE BYE OPTIONS BYE BYE" {
			t.Errorf("asked %s", got)
		}
		for i := range 3 * maxManners {
			env.Manners.AddStranger(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), time.Now())
		}
		if n := len(env.Manners.Strangers()); n > maxManners {
			t.Errorf("%d are remembered", n)
		}
	})
}
