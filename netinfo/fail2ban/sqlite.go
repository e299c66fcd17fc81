//go:build !mips && !mipsle && !mips64 && !mips64le

package fail2ban

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"

	_ "modernc.org/sqlite" // the driver "sqlite"
	"modernc.org/sqlite/vfs"

	"github.com/sipdoctor/sipdoctor/platform"
)

// readDatabase looks the asked addresses up. fail2ban may write meanwhile: then
// it is read again, twice at most.
func readDatabase(ctx context.Context, s platform.System, name string, asked []netip.Prefix, now int64) (banRows, error) {
	ctx, cancel := context.WithTimeout(ctx, databaseTime)
	defer cancel()
	err := errBusyDB
	for range 3 {
		var out banRows
		var same bool
		if out, same, err = readOnce(ctx, s, name, asked, now); same {
			if err != nil {
				err = fmt.Errorf("reading %s: %w", name, err)
			}
			return out, err
		}
		err = errors.Join(errBusyDB, err)
	}
	return banRows{}, fmt.Errorf("reading %s: %w", name, err)
}

// readOnce reads the database; same reports that it did not change meanwhile.
func readOnce(ctx context.Context, s platform.System, name string, asked []netip.Prefix, now int64) (out banRows, same bool, err error) {
	f, err := s.Open(name)
	if err != nil {
		return out, true, err
	}
	defer f.Close()
	wal, err := platform.ReadSystemFile(s, name+"-wal", maxWAL)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return out, true, err
	}
	file, err := overlay(f, wal)
	if err != nil {
		return out, true, err
	}
	before, err := file.changes()
	if err != nil {
		return out, true, err
	}
	out, err = query(ctx, file, asked, now)
	after, cerr := file.changes()
	return out, cerr == nil && before == after, errors.Join(err, cerr)
}

func query(ctx context.Context, file fs.FS, asked []netip.Prefix, now int64) (out banRows, err error) {
	name, system, err := vfs.New(file)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, system.Close()) }()
	db, err := sql.Open("sqlite", "file:"+databaseName+"?vfs="+name+"&mode=ro&immutable=1&_pragma=trusted_schema(0)&_pragma=cell_size_check(1)")
	if err != nil {
		return out, err
	}
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	table, columns, err := banTable(ctx, db)
	if err != nil {
		return out, err
	}
	out.old = table == "bans"
	out.total = make([]int, len(asked))
	wanted, err := findBans(ctx, db, table, columns, asked, now, out.total)
	if err != nil {
		return out, err
	}
	for _, w := range wanted {
		rows, err := banDetails(ctx, db, table, columns, w.id, w.prefix)
		if err != nil {
			return out, err
		}
		out.rows = append(out.rows, rows...)
	}
	return out, nil
}

// banTable finds the table of the bans and which columns it has.
func banTable(ctx context.Context, db *sql.DB) (table string, columns []string, err error) {
	for _, table = range []string{"bips", "bans"} {
		rows, err := db.QueryContext(ctx, "SELECT name FROM pragma_table_info(?)", table)
		if err != nil {
			return "", nil, err
		}
		for rows.Next() {
			var c string
			if err := rows.Scan(&c); err != nil {
				return "", nil, errors.Join(err, rows.Close())
			}
			columns = append(columns, c)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return "", nil, err
		}
		if slices.Contains(columns, "ip") && slices.Contains(columns, "timeofban") {
			return table, columns, nil
		}
		columns = nil
	}
	return "", nil, errors.New("no table of bans in it")
}

type found struct {
	id     string
	prefix netip.Prefix
}

// findBans lists the banned addresses that touch the asked ones, at most
// maxHolds for each. An address is looked up by the index; whole networks,
// banned or asked for, need a pass over the index.
func findBans(ctx context.Context, db *sql.DB, table string, columns []string, asked []netip.Prefix, now int64, total []int) (list []found, err error) {
	where, args, all := "instr(ip, '/') > 0", []any{}, false
	for _, p := range asked {
		if all = all || !p.IsSingleIP(); all {
			where, args = "1", nil
			break
		}
		where += " OR ip = ?"
		args = append(args, p.Addr().String())
	}
	alive := "" // of single addresses the rows are looked at one by one
	if all && slices.Contains(columns, "bantime") {
		alive = fmt.Sprintf(" AND (bantime < 0 OR timeofban + bantime > %d)", now)
	}
	rows, err := db.QueryContext(ctx, "SELECT DISTINCT ip FROM "+table+" WHERE ("+where+")"+alive, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		p, ok := parsePrefix(id)
		keep := false
		for i, a := range asked {
			if ok && relation(p, a) != "" {
				total[i]++
				keep = keep || total[i] <= maxHolds
			}
		}
		if keep {
			list = append(list, found{id, p})
		}
	}
	return list, rows.Err()
}

// banDetails reads the rows of one banned address.
func banDetails(ctx context.Context, db *sql.DB, table string, columns []string, id string, p netip.Prefix) (list []banRow, err error) {
	length, count := "NULL", "0"
	if slices.Contains(columns, "bantime") {
		length = "bantime"
	}
	if slices.Contains(columns, "bancount") {
		count = "bancount"
	}
	q := "SELECT jail, timeofban, " + length + ", " + count + ", data FROM " + table + " WHERE ip = ?"
	if table == "bans" {
		q += " ORDER BY timeofban DESC LIMIT 50" // the newest of each jail counts
	}
	rows, err := db.QueryContext(ctx, q, id)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r := banRow{id: id, prefix: p, currentlyClaimed: table == "bips"}
		var seconds sql.NullInt64
		var data []byte
		if err := rows.Scan(&r.jail, &r.since, &seconds, &r.count, &data); err != nil {
			return nil, err
		}
		r.length, r.lengthUnknown = seconds.Int64, !seconds.Valid
		if !r.lengthUnknown && r.length >= 0 {
			r.until = r.since + r.length
		}
		if slices.ContainsFunc(list, func(x banRow) bool { return x.jail == r.jail }) {
			continue
		}
		r.matches, r.failures = parseBanData(data)
		list = append(list, r)
	}
	return list, rows.Err()
}
