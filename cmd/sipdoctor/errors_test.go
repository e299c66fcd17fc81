package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// verb is one of package fmt's.
var verb = regexp.MustCompile(`%[+#.0-9]*[a-zA-Z]`)

// sample is an error's format with something for each value.
func sample(format string) string {
	return verb.ReplaceAllStringFunc(format, func(v string) string {
		switch v[len(v)-1] {
		case 'q':
			return `"x"`
		case 'd', 'o', 'x':
			return "7"
		case 'w':
			return "interrupted"
		}
		return "x"
	})
}

// lists are of keys and values, as they are typed, commands, and the first part of a place.
var lists = regexp.MustCompile(`[a-z:_]+(, [a-z:_]+)+( и [a-z]+)?|«sipdoctor [a-z ]+»|(nft|ip) -j [a-z ]+|modprobe nf_nat_sip|/export file=NAME|«metrics on TCP»`)

// quoting are the calls that make an error's text of a format.
var quoting = []string{"Errorf", "New", "must", "add", "refuse", "refuseBusy", "refusal", "logf", "note", "Impossible"}

// twoWords are more than a name.
var twoWords = regexp.MustCompile(`\b[a-z]{2,}[,:;]? [a-z]{2,}\b`)

// inHouse are files whose errors are mistakes in the program or in what is
// embedded in it, and those whose "errors" are commands or are put into others.
var inHouse = []string{
	"/check.go", "/limited.go", "/checktest/", "fixes/catalogue.go", "/recognise.go", "/sipcodes.go", "lab/plan.go",
	"asterisk/lists.go", "fail2ban/pickle.go", "netinfo/mndp.go", "netinfo/portmap.go", "lab/enter_linux.go",
}

// Every error that comes to a screen has its line in platform/words/error.yaml.
func TestEveryErrorIsInRussian(t *testing.T) {
	found := 0
	for _, pattern := range []string{
		"*.go", "../../netinfo/*.go", "../../netinfo/*/*.go", "../../fixes/*.go", "../../platform/command/*.go", "../../platform/lab/*.go",
		"../../checks/*.go", "../../checks/*/*.go", "../../checks/internal/session/*.go", "../../checks/internal/probe/*.go", "../../platform/*.go",
		"../../platform/mikrotik/*.go", "../../netinfo/routeros/live/*.go",
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || slices.ContainsFunc(inHouse, func(s string) bool { return strings.Contains(file, s) }) {
				continue
			}
			for _, format := range formatsIn(t, file) {
				found++
				got, err := book().Show(words.Russian, words.Cause(sample(format)))
				if err != nil || strings.Contains(format, " ") && twoWords.MatchString(lists.ReplaceAllString(got, "")) {
					t.Errorf("%s: %q in Russian: %s (%v)", file, format, got, err)
				}
			}
		}
	}
	if found < 200 {
		t.Errorf("only %d errors were found", found)
	}
}

// formatsIn are the formats of errors in a file.
func formatsIn(t *testing.T, file string) (list []string) {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		name := ""
		switch f := call.Fun.(type) {
		case *ast.SelectorExpr:
			name = f.Sel.Name
		case *ast.Ident:
			name = f.Name
		}
		if !slices.Contains(quoting, name) {
			return true
		}
		for i, arg := range call.Args {
			if text, ok := literalOf(arg); ok && (name != "must" || i == 2) && len(text) > 4 {
				list = append(list, text)
			}
		}
		return true
	})
	return list
}

// literalOf is a string in the source, put together where it is in pieces.
func literalOf(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		a, ok1 := literalOf(e.X)
		b, ok2 := literalOf(e.Y)
		return a + b, ok1 && ok2
	}
	return "", false
}

// What is wrong with a file is said in the user's language, and in no other.
func TestFilesWithMistakesInBothLanguages(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"cut.json": `{"schema": "sipdoctor.report/1", "results": [`, "other.json": `{"schema": "other/9"}`, "text.json": "hello", "empty.json": "",
		"list.json": `{"schema": "sipdoctor.report/1", "results": 5}`, "broken.tar.gz": "not a tar archive", "empty.yaml": "", "twice.yaml": "a: 1\n---\nb: 2\n",
		"bad.yaml": "name: Bad\ntitle: \"\"\nkind: shop\nsip: [{host: \"a b\", port: 70000, transport: pigeon}]\nstun: [x]\nsubnets: [{cidr: 10.0.0.1/8}, {cidr: x, use: any}]\n" +
			"ports: [{protocol: icmp, ports: [9-1], use: media}]\nrtp: [{}]\nserves: [{countries: [Russia]}]\nconflicts: [{about: weather}]\nnotes: [{en: one}]\ncodecs: [\"a b\"]\nchecked: today\nwhat: x\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for _, line := range []string{
		"report cut.json", "report other.json", "report text.json", "report empty.json", "report list.json", "report --rejudge nowhere.json", "report .",
		"fix cut.json", "fix empty.json", "why 192.0.2.1 --root broken.tar.gz", "why 192.0.2.1 --root nowhere", "pbx --root empty.json",
		"check --profile ./empty.yaml", "check --profile ./twice.yaml", "check --profile ./bad.yaml", "check --profile ./nowhere.yaml",
		"profiles lint empty.yaml", "profiles lint twice.yaml", "profiles lint bad.yaml", "profiles lint nowhere.yaml", "profiles ./bad.yaml",
		"serve --tls-cert nowhere.pem --tls-key nowhere.key", "serve --tls-cert text.json --tls-key text.json",
	} {
		for lang, wrong := range map[words.Lang]*regexp.Regexp{words.Russian: english, words.English: cyrillic} {
			var out, errs bytes.Buffer
			args := append([]string{"--lang=" + string(lang)}, strings.Fields(line)...)
			status := run(t.Context(), args, strings.NewReader(""), &out, &errs)
			said := out.String() + errs.String()
			if status != statusUsage || said == "" || wrong.MatchString(lists.ReplaceAllString(names.ReplaceAllString(said, ""), "")) {
				t.Errorf("%s in %s: status %d\n%s", line, lang, status, said)
			}
		}
	}
}
