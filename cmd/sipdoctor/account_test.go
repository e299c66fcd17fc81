package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The three ways to give a password that no other user of this machine can
// read; the fourth, a prompt, needs a terminal and is tested in labtest.
func TestWhereThePasswordComesFrom(t *testing.T) {
	const word = "pass word-with: blanks"
	file := func(content string) string {
		p := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		name, file, env, typed string
		want, fault            string // fault: words of the error
	}{
		{name: "a file", file: file(word), want: word},
		{name: "a file with a line end", file: file(word + "\n"), want: word},
		{name: "a file from Windows", file: file(word + "\r\nsecond line\r\n"), want: word},
		{name: "standard input", file: "-", typed: word + "\n", want: word},
		{name: "the environment", env: word, want: word},
		{name: "a file goes before the environment", file: file(word), env: "another", want: word},
		{name: "no terminal to ask on", typed: word + "\n", fault: "give --password-file, set SIPDOCTOR_PASSWORD, or run it on a terminal"},
		{name: "an empty file", file: file(""), fault: "is empty"},
		{name: "no such file", file: filepath.Join(t.TempDir(), "nothing"), fault: "reading --password-file"},
		{name: "a file that is no password", file: file(strings.Repeat("x", maxPassword+1)), fault: "reading --password-file"},
		{name: "a control character in it", file: file("pass\tword"), fault: "control character (at byte 5)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(passwordVar, c.env)
			var errs strings.Builder
			o := signallingOptions{account: "sip:100@PBX.example.net", passwordFile: c.file}
			a, err := o.readAccount(t.Context(), streams{In: strings.NewReader(c.typed), Out: &errs, Err: &errs})
			if c.fault != "" {
				if err == nil || !strings.Contains(err.Error(), c.fault) || !isUsage(err) {
					t.Errorf("%v, want a usage error with %q", err, c.fault)
				}
				if err != nil && strings.Contains(err.Error(), "pass") && strings.Contains(err.Error(), "word-with") {
					t.Errorf("the error shows the password: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if a.User != "100" || a.Domain != "pbx.example.net" || a.Password.Reveal() != c.want {
				t.Errorf("%s@%s with %q", a.User, a.Domain, a.Password.Reveal())
			}
			raw, err := json.Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			for _, shown := range []string{string(raw), fmt.Sprint(a), fmt.Sprintf("%+v %#v %s %q", a, *a, a.Password, a.Password), errs.String()} {
				if strings.Contains(shown, word) {
					t.Errorf("the password shows in %s", shown)
				}
			}
		})
	}
}

func isUsage(err error) bool {
	e, ok := errors.AsType[*messageError](err)
	return ok && e.usage
}

func TestAnAccountThatIsNone(t *testing.T) {
	for name, text := range map[string]string{
		"no domain": "100", "nothing before the sign": "@pbx.example.net", "a port": "100@pbx.example.net:5060",
		"a blank": "1 00@pbx.example.net", "a header": "100\r\nVia: x@pbx.example.net", "markup": "<100>@pbx.example.net",
	} {
		t.Run(name, func(t *testing.T) {
			o := signallingOptions{account: text}
			if err := o.validate(); err == nil || !isUsage(err) {
				t.Errorf("%q is taken (%v)", text, err)
			}
		})
	}
}
