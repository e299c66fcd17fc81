package platform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"time"
)

// Exchanger is a System that can put many questions at a time to a server: over
// its Unix socket, or through its own program, which is slow to start. The
// systems of this package are Exchangers.
type Exchanger interface {
	// Exchange puts the questions one after the other over one connection, or
	// to one run of the program.
	// Each answer has its own error; those after a broken connection share
	// one. A socket that is not there satisfies errors.Is(err, fs.ErrNotExist)
	// and one that may not be used ErrPrivilege; then there are no answers.
	Exchange(ctx context.Context, x Exchange) ([]Answer, error)
}

// Exchange is a conversation that only asks. What is kept of it in a bundle is
// decoded text, each answer under the name of its question, so that a person
// can read it and a redacted one is still valid.
type Exchange struct {
	Program   string     // the name in the bundle, like a program's: "fail2ban-socket"
	Socket    string     // path
	End       []byte     // what ends every question and every answer
	Goodbye   []byte     // sent before hanging up; may be nil
	Limit     int        // bytes of one answer
	Questions []Question // at least one
	// Decode turns an answer, its end removed, into text.
	Decode func([]byte) ([]byte, error)
	// Command are arguments of Program that make it read the requests, and the
	// goodbye, from its input; it is asked then, and no socket. Split finds the
	// answers, one for each question, in what it printed, complaints included.
	Command []string
	Split   func(printed []byte, questions int) ([][]byte, error)
}

// Question is one request of an Exchange. Args name it in the bundle.
type Question struct {
	Args    []string
	Request []byte
}

// Answer is the decoded answer to one question.
type Answer struct {
	Text []byte
	Err  error
}

// dialLimit bounds the wait for a local socket: a server that is alive accepts
// at once, one that is stuck would hold the user up.
const dialLimit = time.Second

func (s *thisSystem) Exchange(ctx context.Context, x Exchange) ([]Answer, error) {
	if len(x.Command) > 0 {
		return s.interview(ctx, x)
	}
	err := s.stuck.check(x.Socket)
	var answers []Answer
	if err == nil {
		d := net.Dialer{Timeout: dialLimit}
		answers, err = converse(ctx, x, d.DialContext)
	}
	s.stuck.learn(x.Socket, err)
	for _, a := range answers {
		s.stuck.learn(x.Socket, a.Err)
	}
	if err != nil {
		return nil, privilegeOf(fmt.Errorf("asking %s: %w", x.Socket, err))
	}
	return answers, nil
}

// interview puts the questions of x to its program.
func (s *thisSystem) interview(ctx context.Context, x Exchange) ([]Answer, error) {
	if err := s.stuck.check(x.Program); err != nil {
		return nil, fmt.Errorf("asking %s: %w", x.Program, err)
	}
	out, err := runProgram(ctx, limits{output: x.Limit, patience: s.stuck.patienceFor(x.Program)}, x.input(), x.Program, x.Command...)
	s.stuck.learn(x.Program, err)
	if err != nil {
		return nil, privilegeOf(err)
	}
	return x.answers(out)
}

// input is what x.Program is asked.
func (x *Exchange) input() []byte {
	input := []byte{}
	for _, q := range x.Questions {
		input = append(input, q.Request...)
	}
	return append(input, x.Goodbye...)
}

// answers are those in what x.Program printed.
func (x *Exchange) answers(out []byte) ([]Answer, error) {
	parts, err := x.Split(out, len(x.Questions))
	if err == nil && len(parts) != len(x.Questions) {
		err = fmt.Errorf("%d answers to %d questions", len(parts), len(x.Questions))
	}
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", commandLine(x.Program, x.Command), err)
	}
	answers := make([]Answer, len(parts))
	for i := range parts {
		answers[i].Text, answers[i].Err = x.Decode(parts[i])
	}
	return answers, nil
}

// converse puts the questions of x over its socket.
func converse(ctx context.Context, x Exchange, dial func(ctx context.Context, network, address string) (net.Conn, error)) ([]Answer, error) {
	begin := time.Now()
	limited, cancel := context.WithTimeout(ctx, conversationPatience)
	defer cancel()
	// late words an error that only means that time is over: our caller's,
	// which says nothing about the server, or the server's.
	late := func(err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() || limited.Err() != nil {
			return fmt.Errorf("%w within %s", ErrNoAnswer, time.Since(begin).Round(100*time.Millisecond))
		}
		return err
	}
	c, err := dial(limited, "unix", x.Socket)
	if err != nil {
		return nil, late(err)
	}
	defer c.Close()
	stop := context.AfterFunc(limited, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	answers := make([]Answer, len(x.Questions))
	var rest []byte
	for i, q := range x.Questions {
		var raw []byte
		if err = c.SetDeadline(time.Now().Add(socketPatience)); err == nil {
			err = limited.Err() // whose end may just have set another deadline
		}
		if err == nil {
			_, err = c.Write(append(bytes.Clone(q.Request), x.End...))
		}
		if err == nil {
			raw, rest, err = readUntil(c, rest, x.End, x.Limit)
		}
		if err != nil {
			err = fmt.Errorf("asking %s: %w", x.Socket, late(err))
			for ; i < len(answers); i++ {
				answers[i].Err = err
			}
			return answers, nil
		}
		answers[i].Text, answers[i].Err = x.Decode(raw)
	}
	_, _ = c.Write(append(bytes.Clone(x.Goodbye), x.End...))
	return answers, nil
}

// readUntil reads up to an end mark. What came after it is the rest.
func readUntil(c net.Conn, have, end []byte, limit int) (answer, rest []byte, err error) {
	buf := make([]byte, 1<<16)
	for searched := 0; ; {
		if i := bytes.Index(have[searched:], end); i >= 0 && searched+i <= limit {
			i += searched
			return have[:i], bytes.Clone(have[i+len(end):]), nil
		}
		if len(have) > limit {
			return nil, nil, fmt.Errorf("the answer is longer than %d bytes", limit)
		}
		searched = max(0, len(have)-len(end))
		n, err := c.Read(buf)
		if have = append(have, buf[:n]...); err != nil && n == 0 {
			return nil, nil, err
		}
	}
}

// Exchange gives the answers that are in the bundle.
func (b *bundle) Exchange(ctx context.Context, x Exchange) ([]Answer, error) {
	answers := make([]Answer, len(x.Questions))
	missing := 0
	var first error
	for i, q := range x.Questions {
		a := &answers[i]
		if a.Text, a.Err = b.Run(ctx, x.Program, q.Args...); errors.Is(a.Err, fs.ErrNotExist) || errors.Is(a.Err, ErrPrivilege) {
			missing++
			first = errors.Join(first, a.Err)
		}
	}
	if missing == len(answers) {
		return nil, first
	}
	return answers, nil
}

// Exchange keeps the answers and passes them on.
func (c *Collector) Exchange(ctx context.Context, x Exchange) ([]Answer, error) {
	asked, ok := c.System.(Exchanger)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	answers, err := asked.Exchange(ctx, x)
	for i, q := range x.Questions {
		if err != nil {
			c.keep(append([]string{x.Program}, q.Args...), nil, err)
		} else {
			c.keep(append([]string{x.Program}, q.Args...), answers[i].Text, answers[i].Err)
		}
	}
	return answers, err
}
