package mikrotik

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sipdoctor/sipdoctor/platform"
)

// A Console takes commands over SSH, as a person types them. It may be used by one at a
// time.
type Console struct {
	client *ssh.Client
	lost   chan struct{} // closed when the connection is
}

// options switch off colours, the search for what the terminal can do, and the breaking of
// lines: everything but the text (https://wiki.mikrotik.com/wiki/Manual:Console_login_process).
const options = "+cet1024w"

// DialConsole logs in, as platform.DialRemote does. Options of the console that stand
// behind the user's name ("admin+c80w") are left alone.
func DialConsole(ctx context.Context, l platform.Login) (*Console, error) {
	if !strings.Contains(l.User, "+") {
		l.Options = options
	}
	l.Older = true
	client, err := platform.DialSSH(ctx, l)
	if err != nil {
		return nil, err
	}
	c := &Console{client: client, lost: make(chan struct{})}
	go func() {
		_ = client.Wait() // how it ended matters to nobody
		close(c.lost)
	}()
	return c, nil
}

// Close hangs up.
func (c *Console) Close() error { return c.client.Close() }

// mark is a text that no answer holds, and the command that says it. It is said only if
// all before it was run: RouterOS refuses a line as a whole or ends it at the command
// that it refuses. An echo of the command does not hold the text.
func mark() (text, command string) {
	word := rand.Text()
	return "sipdoctor-" + word, `:put ("sipdoctor" . "-` + word + `")`
}

// Type runs a line and returns what it printed. What the router says without running the
// line to its end is in a *Refused.
func (c *Console) Type(ctx context.Context, line string) (string, error) {
	text, command := mark()
	t, err := newTalk(ctx, c.client, func(s *ssh.Session) error { return s.Start(line + "; " + command) })
	if err != nil {
		return "", c.orLost(err)
	}
	defer t.stop()
	out, ended, err := t.hear(ctx, func(end string, _ bool) bool { return strings.Contains(end, text) })
	if err != nil {
		return "", c.orLost(err)
	}
	if before, _, ran := strings.Cut(out, text); ran {
		return before, nil
	}
	if ended && c.isLost() {
		return out, ErrLost
	}
	return out, &Refused{said(out)}
}

// isLost reports whether the connection is, which may be known a moment after the session
// has ended.
func (c *Console) isLost() bool {
	select {
	case <-c.lost:
		return true
	case <-time.After(300 * time.Millisecond):
		return false
	}
}

// orLost is err, unless it came because the connection was lost.
func (c *Console) orLost(err error) error {
	if _, refused := err.(*Refused); !refused && c.isLost() {
		return fmt.Errorf("%w (%w)", ErrLost, err)
	}
	return err
}
