package fail2ban

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
)

// maxAnswer bounds one answer of the server: 64 MiB are some three million
// banned addresses.
const maxAnswer = 64 << 20

// reply is an answer to one command, as JSON has it.
type reply struct {
	value any
	err   error
}

// asker puts commands to the server.
type asker func(ctx context.Context, commands ...[]string) ([]reply, error)

// askSocket asks over the socket: some 0.3 ms a command, where each start of
// fail2ban-client takes 100 to 200 ms of Python.
func askSocket(s platform.System, socket string) asker {
	return func(ctx context.Context, commands ...[]string) ([]reply, error) {
		e, ok := s.(platform.Exchanger)
		if !ok {
			return nil, errors.ErrUnsupported
		}
		x := platform.Exchange{
			Program: "fail2ban-socket", Socket: socket, Limit: maxAnswer, Decode: pickleJSON,
			End: []byte("<F2B_END_COMMAND>"), Goodbye: []byte("<F2B_CLOSE_COMMAND>"),
		}
		for _, c := range commands {
			x.Questions = append(x.Questions, platform.Question{Args: c, Request: pickleStrings(c...)})
		}
		answers, err := e.Exchange(ctx, x)
		if err != nil {
			return nil, err
		}
		replies := make([]reply, len(answers))
		for i, a := range answers {
			replies[i] = decodeReply(a.Text, a.Err)
		}
		return replies, nil
	}
}

// decodeReply reads the JSON of an answer: [0, value], or [1, exception].
func decodeReply(text []byte, err error) reply {
	if err != nil {
		return reply{err: err}
	}
	var pair []any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&pair); err != nil || len(pair) != 2 {
		return reply{err: problem(because("odd-answer", "text", fmt.Sprintf("%.80q", text)))}
	}
	if code, _ := pair[0].(json.Number); code != "0" {
		return reply{err: problem(because("refused", "text", fmt.Sprintf("%.200s", exception(pair[1]))))}
	}
	return reply{value: pair[1]}
}

func exception(v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		return fmt.Sprint(v)
	}
	return fmt.Sprint(m["called"], m["with"])
}

// items flattens a value into strings.
func (r reply) items() []string { return flatten(r.value) }

func flatten(v any) []string {
	var out []string
	switch t := v.(type) {
	case []any:
		for _, x := range t {
			out = append(out, flatten(x)...)
		}
	case string:
		out = append(out, t)
	case json.Number:
		out = append(out, t.String())
	}
	return out
}

// single is a single value.
func (r reply) single() string { return strings.Join(r.items(), " ") }

func (r reply) number() (int64, bool) {
	if r.err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(r.single(), 10, 64)
	return n, err == nil
}

// facts are what a status says after each label.
func (r reply) facts() map[string][]string {
	facts := map[string][]string{}
	collect(facts, r.value)
	return facts
}

// collect takes pairs of a label and a value, which may be such pairs again.
func collect(facts map[string][]string, v any) {
	rows, _ := v.([]any)
	for _, row := range rows {
		pair, _ := row.([]any)
		if len(pair) != 2 {
			continue
		}
		if label, ok := pair[0].(string); ok {
			facts[label] = flatten(pair[1])
			collect(facts, pair[1])
		}
	}
}

// jails are the names of the jails; known are those of the configuration.
func (r reply) jails(known []string) ([]string, error) {
	if r.err != nil {
		return nil, r.err
	}
	facts := r.facts()
	list, ok := facts["Jail list"]
	if !ok {
		return nil, problem(because("status-no-jails"))
	}
	count, err := strconv.Atoi(strings.Join(facts["Number of jail"], ""))
	if err != nil {
		count = -1
	}
	names := jailNames(strings.Join(list, ", "), count, known)
	if len(names) < count {
		return nil, problem(because("status-cut"))
	}
	return names, nil
}

func (r reply) jailStatus() (jailStatus, error) {
	if r.err != nil {
		return jailStatus{}, r.err
	}
	facts, found := r.facts(), false
	number := func(label string) int {
		found = found || facts[label] != nil
		n, _ := strconv.Atoi(strings.Join(facts[label], ""))
		return n
	}
	s := jailStatus{
		failed: number("Currently failed"), totalFailed: number("Total failed"), banned: number("Currently banned"), totalBanned: number("Total banned"),
		files: facts["File list"], journal: strings.Join(facts["Journal matches"], " "), list: facts["Banned IP list"],
	}
	if old := facts["IP list"]; old != nil { // of 0.8
		s.list = old
	}
	if !found {
		return s, problem(because("status-no-counters"))
	}
	return s, nil
}

// banned reads "banned": the addresses of every jail.
func (r reply) banned() (map[string][]string, error) {
	if r.err != nil {
		return nil, r.err
	}
	rows, ok := r.value.([]any)
	if !ok {
		return nil, problem(because("banned-no-list"))
	}
	out := map[string][]string{}
	for _, row := range rows {
		m, ok := row.(map[string]any)
		if !ok {
			return nil, problem(because("banned-no-list"))
		}
		for jail, addresses := range m {
			out[jail] = append(out[jail], flatten(addresses)...)
		}
	}
	return out, nil
}
