package main

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// commands are cmd and those below it.
func commands(cmd *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{cmd}
	for _, c := range cmd.Commands() {
		list = append(list, commands(c)...)
	}
	return list
}

func tree(l words.Lang) []*cobra.Command {
	root, _ := newRootCommand(streams{Out: io.Discard, Err: io.Discard, Lang: l})
	return commands(root)
}

// Every command and every flag is explained, and nothing else is.
func TestEveryCommandAndFlagHasHelp(t *testing.T) {
	used := map[string]bool{}
	for _, cmd := range tree(words.English) {
		id := helpID(cmd)
		if !book().Has(id + ".short") {
			t.Errorf("help.yaml has no %s.short", id)
		}
		for _, part := range []string{".short", ".long", ".args"} {
			used[id+part] = true
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if id := flagHelpID(cmd, f); book().Has(id) {
				used[id] = true
			} else {
				t.Errorf("help.yaml has no %s for %s", id, cmd.CommandPath())
			}
		})
	}
	for _, id := range book().IDs() {
		if strings.HasPrefix(id, "help.") && !used[id] && !strings.HasPrefix(id, "help.frame.") && !slices.Contains([]string{"help.checks.group", "help.checks.slow", "help.checks.with-profile"}, id) {
			t.Errorf("nothing is explained by %s", id)
		}
	}
}

// The program breaks paragraphs of the help where the terminal ends: none comes broken.
func TestNoParagraphOfHelpIsBroken(t *testing.T) {
	for _, lang := range words.Languages() {
		for _, cmd := range tree(lang) {
			before := ""
			for line := range strings.Lines(cmd.Long) {
				line = strings.TrimSuffix(line, "\n")
				if len([]rune(before)) > 80 && line != "" && line[0] != ' ' {
					t.Errorf("%s, %s: a paragraph is broken after %q", cmd.CommandPath(), lang, before)
				}
				before = line
			}
		}
	}
}

// typed is what the user types: names of flags, commands.
var typed = regexp.MustCompile(`--[a-z-]+|"[^"]*"|(sudo )?sipdoctor( [a-z-]+)+`)

// Help speaks one language; commands are the same in both.
func TestHelpSpeaksOneLanguage(t *testing.T) {
	wrong := map[words.Lang]*regexp.Regexp{words.Russian: english, words.English: cyrillic}
	for lang, wrong := range wrong {
		var lines [][]string
		for _, cmd := range tree(lang) {
			path := strings.Fields(cmd.CommandPath())[1:]
			lines = append(lines, append(path, "--help"))
		}
		for _, c := range all.Checks() {
			lines = append(lines, []string{"help", c.ID}, []string{"checks", c.ID}, []string{"checks", c.ID, "--format", "json"})
		}
		lines = append(lines, []string{"checks"}, []string{"checks", "--format", "json"}, []string{"help"}, nil)
		for _, line := range lines {
			var out, errs bytes.Buffer
			line = append([]string{"--lang", string(lang)}, line...)
			if status := run(t.Context(), line, strings.NewReader(""), &out, &errs); status != statusOK || errs.Len() > 0 {
				t.Errorf("%s: status %d, %s", line, status, errs.String())
			}
			var text strings.Builder // in one line, because a command in quotation marks may go over two
			for l := range strings.Lines(out.String()) {
				if !strings.HasPrefix(l, "  ") || !strings.Contains(l, "sipdoctor ") { // not an example
					text.WriteString(strings.TrimSpace(l) + " ")
				}
			}
			bare := typed.ReplaceAllString(strings.ReplaceAll(text.String(), `\"`, `"`), "")
			if found := wrong.FindString(strings.ReplaceAll(bare, strings.Join(formats(), ", "), "")); found != "" {
				t.Errorf("%s: %q", line, found)
			}
		}
	}
}

// Help fits the terminal, and no word is broken.
// What a flag takes is called the same everywhere, in the case of a dictionary: a
// sentence around it must not bend it.
func TestAPlaceholderHasOneTranslation(t *testing.T) {
	called := map[string]string{}
	english, russian := tree(words.English), tree(words.Russian)
	for i, cmd := range english {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			en, _ := pflag.UnquoteUsage(f)
			ru, _ := pflag.UnquoteUsage(russian[i].LocalFlags().Lookup(f.Name))
			if was, seen := called[en]; seen && was != ru {
				t.Errorf("%s --%s: %s is %s here and %s elsewhere", cmd.Name(), f.Name, en, ru, was)
			}
			called[en] = ru
		})
	}
}

func TestHelpFitsTheTerminal(t *testing.T) {
	rows := [][2]string{{"  -o, --output FILE", "write the report to FILE instead of standard output"}, {"  --q", "the answer"}}
	for width, want := range map[int]string{
		80: "  -o, --output FILE  write the report to FILE instead of standard output\n  --q                the answer\n",
		55: "  -o, --output FILE  write the report to FILE instead\n                     of standard output\n  --q                the answer\n",
		40: "  -o, --output FILE\n          write the report to FILE\n          instead of standard output\n  --q\n          the answer\n",
	} {
		var b strings.Builder
		writeColumns(&b, width, rows)
		if b.String() != want {
			t.Errorf("%d columns:\n%s", width, b.String())
		}
	}
}

// Each command of the page on monitoring has the flags that stand there, in the page and
// in the unit beside it.
func TestThePageOnMonitoringNamesFlagsThatThereAre(t *testing.T) {
	call := regexp.MustCompile(`sipdoctor ((?:check|pbx|serve|report|fixes) [^|;"'()\n]*)`)
	found := 0
	for _, file := range []string{"monitoring.md", "monitoring/sipdoctor-check.service", "monitoring/sipdoctor-agent.service"} {
		raw, err := os.ReadFile("../../docs/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(strings.ReplaceAll(string(raw), "\\\n", " "), "\n") {
			m := call.FindStringSubmatch(line)
			if m == nil || strings.Contains(line, "`") {
				continue
			}
			found++
			args := strings.Fields(strings.NewReplacer("$SIPDOCTOR_SERVE", "", "2>/dev/null", "").Replace(m[1]))
			var out, errs bytes.Buffer
			if status := run(t.Context(), append(args, "--help"), nil, &out, &errs); status != statusOK {
				t.Errorf("%s: %s: %s%s", file, m[1], &out, &errs)
			}
		}
	}
	if found < 12 {
		t.Errorf("%d commands were found", found)
	}
}
