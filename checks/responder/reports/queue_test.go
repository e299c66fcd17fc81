package reports

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// script is a responder that answers as it is told.
type script struct {
	answers []Answer
	err     error
	got     []string // reports in the order in which they came
	later   []int
}

func (s *script) push(_ context.Context, body []byte, later int) (Answer, error) {
	s.got, s.later = append(s.got, string(body)), append(s.later, later)
	if s.err != nil {
		return Answer{}, s.err
	}
	if len(s.answers) == 0 {
		return Answer{}, nil
	}
	a := s.answers[0]
	s.answers = s.answers[1:]
	return a, nil
}

func queued(t *testing.T, dir string, texts ...string) *Queue {
	t.Helper()
	q, err := OpenQueue(dir, "a")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range texts {
		q.Add([]byte(x))
	}
	return q
}

func TestWhatWaitsInAnOffice(t *testing.T) {
	away := errors.New("connection refused")
	for name, c := range map[string]struct {
		script
		got   []string
		left  int
		sent  int
		code  Code
		spent time.Duration
	}{
		"the oldest first":                {script{}, []string{"1", "2", "3"}, 0, 3, "", 0},
		"nobody answers":                  {script{err: away}, []string{"1"}, 3, 0, "", 0},
		"a wrong key keeps them":          {script{answers: []Answer{{Code: WrongKey}}}, []string{"1"}, 3, 0, WrongKey, 0},
		"too soon, then taken":            {script{answers: []Answer{{}, {Code: TooSoon, RetryAfterS: 10}}}, []string{"1", "2", "2", "3"}, 0, 3, "", 10 * time.Second},
		"one that nobody can read":        {script{answers: []Answer{{Code: NotAReport}}}, []string{"1", "2", "3"}, 0, 2, NotAReport, 0},
		"a nonce that came late":          {script{answers: []Answer{{Code: StaleNonce}, {Code: StaleNonce}}}, []string{"1", "1", "1", "2", "3"}, 0, 3, "", 0},
		"nonces that always come late":    {script{answers: []Answer{{Code: StaleNonce}, {Code: StaleNonce}, {Code: StaleNonce}}}, []string{"1", "1", "1"}, 3, 0, StaleNonce, 0},
		"a full disk: the newest is seen": {script{answers: []Answer{{Code: NotStored}, {Code: NotStored}}}, []string{"1", "3"}, 3, 0, NotStored, MinInterval},
		"an older responder":              {script{answers: []Answer{{Code: NewerVersion}}}, []string{"1", "3"}, 2, 1, NewerVersion, MinInterval},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, began := queued(t, "", "1", "2", "3"), time.Now()
				out := q.Drain(t.Context(), c.push)
				if d := cmp.Diff(c.got, c.script.got); d != "" || q.Len() != c.left || out.Sent != c.sent || out.Code != c.code || time.Since(began) != c.spent {
					t.Errorf("%+v, %d left, after %v\n%s", out, q.Len(), time.Since(began), d)
				}
				if out.Delivered() != (c.code == "" && c.err == nil) {
					t.Errorf("delivered: %v", out.Delivered())
				}
			})
		})
	}
}

func TestTheLastReportsOfALongOutageAreKept(t *testing.T) {
	dir := t.TempDir() + "/state"
	q := queued(t, dir)
	dropped := 0
	for i := range MaxWaiting + 3 {
		dropped += q.Add([]byte{byte('a' + i)})
	}
	if err := q.Save(); err != nil || dropped != 3 {
		t.Fatal(err, dropped)
	}
	q = queued(t, dir)
	s := &script{}
	if out := q.Drain(t.Context(), s.push); out.Sent != MaxWaiting || s.got[0] != "d" || s.later[0] != MaxWaiting-1 || s.later[MaxWaiting-1] != 0 {
		t.Errorf("%+v, %v %v", out, s.got, s.later)
	}
	if err := q.Save(); err != nil {
		t.Fatal(err)
	}
	if q = queued(t, dir); q.Len() != 0 {
		t.Errorf("%d come again", q.Len())
	}
}

// The newest was taken out of turn: the next of the old ones is not shown in its place.
func TestWhatWasOvertakenSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queued(t, "", "1", "2", "3")
		s := &script{answers: []Answer{{Code: NotStored}, {}}}
		q.Drain(t.Context(), s.push)
		q.Drain(t.Context(), s.push)
		if d := cmp.Diff([]string{"1", "3", "1", "2"}, s.got) + cmp.Diff([]int{2, 0, 2, 1}, s.later); d != "" {
			t.Error(d)
		}
		q.Add([]byte("4"))
		q.Drain(t.Context(), s.push)
		if got := s.later[len(s.later)-1]; got != 0 {
			t.Errorf("%d are newer than the newest", got)
		}
	})
}

func TestAResponderThatNeverHasTimeEndsWithTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		q := queued(t, "", "1")
		out := q.Drain(ctx, func(context.Context, []byte, int) (Answer, error) { return Answer{Code: TooSoon}, nil })
		if out.Code != TooSoon || q.Len() != 1 {
			t.Errorf("%+v, %d left", out, q.Len())
		}
	})
}

// Of what a responder answers only what this program knows is believed.
func TestAnswersOfStrangers(t *testing.T) {
	for body, want := range map[string]Code{
		`{}`: "", `{"code":"wrong-key"}`: NoReports, `404 page not found`: NoReports, `{"code":"x"}`: NoReports, strings.Repeat("x", maxAnswer): NoReports,
	} {
		if a := answerOf(200, []byte(body)); a.Code != want {
			t.Errorf("%.30q: %v", body, a)
		}
	}
	for status, want := range map[int]Code{404: NoReports, 429: Busy, 503: Busy, 500: NoReports} {
		if a := answerOf(status, []byte(`{"error":"x","retry_after_s":5}`)); a.Code != want {
			t.Errorf("%d: %v", status, a)
		}
	}
	if a := answerOf(429, []byte(`{"code":"too-soon","retry_after_s":999999999}`)); a.Code != TooSoon || a.RetryAfterS != 60 {
		t.Error(a)
	}
}
