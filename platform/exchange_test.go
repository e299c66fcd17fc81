package platform

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// askOf is a conversation with a server that ends everything with "!".
func askOf(socket string, words ...string) Exchange {
	x := Exchange{
		Program: "test-socket", Socket: socket, End: []byte("!"), Goodbye: []byte("bye"), Limit: 1000,
		Decode: func(b []byte) ([]byte, error) {
			if string(b) == "nonsense" {
				return nil, errors.New("nonsense")
			}
			return bytes.ToUpper(b), nil
		},
	}
	for _, w := range words {
		x.Questions = append(x.Questions, Question{Args: []string{w}, Request: []byte(w)})
	}
	return x
}

// answering serves one connection after the other; each question is answered
// by say, in two parts, "hang" never and "close" with the end.
func answering(t *testing.T) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Skip("no Unix sockets here:", err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r := bufio.NewReader(c)
			for {
				q, err := r.ReadString('!')
				if err != nil || q == "close!" {
					break
				}
				if q == "long!" {
					q = strings.Repeat("x", 5000) + "!"
				}
				if q != "hang!" {
					_, _ = c.Write([]byte(q[:1]))
					_, _ = c.Write([]byte(q[1:]))
				}
			}
			c.Close()
		}
	}()
	return socket
}

func TestQuestionsToASocket(t *testing.T) {
	socket := answering(t)
	s := ThisSystem().(Exchanger)
	answers, err := s.Exchange(t.Context(), askOf(socket, "one", "nonsense", "two"))
	if err != nil || string(answers[0].Text) != "ONE" || answers[1].Err == nil || string(answers[2].Text) != "TWO" {
		t.Errorf("%q, %v", answers, err)
	}
	for _, end := range []string{"close", "long"} {
		answers, err = s.Exchange(t.Context(), askOf(socket, "one", end, "two"))
		if err != nil || string(answers[0].Text) != "ONE" || answers[1].Err == nil || answers[2].Err == nil {
			t.Errorf("a server that will not (%s): %q, %v", end, answers, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	answers, err = s.Exchange(ctx, askOf(socket, "hang"))
	if err != nil || !errors.Is(answers[0].Err, context.DeadlineExceeded) {
		t.Errorf("a server that hangs: %q, %v", answers, err)
	}
	if _, err := s.Exchange(t.Context(), askOf(socket+"x", "one")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no server: %v", err)
	}
}

// The answers are in the bundle, decoded, and come out of it as they were.
func TestABundleKeepsTheAnswersOfASocket(t *testing.T) {
	socket := answering(t)
	c := Collect(ThisSystem(), "1.2.3")
	if _, err := c.Exchange(t.Context(), askOf(socket, "one", "nonsense")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "b.tar.gz")
	var b bytes.Buffer
	if err := errors.Join(c.Write(&b, false, nil), os.WriteFile(file, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	saved, err := OpenBundle(file)
	if err != nil {
		t.Fatal(err)
	}
	answers, err := saved.(Exchanger).Exchange(t.Context(), askOf(socket, "one", "nonsense", "two"))
	if err != nil || string(answers[0].Text) != "ONE" || answers[1].Err == nil || !errors.Is(answers[2].Err, fs.ErrNotExist) {
		t.Errorf("%q, %v", answers, err)
	}
	if _, err := saved.(Exchanger).Exchange(t.Context(), askOf(socket, "two")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a question that nobody put: %v", err)
	}
	if _, err := Collect(&fakeSystem{}, "1").Exchange(t.Context(), askOf(socket, "one")); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a system without sockets: %v", err)
	}
}

// A server that accepts and never answers costs two seconds, once; so does one
// that answers a byte a second.
func TestASocketThatHangs(t *testing.T) {
	dripping := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", dripping)
	if err != nil {
		t.Skip("no Unix sockets here:", err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				for _, err := c.Write([]byte("x")); err == nil; _, err = c.Write([]byte("x")) {
					time.Sleep(100 * time.Millisecond)
				}
			}()
		}
	}()
	for name, tt := range map[string]struct{ socket, first string }{
		"never answers":      {answering(t), "hang"},
		"never comes to end": {dripping, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			s := ThisSystem().(Exchanger)
			begin := time.Now()
			answers, err := s.Exchange(t.Context(), askOf(tt.socket, tt.first, "b"))
			if took := time.Since(begin); err != nil || took < socketPatience || took > socketPatience+time.Second {
				t.Fatalf("%v after %v", err, took)
			}
			for i, a := range answers {
				if !errors.Is(a.Err, ErrNoAnswer) || !strings.Contains(a.Err.Error(), tt.socket) {
					t.Errorf("answer %d: %v", i, a.Err)
				}
			}
			begin = time.Now()
			if _, err := s.Exchange(t.Context(), askOf(tt.socket, "b")); !errors.Is(err, ErrNoAnswer) || time.Since(begin) > time.Second {
				t.Errorf("asked again: %v after %v", err, time.Since(begin))
			}
		})
	}
	if answers, err := ThisSystem().(Exchanger).Exchange(t.Context(), askOf(answering(t), "ok")); err != nil || string(answers[0].Text) != "OK" {
		t.Errorf("one that answers: %+v, %v", answers, err)
	}
}
