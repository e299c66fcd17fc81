// Package command builds the commands that people paste into root shells and
// that "sipdoctor fix" runs. A command is a value: a program and its arguments,
// or one of the few shell lines that cures need around programs. Names of
// tables, sets, jails and files come from strangers; here is the only place
// where they become text for a shell.
package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Command is one change to a machine, complete in itself. The zero Command
// is none. Its JSON keeps the parts apart, so that a saved report is quoted
// anew, and never trusted, whenever it is judged again.
type Command struct {
	form form     // empty: args are a program and its arguments
	args []string // of the program, or of the form
	err  error    // why it cannot be written as a command
}

// A constant is text that can only stand in this program's source: untyped
// constants convert to it, values from strangers do not.
type constant string

// New starts a command: one of the programs that cures use, and words of its
// own language. Any other program makes a command that cannot be written.
func New(program string, words ...constant) Command {
	return Command{}.add(program).Words(words...)
}

// Words adds words of the program's own language.
func (c Command) Words(words ...constant) Command {
	for _, w := range words {
		c = c.add(string(w))
	}
	return c
}

// Values adds operands from strangers. One that would be read as an option, or
// is empty, makes a command that cannot be written.
func (c Command) Values(values ...string) Command {
	for _, v := range values {
		if c.err == nil && (v == "" || v[0] == '-') {
			c.err = fmt.Errorf("%s would be read as an option", quoted(v))
		}
		c = c.add(v)
	}
	return c
}

// Option adds an option that is written in one word with its value, such as
// --zone=NAME.
func (c Command) Option(name constant, value string) Command { return c.add(string(name) + value) }

// Spec adds words in the program's own language that the program itself has
// listed, options included: the rest of a rule of iptables-save.
func (c Command) Spec(words ...string) Command {
	for _, w := range words {
		c = c.add(w)
	}
	return c
}

func (c Command) add(arg string) Command {
	if c.err == nil {
		c.err = printable(arg)
	}
	c.args = append(slices.Clip(c.args), arg)
	return c
}

// Impossible is a command that cannot be written, and why. What a terminal
// would obey in the text is escaped.
func Impossible(format string, args ...any) Command {
	err := fmt.Errorf(format, args...)
	if printable(err.Error()) != nil {
		err = errors.New(strconv.QuoteToASCII(err.Error()))
	}
	return Command{err: err}
}

// Equal reports whether two commands are the same.
func (c Command) Equal(o Command) bool {
	return c.form == o.form && slices.Equal(c.args, o.args) && (c.err == nil) == (o.err == nil)
}

// Err says why the command cannot be written safely; nil if it can.
func (c Command) Err() error {
	switch {
	case c.err != nil:
		return c.err
	case len(c.args) == 0:
		return errors.New("no command")
	case c.form != "":
		return nil
	}
	if err := checkVerb(c.args); err != nil {
		return err
	}
	if c.args[0] == "nft" {
		return checkNFT(strings.Join(c.args[1:], " "))
	}
	return nil
}

// Line writes the command for a POSIX shell, as one line.
func (c Command) Line() (string, error) {
	if err := c.Err(); err != nil {
		return "", err
	}
	if c.form != "" {
		return c.form.line(c.args), nil
	}
	return Quote(c.args...), nil
}

// String is the command as a line, or why there is none.
func (c Command) String() string {
	line, err := c.Line()
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return line
}

// Lines writes commands for a POSIX shell, one a line. Those that cannot be
// written are left out and described.
func Lines(list []Command) (lines []string, impossible []error) {
	for _, c := range list {
		line, err := c.Line()
		if err != nil {
			impossible = append(impossible, err)
			continue
		}
		lines = append(lines, line)
	}
	return lines, impossible
}

// A Step is commands that are done together, and those that take them back.
// Steps are taken back from the last to the first.
type Step struct {
	Do   []Command `json:"do,omitempty"`
	Undo []Command `json:"undo,omitempty"`
}

// wire is a Command in JSON.
type wire struct {
	Form       form     `json:"form,omitempty"`
	Args       []string `json:"args,omitempty"`
	Impossible string   `json:"impossible,omitempty"`
}

// MarshalJSON writes the parts of the command.
func (c Command) MarshalJSON() ([]byte, error) {
	w := wire{Form: c.form, Args: c.args}
	if c.err != nil {
		w = wire{Impossible: c.err.Error()}
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads the parts of a command. What this program would not have
// written, such as another program, becomes a command that cannot be written.
func (c *Command) UnmarshalJSON(b []byte) error {
	var w wire
	if err := json.Unmarshal(b, &w); err != nil {
		return fmt.Errorf("reading a command: %w", err)
	}
	switch {
	case w.Impossible != "":
		*c = Impossible("%s", w.Impossible)
	case w.Form != "":
		*c = w.Form.with(w.Args...)
	case len(w.Args) == 0:
		*c = Command{}
	default:
		*c = New(w.Args[0]).Spec(w.Args[1:]...)
	}
	return nil
}
