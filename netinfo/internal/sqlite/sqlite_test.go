package sqlite

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/sqlite/sqlitetest"
)

const makeTable = `CREATE TABLE t(ip TEXT, number INTEGER, data JSON, PRIMARY KEY(ip, number), FOREIGN KEY(ip) REFERENCES x(y))`

// line is one row, as text.
type line struct {
	Row    int64
	IP     string
	Number int64
	Data   string
}

// readAll reads every row of t, by all numbers and by the numbers that the
// index or the rows give.
func readAll(ctx context.Context, data []byte) (all, found []line, err error) {
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, nil, err
	}
	table, err := f.Table(ctx, "t")
	if err != nil {
		return nil, nil, err
	}
	take := func(list *[]line) func(int64, *Row) error {
		return func(number int64, r *Row) error {
			l := line{Row: number}
			l.IP, _ = r.Text(table.Column("ip"))
			l.Number, _ = r.Number(table.Column("number"))
			l.Data, _ = r.Text(table.Column("data"))
			*list = append(*list, l)
			return nil
		}
	}
	if err := table.Rows(ctx, nil, take(&all)); err != nil {
		return nil, nil, err
	}
	numbers := map[int64]bool{}
	if err := table.Texts(ctx, "ip", func(_ string, n int64) error { numbers[n] = true; return nil }); err != nil {
		return nil, nil, err
	}
	sorted := []int64{}
	for _, l := range all {
		if numbers[l.Row] {
			sorted = append(sorted, l.Row)
		}
	}
	return all, found, table.Rows(ctx, sorted, take(&found))
}

// Databases of every size of page, with rows longer than many of them, numbers
// of every length, and holes where rows were deleted: SQLite lists the same.
func TestTheSameRowsAsSQLite(t *testing.T) {
	for i, before := range []string{
		"PRAGMA page_size=512", "PRAGMA page_size=1024", "PRAGMA page_size=4096", "PRAGMA page_size=65536", "PRAGMA auto_vacuum=FULL",
	} {
		for _, index := range []string{"CREATE INDEX t_ip ON t(ip)", "CREATE INDEX t_ip ON t(ip, data)"} {
			t.Run(before+", "+index, func(t *testing.T) {
				t.Parallel()
				name := filepath.Join(t.TempDir(), "db")
				random := rand.New(rand.NewPCG(uint64(i), 7))
				list := []sqlitetest.Statement{{SQL: before}, {SQL: makeTable}, {SQL: index}, {SQL: "BEGIN"}}
				for n := range 3000 {
					size := random.IntN(100)
					if n%50 == 0 {
						size = random.IntN(20000)
					}
					list = append(list, sqlitetest.Statement{SQL: "INSERT INTO t VALUES (?, ?, ?)", Args: []any{
						fmt.Sprintf("10.%d.%d.%d", random.IntN(256), n/256, n%256), random.Int64() >> random.IntN(64) * int64(1-2*random.IntN(2)), strings.Repeat("é", size) + "\n",
					}})
				}
				list = append(list, sqlitetest.Statement{SQL: "DELETE FROM t WHERE abs(number) % 3 = 1"}, sqlitetest.Statement{SQL: "UPDATE t SET data = CAST(data AS BLOB) WHERE number % 5 = 0"},
					sqlitetest.Statement{SQL: "COMMIT"}, sqlitetest.Statement{SQL: "SELECT rowid, ip, number, CAST(data AS TEXT) FROM t ORDER BY rowid"})
				answers := sqlitetest.Run(t, name, list...)
				var want []line
				for _, row := range answers[len(answers)-1] {
					l := line{IP: row[1].(string), Data: row[3].(string)}
					l.Row, _ = row[0].(json.Number).Int64()
					l.Number, _ = row[2].(json.Number).Int64()
					want = append(want, l)
				}
				data, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				all, found, err := readAll(t.Context(), data)
				if err != nil || len(want) < 1000 {
					t.Fatalf("%d rows, %v", len(want), err)
				}
				if diff := cmp.Diff(want, all); diff != "" {
					t.Errorf("all rows (-SQLite +read):\n%.2000s", diff)
				}
				if diff := cmp.Diff(want, found); diff != "" {
					t.Errorf("the rows of the index (-SQLite +read):\n%.2000s", diff)
				}
			})
		}
	}
}

