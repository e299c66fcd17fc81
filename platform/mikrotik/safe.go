package mikrotik

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Safe is a console in safe mode: when the connection is lost, the router takes back
// what was typed here. It shares its connection with the Console that it was taken from.
type Safe struct {
	c *Console
	t *talk
}

// ctrlX is the key that takes safe mode and releases it.
const ctrlX = "\x18"

// Safe takes safe mode. Where somebody else has it, the error is ErrSafeTaken, and they
// keep it.
func (c *Console) Safe(ctx context.Context) (*Safe, error) {
	t, err := newTalk(ctx, c.client, func(s *ssh.Session) error {
		// A dumb terminal, so high that nothing stops at the end of a page.
		if err := s.RequestPty("dumb", 10000, 1024, ssh.TerminalModes{}); err != nil {
			return err
		}
		return s.Shell()
	})
	if err != nil {
		return nil, c.orLost(err)
	}
	s := &Safe{c, t}
	end, err := s.untilPrompt(ctx, "")
	if err == nil && !isSafe(end) {
		end, err = s.untilPrompt(ctx, ctrlX)
	}
	if err == nil && !isSafe(end) {
		err = &Refused{said(end)}
	}
	if err != nil {
		t.stop()
		return nil, fmt.Errorf("taking safe mode: %w", err)
	}
	return s, nil
}

// untilPrompt types keys and waits until the console is ready for a command.
func (s *Safe) untilPrompt(ctx context.Context, keys string) (string, error) {
	if err := s.t.say(ctx, keys); err != nil {
		return "", s.c.orLost(err)
	}
	// It shows its prompt again and again while it finds out what the terminal is.
	return s.heard(s.t.hear(ctx, func(end string, quiet bool) bool { return quiet && prompt.MatchString(end) }))
}

// heard says why a session ended that should not have.
func (s *Safe) heard(text string, ended bool, err error) (string, error) {
	switch {
	case err != nil:
		return text, s.c.orLost(err)
	case ended:
		return text, ErrLost
	}
	return text, nil
}

// Type runs a line, as Console.Type does.
func (s *Safe) Type(ctx context.Context, line string) (string, error) {
	// A question mark asks for help wherever it stands, a tab completes a word.
	line = strings.ReplaceAll(line, `\?`, `\3F`)
	if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f || r == '?' }) {
		return "", fmt.Errorf("%w: %q cannot be typed into a terminal", ErrNotSent, line)
	}
	text, command := mark()
	if err := s.t.say(ctx, line+"; "+command+"\r"); err != nil {
		return "", s.c.orLost(err)
	}
	out, err := s.heard(s.t.hear(ctx, func(end string, quiet bool) bool {
		return prompt.MatchString(end) && (quiet || strings.Contains(end, text))
	}))
	if err != nil {
		return "", err
	}
	_, out, _ = strings.Cut(out, "\n") // after the echo
	if at := prompt.FindStringIndex("\n" + out); at != nil {
		out = out[:max(at[0]-1, 0)]
	}
	if before, _, ran := strings.Cut(out, text); ran {
		return before, nil
	}
	return out, &Refused{said(out)}
}

// Release keeps what was typed, and ends the session.
func (s *Safe) Release(ctx context.Context) error {
	defer s.t.stop()
	end, err := s.untilPrompt(ctx, "\r")
	if err == nil && !isSafe(end) {
		err = ErrSafeGone // another press of the key would take it again
	}
	if err == nil {
		end, err = s.untilPrompt(ctx, ctrlX)
	}
	if err == nil && isSafe(end) {
		err = &Refused{said(end)}
	}
	if err != nil {
		return fmt.Errorf("leaving safe mode: %w", err)
	}
	return nil
}

// Abandon ends the session at once; the router takes back what was typed.
func (s *Safe) Abandon() {
	_ = s.t.say(context.Background(), "\x04") // Ctrl-D; if it is lost, so is the connection
	s.t.stop()
}
