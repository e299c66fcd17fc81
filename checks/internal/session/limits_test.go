package session

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhoIsAskedForPatienceWaitsWithinBounds(t *testing.T) {
	for _, tt := range []struct {
		after       time.Duration
		least, most time.Duration
	}{
		{0, 250 * time.Millisecond, 750 * time.Millisecond},
		{5 * time.Second, 2500 * time.Millisecond, 7500 * time.Millisecond},
		{time.Hour, 4 * time.Second, 12 * time.Second}, // nobody is made to wait for long
	} {
		for range 100 {
			if d := (&BusyError{After: tt.after}).pause(); d < tt.least || d > tt.most {
				t.Fatalf("told to come back after %v: waits %v", tt.after, d)
			}
		}
	}
}

func TestOnlyALimitWithATimeIsBusy(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		busy   bool
	}{
		{"a limit that passes", http.StatusServiceUnavailable, `{"error":"full","retry_after_s":5}`, true},
		{"a rate", http.StatusTooManyRequests, `{"error":"too many","retry_after_s":1}`, true},
		{"something that it does not have", http.StatusServiceUnavailable, `{"error":"no RTP port"}`, false},
		{"a mistake of ours", http.StatusBadRequest, `{"error":"malformed","retry_after_s":5}`, false},
		{"a time before now", http.StatusServiceUnavailable, `{"error":"full","retry_after_s":-5}`, false},
		{"a time beyond all measure", http.StatusServiceUnavailable, `{"error":"full","retry_after_s":9223372036854775807}`, true},
	} {
		err := readReply(tt.status, []byte(tt.body), nil)
		if isBusy(err) != tt.busy || !isRefusal(err) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if b, ok := errors.AsType[*BusyError](err); ok && (b.After <= 0 || b.After > time.Hour) {
			t.Errorf("%s: after %v", tt.name, b.After)
		}
	}
}

func TestABusyResponderIsAskedUntilThePatienceEnds(t *testing.T) {
	busy := &BusyError{Text: "full", After: time.Second}
	for _, tt := range []struct {
		name  string
		works int // the try that does; 0: none
		err   error
	}{
		{"it has time at once", 1, nil},
		{"it has time at the third try", 3, nil},
		{"it never has", 0, busy},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries, begin := 0, time.Now()
				err := patiently(t.Context(), 10*time.Second, nil, func() error {
					if tries++; tries == tt.works {
						return nil
					}
					return busy
				})
				if !errors.Is(err, tt.err) || tt.works > 0 && tries != tt.works || time.Since(begin) > 10*time.Second {
					t.Errorf("%d tries in %v: %v", tries, time.Since(begin), err)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begin := time.Now()
		if err := patiently(ctx, time.Minute, nil, func() error { return busy }); !errors.Is(err, busy) || time.Since(begin) > 3*time.Second {
			t.Errorf("after %v of three seconds: %v", time.Since(begin), err)
		}
	})
}

func TestThePortsToOpenAreNamedOnce(t *testing.T) {
	i := Info{SIPUDP: []int{5060, 5080}, PlainUDP: []int{8765}, STUN: []int{3478, 3479}, RTPRange: "10000-65535"}
	if got, want := i.UDPPorts(), "3478-3479, 5060, 5080, 8765, 10000-65535"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
