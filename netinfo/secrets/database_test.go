package secrets

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/sqlite/sqlitetest"
)

// bansOf makes a database as fail2ban does. One row is longer than many pages,
// so that secrets lie on the borders between them; another was deleted.
func bansOf(t testing.TB, name string) {
	t.Helper()
	list := []sqlitetest.Statement{{SQL: "CREATE TABLE bips(ip TEXT NOT NULL, jail TEXT NOT NULL, timeofban INTEGER NOT NULL, bantime INTEGER NOT NULL, data JSON, PRIMARY KEY(ip, jail))"}}
	for row, lines := range []int{1, 400, 3, 2, 40} {
		var matches []string
		for i := range lines {
			matches = append(matches, fmt.Sprintf(`"SECURITY[1] SecurityEvent=\"ChallengeResponseFailed\",AccountID=\"%d\",Challenge=\"SEKRET%d\",%sResponse=\"SEKRET%d\""`, 100+i, i, strings.Repeat(" ", i%37), i))
			matches = append(matches, fmt.Sprintf(`"GET /?password=SEKRET%d&ip=192.0.2.7\\n"`, i))
		}
		list = append(list, sqlitetest.Statement{SQL: "INSERT INTO bips VALUES (?, 'asterisk', 1, 3600, ?)", Args: []any{fmt.Sprintf("192.0.2.%d", row), `{"matches": [` + strings.Join(matches, ", ") + `], "failures": 5}`}})
	}
	list = append(list, sqlitetest.Statement{SQL: "DELETE FROM bips WHERE ip IN ('192.0.2.3', '192.0.2.4')"})
	sqlitetest.Run(t, name, list...)
}

// The log lines of bans go without their secrets, and the bans stay.
func TestTheDatabaseOfBansIsCleaned(t *testing.T) {
	name := filepath.Join(t.TempDir(), "fail2ban.sqlite3")
	bansOf(t, name)
	raw, err := os.ReadFile(name)
	if err != nil || !bytes.Contains(raw, []byte("SEKRET")) {
		t.Fatalf("no secret is in the database: %v", err)
	}
	cleaned := Remove("/var/lib/fail2ban/fail2ban.sqlite3", raw)
	if i := bytes.Index(cleaned, []byte("SEK")); i >= 0 || cleaned == nil {
		t.Fatalf("at %d there is still %q", i, cleaned[max(0, i-60):min(len(cleaned), i+60)])
	}
	other := filepath.Join(t.TempDir(), "cleaned")
	if err := os.WriteFile(other, cleaned, 0o600); err != nil {
		t.Fatal(err)
	}
	read := func(name, query string) string {
		return fmt.Sprint(sqlitetest.Run(t, name, sqlitetest.Statement{SQL: query})[0][0][0])
	}
	if got := read(other, "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("the cleaned database is damaged: %s", got)
	}
	for _, query := range []string{
		"SELECT group_concat(ip || jail || timeofban || bantime) FROM bips",
		"SELECT group_concat(length(data)) FROM bips",
		"SELECT group_concat(json_array_length(data, '$.matches')) FROM bips",
		"SELECT group_concat(substr(json_extract(data, '$.matches[0]'), 1, 70)) FROM bips",
	} {
		if want, got := read(name, query), read(other, query); want != got {
			t.Errorf("%s: %q became %q", query, want, got)
		}
	}
	if got := read(other, "SELECT json_extract(data, '$.matches[1]') FROM bips WHERE ip = '192.0.2.1'"); !strings.HasPrefix(got, "GET /?password=[remove&ip=192.0.2.7") {
		t.Errorf("a line became %q", got)
	}
}

func FuzzDatabase(f *testing.F) {
	name := filepath.Join(f.TempDir(), "db")
	bansOf(f, name)
	raw, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw[:4096])
	f.Fuzz(func(t *testing.T, data []byte) {
		data = append([]byte("SQLite format 3\x00"), data...)
		if out := Remove("/x.sqlite3", data); out != nil && len(out) != len(data) {
			t.Errorf("%d bytes became %d", len(data), len(out))
		}
	})
}
