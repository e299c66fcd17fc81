// Package sqlitetest makes databases with SQLite itself, by way of Python, in
// which fail2ban is written. It is the referee of what this program reads.
package sqlitetest

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// Statement is a statement of SQL with what its question marks stand for.
type Statement struct {
	SQL  string
	Args []any
}

// script answers each statement with its rows. It ends as in a crash: what is
// in a journal stays there.
const script = `
import json, os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
print(json.dumps([db.execute(s["SQL"], s["Args"] or []).fetchall() for s in json.load(sys.stdin)]), flush=True)
os._exit(0)
`

// Python is the program. Without it the test is skipped, or fails where the lab
// is required.
func Python(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("SIPDOCTOR_LAB") == "require" {
		t.Fatal("SQLite is asked through Python, which is not installed")
	}
	t.Skip("SQLite is asked through Python, which is not installed")
	return ""
}

// Run gives the statements to the database in a file and returns the rows of
// each.
func Run(t testing.TB, name string, statements ...Statement) (rows [][][]any) {
	t.Helper()
	in, err := json.Marshal(statements)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), Python(t), "-c", script, name)
	cmd.Stdin = bytes.NewReader(in)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("SQLite: %v", err)
	}
	d := json.NewDecoder(bytes.NewReader(out))
	d.UseNumber()
	if err := d.Decode(&rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

// Make makes a database in a file.
func Make(t testing.TB, name string, statements ...string) {
	t.Helper()
	list := make([]Statement, len(statements))
	for i, s := range statements {
		list[i].SQL = s
	}
	Run(t, name, list...)
}
