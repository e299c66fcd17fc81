package fail2ban

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/sqlite/sqlitetest"
)

// The tables as fail2ban makes them (server/database.py of 1.0 and of 0.9).
const (
	tables10 = `CREATE TABLE bans(jail TEXT NOT NULL, ip TEXT, timeofban INTEGER NOT NULL, bantime INTEGER NOT NULL, bancount INTEGER NOT NULL default 1, data JSON);
CREATE INDEX bans_ip ON bans(ip);
CREATE TABLE bips(ip TEXT NOT NULL, jail TEXT NOT NULL, timeofban INTEGER NOT NULL, bantime INTEGER NOT NULL, bancount INTEGER NOT NULL default 1, data JSON, PRIMARY KEY(ip, jail));
CREATE INDEX bips_ip ON bips(ip);`
	tables09 = `CREATE TABLE bans(jail TEXT NOT NULL, ip TEXT, timeofban INTEGER NOT NULL, data JSON);
CREATE INDEX bans_ip ON bans(ip);`
)

// makeDB writes a database and returns its bytes and those of its write-ahead
// log.
func makeDB(t testing.TB, statements ...string) (db, wal []byte) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "db")
	var list []string
	for _, s := range statements {
		list = append(list, strings.Split(s, ";\n")...)
	}
	sqlitetest.Make(t, name, list...)
	db, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	wal, _ = os.ReadFile(name + "-wal")
	return db, wal
}

func withDB(db, wal []byte) *pbx {
	files := asteriskOnly("")
	files[defaultDatabase] = string(db)
	if wal != nil {
		files[defaultDatabase+"-wal"] = string(wal)
	}
	return newPBX(files)
}

func at(minutes float64) int64 {
	return testNow.Add(-time.Duration(minutes * float64(time.Minute))).Unix()
}

