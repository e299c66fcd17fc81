package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// manPages are the pages of a language, in a folder of their own.
func manPages(t *testing.T, l words.Lang) string {
	t.Helper()
	dir := t.TempDir()
	var out bytes.Buffer
	if status := run(t.Context(), []string{"--lang", string(l), "man", dir, "--date", "2026-11-29"}, nil, &out, &out); status != statusOK {
		t.Fatalf("status %d: %s", status, out.String())
	}
	return dir
}

// Every command that the help shows has a page, with every one of its flags, in
// both languages.
func TestEveryCommandHasAManualPage(t *testing.T) {
	for _, l := range words.Languages() {
		dir := manPages(t, l)
		for _, cmd := range tree(l) {
			if !cmd.IsAvailableCommand() && cmd.Name() != "help" {
				continue
			}
			raw, err := os.ReadFile(filepath.Join(dir, pageName(cmd)+".1"))
			if err != nil {
				t.Error(err)
				continue
			}
			for _, row := range (streams{Lang: l}).flagRows(cmd.LocalFlags()) {
				if want := `\fB` + roffEscape(strings.TrimSpace(row[0])) + `\fR`; !strings.Contains(string(raw), want) {
					t.Errorf("%s: the page of %s lacks %s", l, cmd.CommandPath(), row[0])
				}
			}
		}
	}
}

// A page shows what the help says: nothing of it is a request to troff, or reads
// otherwise in a terminal.
func TestTextOfAManualPageIsNoRequest(t *testing.T) {
	var p page
	p.prose("One.\n\n.so /etc/passwd\n\n  sipdoctor why 'a' \\(co --quiet\n\nIt's `so`.")
	want := "One.\n.PP\n\\&.so /etc/passwd\n.PP\n.nf\n  sipdoctor why \\(aqa\\(aq \\e(co \\-\\-quiet\n.fi\n.PP\nIt\\(aqs \\(gaso\\(ga.\n"
	if p.String() != want {
		t.Errorf("the page is\n%s\nwant\n%s", p.String(), want)
	}
}

func TestMandocFindsNothingWrongWithTheManualPages(t *testing.T) {
	if _, err := exec.LookPath("mandoc"); err != nil {
		if os.Getenv("SIPDOCTOR_LAB") == "require" {
			t.Fatal(err)
		}
		t.Skip("mandoc is not installed")
	}
	for _, l := range words.Languages() {
		pages, _ := filepath.Glob(filepath.Join(manPages(t, l), "*.1"))
		// A source line may be as long as its paragraph.
		out, _ := exec.Command("mandoc", append([]string{"-T", "lint", "-W", "warning"}, pages...)...).CombinedOutput()
		if len(out) > 0 {
			t.Errorf("%s: %s", l, out)
		}
	}
}
