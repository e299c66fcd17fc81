package mikrotik

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sipdoctor/sipdoctor/platform"
)

// A talk is one session with a console, in which both sides speak.
type talk struct {
	in    io.Writer
	heard chan []byte // closed when the other side has ended
	done  chan struct{}
	stop  func()
	asked []question
}

// newTalk opens a session, which start begins. A router that does not answer to that does
// not within answerPatience.
func newTalk(ctx context.Context, client *ssh.Client, start func(*ssh.Session) error) (*talk, error) {
	limited, cancel := context.WithTimeoutCause(ctx, answerPatience, noAnswer(answerPatience))
	defer cancel()
	t := &talk{heard: make(chan []byte), done: make(chan struct{}), asked: questions()}
	var out, complaints io.Reader
	s, err := platform.StartSession(limited, client, func(s *ssh.Session) error {
		var ierr, oerr, cerr error
		t.in, ierr = s.StdinPipe()
		out, oerr = s.StdoutPipe()
		complaints, cerr = s.StderrPipe()
		return cmp.Or(ierr, oerr, cerr, start(s))
	})
	if err != nil {
		return nil, err
	}
	t.stop = sync.OnceFunc(func() {
		close(t.done)
		go func() { _ = s.Close() }() // nothing of it is wanted any more
	})
	var both sync.WaitGroup
	for _, r := range []io.Reader{out, complaints} {
		both.Go(func() { t.listen(r) })
	}
	go func() { both.Wait(); close(t.heard) }()
	return t, nil
}

func noAnswer(within time.Duration) error {
	return fmt.Errorf("%w within %s", platform.ErrNoAnswer, within)
}

// say types keys. Whoever does not read them is not waited for.
func (t *talk) say(ctx context.Context, keys string) error {
	limited, cancel := context.WithTimeoutCause(ctx, answerPatience, noAnswer(answerPatience))
	defer cancel()
	said := make(chan error, 1)
	go func() {
		_, err := io.WriteString(t.in, keys)
		said <- err
	}()
	select {
	case err := <-said:
		return err
	case <-limited.Done():
		return context.Cause(limited)
	}
}

// listen hands on what comes, until nobody wants it.
func (t *talk) listen(r io.Reader) {
	for {
		b := make([]byte, 8<<10)
		n, err := r.Read(b)
		select {
		case t.heard <- b[:n]:
		case <-t.done:
			return
		}
		if err != nil {
			return
		}
	}
}

// quietTime is after what silence a console counts as having said all: it writes a
// line at once.
const quietTime = 700 * time.Millisecond

// hear collects what is said until enough is, and answers questions in between. Quiet
// tells enough that nothing more came for a while. ended reports that the other side has
// ended the session.
func (t *talk) hear(ctx context.Context, enough func(text string, quiet bool) bool) (text string, ended bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, wholePatience, noAnswer(wholePatience))
	defer cancel()
	var all []byte
	last := time.Now()
	quiet := time.NewTimer(quietTime)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return "", false, context.Cause(ctx)
		case b, ok := <-t.heard:
			if !ok {
				return plain(all), true, nil
			}
			if all = append(all, b...); len(all) > maxAnswer {
				return "", false, errTooMuch
			}
			last = time.Now()
			quiet.Reset(quietTime)
			if end := ending(all); enough(end, false) {
				return plain(all), false, nil
			}
		case <-quiet.C:
			end := ending(all)
			replied, err := t.answer(ctx, end)
			switch {
			case err != nil:
				return "", false, err
			case replied:
				all, last = nil, time.Now()
			case enough(end, true):
				return plain(all), false, nil
			case time.Since(last) > answerPatience:
				return "", false, noAnswer(answerPatience)
			}
			quiet.Reset(quietTime)
		}
	}
}

// ending is what is said last, without what a terminal needs: enough to find a mark, a
// prompt or a question.
func ending(all []byte) string {
	const most = 4 << 10
	return plain(all[max(0, len(all)-most):])
}

// answer answers what the console asks instead of taking a command.
func (t *talk) answer(ctx context.Context, end string) (replied bool, err error) {
	for _, q := range t.asked {
		if !q.asks.MatchString(end) {
			continue
		}
		if q.reply != "" {
			if err := t.say(ctx, q.reply); err != nil {
				return false, err
			}
		}
		return true, q.err
	}
	return false, nil
}
