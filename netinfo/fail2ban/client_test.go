package fail2ban

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/sqlite/sqlitetest"
	"github.com/sipdoctor/sipdoctor/platform"
)

var hostileWords = []string{
	"asterisk", "my jail", "", "'", `"`, `\`, `'"'`, "'; stop #", "$(id)", "`id`", "# x", "a\\nstop", "exit", "-x", "é", "日本", "a\x00b",
	"a\nstop", "a\rstop", "a\x0bstop", "a\x1cstop", "a\u0085stop", "a\u2028stop", "a\xffstop",
}

// Python, which splits a question into words, gets back what was asked: one
// line, the same words. What might end the line is not asked.
func TestQuestionsToTheClientAreOneLineEach(t *testing.T) {
	var lines bytes.Buffer
	var want [][]string
	for _, w := range hostileWords {
		words := []string{"get", w, "maxretry"}
		line, ok := questionLine(words)
		if safe := utf8.ValidString(w) && !strings.ContainsAny(w, "\n\r\v\x00\x1c\u0085\u2028"); ok != safe {
			t.Errorf("%q is asked for: %v", w, ok)
		}
		if ok {
			lines.Write(line)
			want = append(want, words)
		}
	}
	cmd := exec.CommandContext(t.Context(), sqlitetest.Python(t), "-c", "import json,shlex,sys; print(json.dumps([shlex.split(l) for l in sys.stdin]))")
	cmd.Stdin = &lines
	out, err := cmd.Output()
	var got [][]string
	if err := errors.Join(err, json.Unmarshal(out, &got)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-asked +read):\n%s", diff)
	}
}

func FuzzQuestionLine(f *testing.F) {
	for _, w := range hostileWords {
		f.Add(w)
	}
	f.Fuzz(func(t *testing.T, word string) {
		line, ok := questionLine([]string{"status", word})
		if !ok {
			return
		}
		if bytes.IndexByte(line, '\n') != len(line)-1 || bytes.ContainsAny(line, "\r\v\f\x00\x1c\x1d\x1e\u0085\u2028\u2029") {
			t.Errorf("%q is asked for as %q", word, line)
		}
		// Between its quotes, no quote of the name is left but in quotes of its own.
		inner, found := strings.CutPrefix(string(line), "'status' '")
		inner, closed := strings.CutSuffix(inner, "'\n")
		if !found || !closed || strings.ReplaceAll(inner, `'"'"'`, "'") != word || strings.Contains(strings.ReplaceAll(inner, `'"'"'`, ""), "'") {
			t.Errorf("%q is asked for as %q", word, line)
		}
	})
}

const greeting = "Fail2Ban v1.0.2 reads log file that contains password failure report\nand bans the corresponding IP addresses using firewall rules.\n\n"

// What 1.0.2 prints to two questions, and what leaves open which answer is which.
func TestAnswersOfTheClient(t *testing.T) {
	nok := "2026-11-29 00:35:23,365 fail2ban                [18352]: ERROR   NOK: ('no such',)\n"
	for name, tt := range map[string]struct {
		printed string
		want    []string // "!" and the words of an error
		err     error
	}{
		"two answers":                                  {greeting + prompt + "1.0.2\n" + prompt + "3\n" + prompt, []string{"1.0.2\n", "3\n"}, nil},
		"one is refused":                               {greeting + prompt + nok + "Sorry but the jail 'no such' does not exist\n" + prompt + "3\n" + prompt, []string{"!refused", "3\n"}, nil},
		"0.9, without a time":                          {greeting + prompt + "ERROR  NOK: ('x',)\nx\n" + prompt + "3\n" + prompt, []string{"!refused", "3\n"}, nil},
		"an empty answer":                              {greeting + prompt + "\n" + prompt + "3\n" + prompt, []string{"\n", "3\n"}, nil},
		"an answer about an error":                     {greeting + prompt + "|- ^ERROR: .*$\n" + prompt + "3\n" + prompt, []string{"|- ^ERROR: .*$\n", "3\n"}, nil},
		"an answer with a prompt":                      {greeting + prompt + "a\n" + prompt + "b\n" + prompt + "3\n" + prompt, nil, errMatch},
		"an answer is missing":                         {greeting + prompt + "a\n" + prompt, nil, errMatch},
		"something comes after all":                    {greeting + prompt + "a\n" + prompt + "b\n" + prompt + "c", nil, errMatch},
		"Python 2: complaints stand before everything": {nok + greeting + prompt + "x\n" + prompt + "3\n" + prompt, nil, errMatch},
		"no server":                                    {greeting + prompt + "2026-11-29 00:35:23,365 fail2ban [1]: ERROR   Failed to access socket path: /run/s. Is fail2ban running?\n" + prompt + "ERROR x\n" + prompt, []string{"!" + errNoServer.Error(), "!refused"}, nil},
		"no server, 0.8":                               {"ERROR  Unable to contact server. Is it running?\n" + greeting + prompt + prompt + prompt, nil, errNoServer},
		"not root":                                     {greeting + prompt + "ERROR   Permission denied to socket: /run/s, (you must be root)\n" + prompt + "x\n" + prompt, []string{"!" + platform.ErrPrivilege.Error(), "x\n"}, nil},
		"it does not run":                              {"Traceback (most recent call last):\n", nil, errMatch},
	} {
		t.Run(name, func(t *testing.T) {
			parts, err := splitAnswers([]byte(tt.printed), 2)
			if !errors.Is(err, tt.err) || len(parts) != len(tt.want) {
				t.Fatalf("%q, %v; want %v", parts, err, tt.err)
			}
			for i, want := range tt.want {
				text, err := clientAnswer(parts[i])
				if words, refused := strings.CutPrefix(want, "!"); refused != (err != nil) || refused && !strings.Contains(err.Error(), words) || !refused && string(text) != want {
					t.Errorf("answer %d: %q, %v; want %q", i, text, err, want)
				}
			}
		})
	}
}

// An older bundle has what each of these commands printed, and no status of a
// single jail.
func TestABundleOfTheClient(t *testing.T) {
	p := newPBX(asteriskOnly(failedAt(1, "110", "192.0.2.7")))
	p.runs = map[string]string{
		"fail2ban-client status":                "Status\n|- Number of jail:\t1\n`- Jail list:\tasterisk\n",
		"fail2ban-client version":               "1.0.2\n",
		"fail2ban-client banned":                "[{'asterisk': ['192.0.2.7']}]\n",
		"fail2ban-client get asterisk maxretry": "7\n",
	}
	s := Read(t.Context(), p, Options{Addresses: prefixes("192.0.2.7")})
	if s.Source != FromClient || !s.Running || len(s.Addresses[0].Holds) != 1 || s.Jails[0].MaxRetry != 7 || !s.Jails[0].BansKnown || len(s.Jails[0].Faults) > 0 {
		t.Errorf("%+v", s)
	}
}
