package fail2ban

import (
	"bufio"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/sqlite"
	"github.com/sipdoctor/sipdoctor/netinfo/internal/sqlite/sqlitetest"
	"github.com/sipdoctor/sipdoctor/platform"
)

// writer bans one address by two jails at the same second, in one transaction,
// again and again, with other bans that come and go between them in the file. It
// sets SQLite up as fail2ban does, with little memory to go through all ways of
// writing, and ends when its input does.
const writer = `
import random, select, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
for p in ("synchronous = OFF", "journal_mode = MEMORY", "temp_store = MEMORY", "cache_size = 12"):
    db.execute("PRAGMA " + p)
n = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    n += 1
    db.execute("BEGIN")
    for jail in ("asterisk", "recidive"):
        db.execute("REPLACE INTO bips VALUES ('192.0.2.7', ?, ?, -1, 1, ?)", (jail, n, '{"failures": %d, "matches": ["%s"]}' % (n, "x" * random.randrange(9000))))
        for i in range(random.randrange(40)):
            ip = "10.0.%d.%d" % (random.randrange(8), random.randrange(256))
            db.execute("REPLACE INTO bips VALUES (?, 'asterisk', ?, -1, 1, ?)", (ip, n, "x" * random.randrange(3000)))
            db.execute("DELETE FROM bips WHERE ip = ?", ("10.0.%d.%d" % (random.randrange(8), random.randrange(256)),))
    db.execute("COMMIT")
    time.sleep(random.random() * 0.002)
    if n == 1:
        print("begun", flush=True)
`

// Whatever is written while the database is read: both bans are of the same
// second, or the database is not read.
func TestADatabaseThatIsWrittenTo(t *testing.T) {
	name := filepath.Join(t.TempDir(), "db")
	sqlitetest.Make(t, name, "CREATE TABLE bips(ip TEXT NOT NULL, jail TEXT NOT NULL, timeofban INTEGER NOT NULL, bantime INTEGER NOT NULL, bancount INTEGER NOT NULL default 1, data JSON, PRIMARY KEY(ip, jail))", "CREATE INDEX bips_ip ON bips(ip)")
	// It ends when its input does: the test's context would kill it before.
	cmd := exec.CommandContext(context.Background(), sqlitetest.Python(t), "-c", writer, name)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error("the writer:", err)
		}
	})
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal("the writer does not begin:", err)
	}
	var last error
	tried, read, seen := 0, 0, map[int64]bool{}
	for begin := time.Now(); len(seen) < 20 && time.Since(begin) < 10*time.Second; tried++ {
		out, err := readOnce(t.Context(), platform.ThisSystem(), name, prefixes("192.0.2.7", "10.0.0.0/16"), 1)
		switch {
		case errors.Is(err, sqlite.ErrBusy), errors.Is(err, sqlite.ErrDamaged), errors.Is(err, sqlite.ErrNotSQLite), errors.Is(err, errIndex):
			last = err
			continue
		case err != nil:
			t.Fatal(err)
		}
		read++
		var of []banRow
		for _, r := range out.rows {
			if r.id == "192.0.2.7" {
				of = append(of, r)
			}
		}
		if len(of) != 2 || of[0].since != of[1].since || of[0].failures != of[1].failures || int64(of[0].failures) != of[0].since {
			t.Fatalf("after %d right ones: %.300v", read, of)
		}
		seen[of[0].since] = true
	}
	if len(seen) < 5 {
		t.Errorf("%d of %d times read, %d different states, then %v: nothing was tried", read, tried, len(seen), last)
	}
	t.Logf("%d of %d times read, %d different states", read, tried, len(seen))
}
