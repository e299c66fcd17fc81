package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// goPhrases are what Go's own packages say. They help who writes programs, and
// nobody else.
var goPhrases = regexp.MustCompile(`context (deadline exceeded|canceled)|strconv\.|i/o timeout|\b(dial|read|write|listen) (udp|tcp)[46]? |json: |cannot unmarshal|unexpected end of JSON|invalid character '|unexpected EOF|\bEOF\b|x509: |tls: |time: (invalid|unknown|missing)|exec: |ParseAddr\(|netip\.|lookup [^ ]+ on|lookup [^ ]+: no such host|use of closed|parse error on line|bare "|goroutine |runtime error|%!`)

// badFiles are files that are not what any command expects.
func badFiles(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	files := []string{dir, filepath.Join(dir, "nowhere", "x.report")}
	for name, text := range map[string]string{
		"empty.report": "", "cut.report": `{"schema": "sipdoctor.report/1", "results": [{"check"`, "words.report": "hello\n", "list.report": "[]", "null.report": "null",
		"type.report": `{"schema": 5}`, "deep.report": `{"schema": "sipdoctor.report/1", "results": [{"duration_ms": "long"}]}`,
		"time.report": `{"schema": "sipdoctor.report/1", "started": "yesterday"}`, "addr.report": `{"schema": "sipdoctor.report/1", "inputs": {"bind": "1.2.3.999"}}`,
		"bytes.report": "\x00\xff\x1b[31m", "bad.yaml": "name: [\n", "type.yaml": "name: {a: 1}\nsip: 5\n", "cut.tgz": "\x1f\x8b\x08\x00\x00",
	} {
		f := filepath.Join(dir, name)
		if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// starts are the arguments that each command needs to get as far as its flags.
func starts(files []string) map[string][][]string {
	all := map[string][][]string{"why": {{"198.51.100.7"}, {"x"}, {"198.51.100.7/99"}, {"[::1"}}}
	for _, f := range files {
		for _, c := range []string{"report", "fix", "profiles", "checks", "check", "pbx", "lab", "why"} {
			all[c] = append(all[c], []string{f})
		}
	}
	return all
}

// Every command with every flag and bad values, and with bad files: what goes
// wrong is said in words for technicians.
func TestNoErrorIsInGoSOwnWords(t *testing.T) {
	t.Chdir(t.TempDir()) // --output takes most of the values for file names
	t.Setenv("STATE_DIRECTORY", t.TempDir())
	files := badFiles(t)
	values := append([]string{
		"", "abc", "-1", "5", "99999999999999999999", "1.2.3.999", "192.0.2.1:99999", "[::1", "a\"b,c", "pbx.example.net:sip", "\x1b[31m", "10000-x", "9-1",
	}, files...)
	root, _ := newRootCommand(streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}})
	args := starts(files)
	var lines [][]string
	for _, c := range root.Commands() {
		for _, a := range append([][]string{nil}, args[c.Name()]...) {
			lines = append(lines, append([]string{c.Name()}, a...))
		}
		lines = append(lines, flagLines(c, values, args[c.Name()])...)
	}
	if len(lines) < 500 {
		t.Fatalf("only %d command lines: the walk has lost commands", len(lines))
	}
	said := 0
	for _, line := range lines {
		text := tried(t, line)
		if m := goPhrases.FindString(text); m != "" {
			t.Errorf("sipdoctor %q says %q:\n%s", line, m, cut(text))
		}
		if text != "" {
			said++
		}
	}
	t.Logf("%d command lines, %d with an answer", len(lines), said)
}

func flagLines(c *cobra.Command, values []string, starts [][]string) (lines [][]string) {
	start := []string{c.Name()}
	if len(starts) > 0 {
		start = append(start, starts[0]...)
	}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Name == "watch" {
			return
		}
		for _, v := range values {
			lines = append(lines, append(slices.Clone(start), "--"+f.Name+"="+v))
		}
	})
	return lines
}

// tried runs one command line that is interrupted as soon as it has begun: what
// its flags and files are refused for comes before that.
func tried(t *testing.T, line []string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	if run(ctx, line, strings.NewReader(""), &out, &errs) == statusOK {
		return "" // help, a list, a profile
	}
	return out.String() + errs.String()
}

func cut(s string) string { return s[:min(len(s), 600)] }

// endless is a text without an end.
type endless string

func (e endless) Read(b []byte) (int, error) {
	return copy(b, strings.Repeat(string(e), len(b)/len(e)+1)), nil
}

// What is longer than any report is refused as that, and not as cut short, as which it
// would look if only its beginning were read.
func TestAReportThatDoesNotEnd(t *testing.T) {
	for want, in := range map[string]io.Reader{
		"is longer than 64 MiB, which no report is": io.MultiReader(strings.NewReader(`{"schema": "`), endless("x")),
		"it ends in the middle":                     strings.NewReader(`{"schema": "x`),
	} {
		var out, complaint bytes.Buffer
		if status := run(t.Context(), []string{"report", "-"}, in, &out, &complaint); status != 2 || !strings.Contains(complaint.String(), want) || out.Len() > 0 {
			t.Errorf("status %d, %q, want %q", status, complaint.String(), want)
		}
	}
}
