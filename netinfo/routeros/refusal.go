package routeros

import (
	"errors"
	"fmt"
)

// A Refusal is what a router answers to a command that it does not take, in its own
// words.
type Refusal struct {
	Text string
	// Line and Col are where RouterOS says the mistake is, from 1; 0 if it does not
	// say.
	Line, Col int
}

func (r *Refusal) Error() string {
	if r.Line == 0 {
		return r.Text
	}
	return fmt.Sprintf("%s (line %d column %d)", r.Text, r.Line, r.Col)
}

// ErrNotKnown is wrapped by errors about commands of which this package does not
// know whether a router takes them.
var ErrNotKnown = errors.New("it is not known whether a router takes this")

// Errors of scripts that are not run to their end.
var (
	errTooLong = errors.New("the script takes too long")
	errDepends = errors.New("this depends on what the router has, and the file does not tell")
	errNotTold = errors.New("the file does not tell what this command does")
	errBadItem = errors.New("this is about an item that the file does not have")
)

// says is an answer of RouterOS without a place.
func says(format string, args ...any) error { return &Refusal{Text: fmt.Sprintf(format, args...)} }

// saysAt is one about what stands at a place.
func saysAt(at place, format string, args ...any) error {
	return &Refusal{Text: fmt.Sprintf(format, args...), Line: at.line, Col: at.col}
}

// The answers of RouterOS, as public reports quote them.
const (
	answerNoMenu   = "bad command name %s"
	answerNoArg    = "expected end of command"
	answerSyntax   = "syntax error"
	answerNoItem   = "no such item"
	answerNoMatch  = "input does not match any value of %s"
	answerBadValue = "invalid value for argument %s"
	answerMissing  = "missing value(s) of argument(s) %s"
	answerAlready  = "failure: already have %s"
	answerBuiltin  = "failure: cannot %s builtin"
	answerPorts    = "failure: ports can be specified if proto is tcp,udp,udp-lite,dccp,sctp"
)

// stopped ends a script: :error, and :return.
type stopped struct {
	value value
	err   error
}

func (s *stopped) Error() string { return "the script ended" }
