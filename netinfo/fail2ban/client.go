package fail2ban

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sipdoctor/sipdoctor/platform"
)

// prompt is what "fail2ban-client -i" prints before it reads a question, also
// without a terminal.
const prompt = "fail2ban> "

var (
	errUnasked  = problem(because("unasked"))
	errNoServer = problem(because("no-server"))
	errMatch    = problem(because("answers-mixed"))
)

// askClient puts all questions to one run of "fail2ban-client -i": some 0.1 s
// for its start and 0.2 ms a question. In a bundle each answer is under the name
// of its question, as if it had been asked alone.
func askClient(s platform.System, socket string) asker {
	var before []string
	if socket != defaultSocket {
		before = []string{"-s", socket}
	}
	return func(ctx context.Context, commands ...[]string) ([]reply, error) {
		e, ok := s.(platform.Exchanger)
		if !ok {
			return nil, errors.ErrUnsupported
		}
		x := platform.Exchange{
			Program: "fail2ban-client", Command: slices.Concat(before, []string{"-i"}), Limit: maxAnswer,
			Goodbye: []byte("exit\n"), Split: splitAnswers, Decode: clientAnswer,
		}
		replies := make([]reply, len(commands))
		var asked []int
		for i, c := range commands {
			replies[i] = reply{err: errUnasked}
			if line, ok := questionLine(c); ok {
				asked = append(asked, i)
				x.Questions = append(x.Questions, platform.Question{Args: slices.Concat(before, c), Request: line})
			}
		}
		if len(asked) == 0 {
			return replies, nil
		}
		answers, err := e.Exchange(ctx, x)
		if err != nil {
			return nil, err
		}
		for k, i := range asked {
			replies[i] = reply{valueOf(commands[i], string(answers[k].Text)), answers[k].Err}
		}
		return replies, nil
	}
}

// questionLine writes a question as the client reads it, which is split like a
// line of a shell: each word stands in quotes. What could end the line, for this
// or another version of Python, is not asked for.
func questionLine(words []string) ([]byte, bool) {
	var b bytes.Buffer
	for i, w := range words {
		if !utf8.ValidString(w) || strings.ContainsFunc(w, func(c rune) bool { return unicode.IsControl(c) || c == '\u2028' || c == '\u2029' }) {
			return nil, false
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString("'" + strings.ReplaceAll(w, "'", `'"'"'`) + "'")
	}
	b.WriteByte('\n')
	return b.Bytes(), true
}

// splitAnswers cuts what the client printed at its prompts: a greeting, the
// answers, and nothing after the last prompt. An answer that holds a prompt, or
// a complaint that stands before all of them, leaves open which belongs to
// which: then none is used.
func splitAnswers(printed []byte, questions int) ([][]byte, error) {
	parts := bytes.Split(printed, []byte(prompt))
	if len(parts) != questions+2 || len(bytes.TrimSpace(parts[questions+1])) > 0 || complaint.Match(parts[0]) {
		if err := absence(printed); err != nil {
			return nil, err
		}
		return nil, errMatch
	}
	return parts[1 : questions+1], nil
}

// complaint is an error that the client logs at the beginning of a line, with or
// without the time: "ERROR   NOK: ('sshd',)", "2026-11-29 00:35:23,365 fail2ban
// [18352]: ERROR   NOK: ('sshd',)".
var complaint = regexp.MustCompile(`(?m)^[ \t]*(?:(?:\S+[ \t]+){0,3}fail2ban\S*[ \t]+\[\S*\]:[ \t]+)?(?:ERROR|CRITICAL)(?:\s|$)`)

// clientAnswer tells an answer from a complaint. fail2ban-client logs that the
// server refused, and why, before it prints it.
func clientAnswer(text []byte) ([]byte, error) {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	if complaint.Match(first) {
		if err := absence(text); err != nil {
			return nil, err
		}
		return nil, problem(because("refused", "text", fmt.Sprintf("%.200s", bytes.TrimSpace(first))))
	}
	return text, nil
}

// absence tells why the client has no server to ask: there is none, or it may
// not. Nil: neither is said.
func absence(text []byte) error {
	for line := range bytes.Lines(text) {
		switch {
		case bytes.Contains(line, []byte("you must be root")):
			return fmt.Errorf("%s: %w", clip(string(line)), platform.ErrPrivilege)
		case noServer(string(line)):
			return fmt.Errorf("%s: %w", clip(string(line)), errNoServer)
		}
	}
	return nil
}

// noServer reports whether the client says that there is no server, in the
// words of 0.8 to 1.1: "Is fail2ban running?", "Is it running?".
func noServer(complaint string) bool { return strings.Contains(complaint, "running?") }