func TestBansOfTheDatabase(t *testing.T) {
	insert := func(ip, jail string, since, length int64, count int) string {
		line := strings.TrimSpace(failedAt(31, "110", "192.0.2.7"))
		return fmt.Sprintf(`INSERT INTO bips VALUES ('%s', '%s', %d, %d, %d, json('{"matches": ["%s", ["NOTICE[566]: chan_sip.c: Registration from ", "''<sip:111@pbx>'' failed for ''192.0.2.7'' - Wrong password"]], "failures": 5}'))`, ip, jail, since, length, count, strings.ReplaceAll(line, "'", "''"))
	}
	db, _ := makeDB(t, tables10, insert("192.0.2.7", "asterisk", at(30), 3600, 3), insert("192.0.2.7", "recidive", at(20), -1, 1), insert("192.0.2.7", "expired", at(100), 60, 1),
		insert("192.0.2.0/24", "asterisk", at(10), 3600, 1), insert("2001:db8::7", "asterisk", at(10), 3600, 1))
	s := Read(t.Context(), withDB(db, nil), Options{Addresses: prefixes("192.0.2.7", "2001:db8::/32", "198.51.100.1")})
	if s.Source != FromDatabase || s.Running {
		t.Errorf("source %q, notes %v", s.Source, s.Notes)
	}
	a := s.Addresses[0]
	if len(a.Holds) != 3 || !a.Recidive || a.HoldsTotal != 3 {
		t.Fatalf("%+v", a)
	}
	since, until := testNow.Add(-30*time.Minute), testNow.Add(30*time.Minute)
	for _, h := range a.Holds {
		switch {
		case h.Jail == "recidive" && (!h.Permanent || h.Until != nil || !h.Recidive), h.Relation == Covering && h.Banned != prefixes("192.0.2.0/24")[0]:
			t.Errorf("%+v", h)
		case h.Jail == "asterisk" && h.Relation == Exact:
			h.Matches = nil
			if diff := cmp.Diff(Hold{Jail: "asterisk", Banned: prefixes("192.0.2.7")[0], Relation: Exact, Since: &since, Until: &until, Count: 3, Failures: 5, Source: FromDatabase,
				Accounts: []Account{{"110", WrongPassword, 1, testNow.Add(-31 * time.Minute)}, {"111", WrongPassword, 1, since}}}, h, samePrefix); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	}
	if b := s.Addresses[1].Holds; len(b) != 1 || b[0].Relation != Covered {
		t.Errorf("a network: %+v", b)
	}
	if len(s.Addresses[2].Holds) > 0 {
		t.Errorf("a stranger: %+v", s.Addresses[2])
	}
}

// 0.9 and 0.10 have no table of the current bans and no length: the jail's is.
func TestTheDatabaseOfAnOldServer(t *testing.T) {
	db, _ := makeDB(t, tables09, fmt.Sprintf(`INSERT INTO bans VALUES ('asterisk', '192.0.2.7', %d, '{}'), ('asterisk', '192.0.2.7', %d, 'no JSON'), ('asterisk', '192.0.2.8', %d, NULL)`, at(300), at(30), at(90)))
	s := Read(t.Context(), withDB(db, nil), Options{Addresses: prefixes("192.0.2.7", "192.0.2.8")})
	if h := s.Addresses[0].Holds; len(h) != 1 || !h[0].Since.Equal(testNow.Add(-30*time.Minute)) || !h[0].Until.Equal(testNow.Add(30*time.Minute)) {
		t.Errorf("%+v, notes %v", h, s.Notes)
	}
	if h := s.Addresses[1].Holds; len(h) != 0 {
		t.Errorf("a ban of an hour that began 90 minutes ago: %+v", h)
	}
}

// 0.11 and later give the bans of an older database the length -2 until they set
// them again. It is the jail's, and not for good.
func TestADatabaseThatWasBroughtUpToDate(t *testing.T) {
	db, _ := makeDB(t, tables10, fmt.Sprintf(`INSERT INTO bips VALUES ('192.0.2.7', 'asterisk', %d, -2, 1, NULL), ('192.0.2.8', 'asterisk', %d, -2, 1, NULL)`, at(30), at(90)))
	s := Read(t.Context(), withDB(db, nil), Options{Addresses: prefixes("192.0.2.7", "192.0.2.8")})
	if h := s.Addresses[0].Holds; len(h) != 1 || h[0].Permanent || h[0].Until == nil || !h[0].Until.Equal(testNow.Add(30*time.Minute)) {
		t.Errorf("%+v, notes %v", h, s.Notes)
	}
	if h := s.Addresses[1].Holds; len(h) != 0 {
		t.Errorf("a ban of an hour that began 90 minutes ago: %+v", h)
	}
}

// fail2ban keeps its journal in memory. Where there is one beside the file,
// because an administrator's tool has switched it on, the file is not all of the
// database: what it says of an address is unknown.
func TestADatabaseWithAJournalBesideIt(t *testing.T) {
	row := fmt.Sprintf(`INSERT INTO bips VALUES ('192.0.2.7', 'asterisk', %d, 3600, 1, NULL)`, at(1))
	old, _ := makeDB(t, tables10, row)
	db, wal := makeDB(t, "PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0", tables10, row)
	if len(wal) == 0 {
		t.Fatal("no write-ahead log was made")
	}
	switchedOn, _ := makeDB(t, tables10, row, "PRAGMA journal_mode=WAL")
	for name, tt := range map[string]struct {
		db           []byte
		ending, text string
		want         int
		unknown      bool
	}{
		"bans in the log":                     {db, "-wal", string(wal), 0, true},
		"a journal, as a crash leaves it":     {old, "-journal", "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 0, true},
		"switched on, and all is in the file": {switchedOn, "-wal", "", 1, false},
		"a journal that is over":              {old, "-journal", "", 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := withDB(tt.db, nil)
			p.files[strings.TrimPrefix(defaultDatabase, "/")+tt.ending] = &fstest.MapFile{Data: []byte(tt.text)}
			s := Read(t.Context(), p, Options{Addresses: prefixes("192.0.2.7")})
			noted := slices.ContainsFunc(s.Notes, func(n Note) bool { return n.What == because("database") })
			if got := len(s.Addresses[0].Holds); got != tt.want || noted != tt.unknown || (s.Source == FromConfig) != tt.unknown {
				t.Errorf("%d bans, want %d; source %q, notes %v", got, tt.want, s.Source, s.Notes)
			}
		})
	}
}

func TestDamagedDatabases(t *testing.T) {
	row := fmt.Sprintf(`INSERT INTO bips VALUES ('192.0.2.7', 'asterisk', %d, 3600, 1, NULL)`, at(1))
	db, _ := makeDB(t, tables10, row)
	garbled := append([]byte{}, db...)
	for i := 4096; i < len(garbled); i++ {
		garbled[i] = 0xff
	}
	endless, _ := makeDB(t, `CREATE VIEW bips AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT n AS ip, 'x' AS jail, n AS timeofban, 1 AS bantime, 1 AS bancount, '' AS data FROM c WHERE n < 0`)
	empty, _ := makeDB(t, "CREATE TABLE x(a)")
	for name, db := range map[string][]byte{
		"empty file": {}, "not a database": []byte(strings.Repeat("x", 5000)), "cut short": db[:len(db)-4096-1], "only its end": db[4096:],
		"garbled": garbled, "a view without an end": endless, "no bans in it": empty,
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			s := Read(t.Context(), withDB(db, nil), Options{Addresses: prefixes("192.0.2.7")})
			found := false
			for _, n := range s.Notes {
				found = found || n.What == because("database")
			}
			if !found || len(s.Jails) != 1 || s.Source != FromConfig {
				t.Errorf("notes %v, source %q", s.Notes, s.Source)
			}
			if d := time.Since(begin); d > 3*databaseTime {
				t.Errorf("it took %v", d)
			}
		})
	}
}