// What is not understood is an error, not a table with less in it.
func TestWhatIsNotReadIsAnError(t *testing.T) {
	made := func(statements ...string) []byte {
		name := filepath.Join(t.TempDir(), strings.Map(func(c rune) rune {
			if c == '/' {
				return '_'
			}
			return c
		}, statements[0])[:8])
		sqlitetest.Make(t, name, statements...)
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	good := made(makeTable, "INSERT INTO t VALUES ('a', 1, 'b')")
	circle := bytes.Clone(good)
	root := circle[4096:] // page 2 becomes an interior page that leads to itself
	copy(root, []byte{tableInterior, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2})
	for name, tt := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":                     {nil, ErrNotSQLite},
		"a text":                      {[]byte(strings.Repeat("x", 5000)), ErrNotSQLite},
		"cut short":                   {good[:len(good)-4096], ErrNotSQLite},
		"cut in the header":           {good[:60], ErrNotSQLite},
		"a page that leads to itself": {circle, ErrDamaged},
		"UTF-16":                      {made("PRAGMA encoding='UTF-16'", makeTable), ErrForeign},
		"without numbers of rows":     {made("CREATE TABLE t(ip TEXT PRIMARY KEY) WITHOUT ROWID"), ErrDamaged},
		"names in quotes":             {made(`CREATE TABLE t("ip, x" TEXT)`), ErrForeign},
		"a view":                      {made("CREATE VIEW t AS SELECT 'a' AS ip"), ErrNoTable},
		"another table":               {made("CREATE TABLE u(ip TEXT)"), ErrNoTable},
		"a number that is a text":     {made(makeTable, "INSERT INTO t VALUES ('a', 'many', 'b')"), ErrForeign},
	} {
		t.Run(name, func(t *testing.T) {
			if all, _, err := readAll(t.Context(), tt.data); !errors.Is(err, tt.want) {
				t.Errorf("read as %v, %v; want %v", all, err, tt.want)
			}
		})
	}
	if _, _, err := readAll(t.Context(), good); err != nil {
		t.Errorf("the one that is not damaged: %v", err)
	}
}

// Whatever a file holds, reading it ends, soon and without a row that it cannot
// hold.
func FuzzFile(f *testing.F) {
	rows, err := os.ReadFile("testdata/rows.sqlite3")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(rows, uint16(0), byte('S'))
	f.Add(rows, uint16(512), byte(indexInterior))
	f.Add(small(), uint16(0), byte('S'))
	f.Add(small(), uint16(512+12), byte(3))
	f.Fuzz(func(t *testing.T, data []byte, at uint16, value byte) {
		if int(at) < len(data) {
			data[at] = value
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		all, _, err := readAll(ctx, data)
		if errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d bytes are read for a second", len(data))
		}
		for _, l := range all {
			if len(l.IP) > len(data) || len(l.Data) > len(data) {
				t.Errorf("a row is longer than the file: %+v", l)
			}
		}
	})
}

// small is a database of two pages of 512 bytes with one row, by hand.
func small() []byte {
	const size = 512
	b := make([]byte, 2*size)
	copy(b, "SQLite format 3\x00\x02\x00\x01\x01\x00\x40\x20\x20")
	binary.BigEndian.PutUint32(b[28:], 2)
	binary.BigEndian.PutUint32(b[56:], 1)
	leaf := func(page, header int, record []byte) {
		cell := append([]byte{byte(len(record)), 1}, record...)
		at := size - len(cell)
		copy(b[page*size+at:], cell)
		copy(b[page*size+header:], []byte{tableLeaf, 0, 0, 0, 1, byte(at >> 8), byte(at), 0, byte(at >> 8), byte(at)})
	}
	sql := "CREATE TABLE t(ip TEXT, number INTEGER, data JSON)"
	leaf(0, 100, append([]byte{7, 13 + 2*5, 15, 15, 1, 0x80, byte(13 + 2*len(sql))}, "tablett\x02"+sql...))
	leaf(1, 0, append([]byte{4, 13 + 2*3, 1, 15}, "a.b\x07c"...))
	return b
}

func TestTheSmallestFile(t *testing.T) {
	all, found, err := readAll(t.Context(), small())
	want := []line{{Row: 1, IP: "a.b", Number: 7, Data: "c"}}
	if diff := cmp.Diff([][]line{want, want}, [][]line{all, found}); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}
