package routeros

import (
	"errors"
	"fmt"
	"strings"
)

// A Console takes commands for a router, one line after the other, as a person
// types them. It is not for concurrent use.
type Console struct{ r *interpreter }

// Console opens one on the model, which its commands change.
func (c *Config) Console() *Console {
	r := newInterpreter(c)
	r.typed = true
	return &Console{r}
}

// Type runs a line and returns what the router prints. An error is a *Refusal, as
// a router would answer, or wraps ErrNotKnown. Like a router it refuses a line as a
// whole for what is wrong in its form, and runs the others up to the command that
// is refused.
func (k *Console) Type(line string) (string, error) {
	r := k.r
	r.out.Reset()
	r.budget, r.depth, r.scopes = maxWork, 0, []map[string]value{{}}
	p := newParser(strings.ReplaceAll(line, "\r", ""))
	list, err := p.statements()
	if err != nil {
		return "", saysAt(p.here(), answerSyntax)
	}
	if _, err := r.check(list, r.path); err != nil {
		return "", err
	}
	for _, c := range list {
		if _, err := r.run(c); err != nil {
			return r.out.String(), answerOf(err)
		}
	}
	return r.out.String(), nil
}

// answerOf is err as Type returns it. A :return only ends the line.
func answerOf(err error) error {
	if s, ended := isStop(err); ended {
		err = s.err
	}
	if _, refused := errors.AsType[*Refusal](err); err == nil || refused || errors.Is(err, ErrNotKnown) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrNotKnown, err)
}
