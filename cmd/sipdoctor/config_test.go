package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// with runs a command line with a configuration file.
func with(t *testing.T, config string, l words.Lang, args ...string) (status int, out, errs string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sipdoctor.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var o, e bytes.Buffer
	status = streams{In: strings.NewReader(""), Out: &o, Err: &e, Lang: l, Config: file}.run(t.Context(), args)
	return status, o.String(), strings.ReplaceAll(e.String(), file, "FILE")
}

// What is wrong in the file is said with its line, whichever command is typed.
func TestMistakesOfTheConfigurationFile(t *testing.T) {
	for config, want := range map[string]string{
		"lang: en\nresponser: vps.example.net\n":      `FILE:2: no command has the flag "responser", did you mean "responder"`,
		"chek: {fast: true}\n":                        `FILE:1: there is no command "chek", did you mean "check"`,
		"chek: {}\n":                                  `FILE:1: there is no command "chek", did you mean "check"`,
		"check:\n  fast: true\n  responder-key: x\n":  `FILE:3: check has no flag of its own called "responder-key"`,
		"check: {lang: ru}\n":                         `FILE:1: check has no flag of its own called "lang"`,
		"check: true\n":                               `FILE:1: flags are expected here`,
		"- check\n":                                   `FILE:1: flags are expected here`,
		"? [responder]\n: x\n":                        `FILE:1: flags are expected here`,
		"lang: en\n\"\": x\n":                         `FILE:2: flags are expected here`,
		"just words\n":                                `FILE:1: flags are expected here`,
		"check: {fast: maybe}\n":                      `FILE:1: fast takes true or false`,
		"check: {fast: \"true\"}\n":                   `FILE:1: fast takes true or false`,
		"responder: true\n":                           `FILE:1: responder takes text; put it in quotes`,
		"rate: quick\n":                               `FILE:1: rate takes a number`,
		"timeout: soon\n":                             `FILE:1: timeout takes a duration`,
		"ladder: [30, x]\n":                           `FILE:1: ladder takes a list of numbers`,
		"responder: [a, b]\n":                         `FILE:1: responder takes one value, not a list`,
		"responder:\n":                                `FILE:1: "responder" needs a value`,
		"label: [[a=b]]\n":                            `FILE:1: "label" needs a value`,
		"check: {label: {a: b}}\n":                    `FILE:1: "label" needs a value`,
		"rate: 5\nrate: 6\n":                          `FILE:2: "rate" stands here for the second time`,
		"fix: {apply: true}\n":                        `FILE:1: --apply decides what one run does`,
		"yes: true\n":                                 `FILE:1: --yes decides what one run does`,
		"router: {undo: true}\n":                      `FILE:1: --undo decides what one run does`,
		"on: root@pbx.example.net\n":                  `FILE:1: on stands below the command that it is for`,
		"password-file: /root/word\n":                 `FILE:1: password-file stands below`,
		"fix: {on: root@pbx.example.net}\n":           `FILE:1: on stands below`,
		"router: {on: root@pbx.example.net}\n":        `FILE:1: on stands below`,
		"again: true\n":                               `FILE:1: --again decides`,
		"config: other.yaml\n":                        `FILE:1: --config decides`,
		"check:\n  account: a@b\n  password: hunter2": `FILE:3: "password": no password belongs into this file`,
		"lang: en\n---\nlang: ru\n":                   `one YAML document`,
		"label: &a [x=y]\ncheck: {label: *a}\n":       `"label" needs a value`,
		"lang: [\n":                                   `yaml: line`,
		"\x00\x01":                                    `yaml: `,
		strings.Repeat("# long\n", 10_000):            `larger than 65536 bytes`,
	} {
		for _, l := range words.Languages() {
			status, out, errs := with(t, config, l, "explain", "403")
			if status != statusUsage || out != "" || strings.Count(errs, "\n") != 1 || strings.Contains(errs, "hunter2") {
				t.Errorf("%q: status %d\n%s%s", config, status, out, errs)
			}
			if l == words.English && !strings.Contains(errs, want) {
				t.Errorf("%q: %s, want %s", config, errs, want)
			}
			if l == words.Russian && !strings.Contains(config, "lang: en") && !cyrillic.MatchString(errs) {
				t.Errorf("%q in Russian: %s", config, errs)
			}
		}
	}
}

// An empty file and one of comments only are none; what a command lacks is left out.
func TestWhatTheConfigurationFileMayHold(t *testing.T) {
	for _, config := range []string{"", "# nothing yet\n", "---\n", "null\n", "responder: vps.example.net\nlisten: [127.0.0.1]\n", "why: {on: root@pbx.example.net, identity: id}\nrouter: {identity: id}\ncheck: {password-file: word}\n", "\ufefflang: en\n"} {
		if status, out, errs := with(t, config, "", "explain", "403"); status != statusOK || errs != "" || !strings.Contains(out, "403") {
			t.Errorf("%q: status %d\n%s%s", config, status, out, errs)
		}
	}
	// The section of a command is for that command, also where another has the flag.
	if status, _, errs := with(t, "checks: {format: json}\n", "", "explain", "403"); status != statusOK {
		t.Error(errs)
	}
	_, out, _ := with(t, "format: text\nchecks: {format: json}\n", "", "checks")
	if !strings.HasPrefix(out, "[") {
		t.Errorf("the command's own section: %.40s", out)
	}
	_, out, _ = with(t, "checks: {format: json}\nformat: text\n", "", "checks")
	if !strings.HasPrefix(out, "[") {
		t.Errorf("the same the other way round: %.40s", out)
	}
}

// A value is no flag of its own, and nothing that a terminal obeys.
func TestHostileConfigurationFile(t *testing.T) {
	for _, config := range []string{
		"responder: \"--format=json\"\n", "\"\\e[2Jx\": 1\n", "lang: \"\\e[31m\"\n", "check: {profile: \"../../etc/passwd\"}\n",
	} {
		status, out, errs := with(t, config, "", "check", "dns", "--no-public", "--bind", "127.0.0.1")
		if status != statusUsage || regexp.MustCompile("\x1b").MatchString(out+errs) {
			t.Errorf("%q: status %d\n%q%q", config, status, out, errs)
		}
	}
}
