package fail2ban

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/sqlite"
	"github.com/sipdoctor/sipdoctor/platform"
)

// databaseTries is how often the database is read until nothing was written to it
// meanwhile; databasePause is the time between: fail2ban writes for less than a
// millisecond.
const (
	databaseTries = 4
	databasePause = 5 * time.Millisecond
)

// readDatabase looks the asked addresses up. The database is read in place,
// without a lock, a copy or a temporary file.
func readDatabase(ctx context.Context, s platform.System, name string, asked []netip.Prefix, now int64) (out banRows, err error) {
	ctx, cancel := context.WithTimeout(ctx, databaseTime)
	defer cancel()
	for try := range databaseTries {
		if try > 0 {
			select {
			case <-time.After(databasePause):
			case <-ctx.Done():
				return banRows{}, fmt.Errorf("reading %s: %w", name, context.Cause(ctx))
			}
		}
		// A file looks damaged, too, while it is written to.
		out, err = readOnce(ctx, s, name, asked, now)
		if !slices.ContainsFunc([]error{sqlite.ErrBusy, sqlite.ErrDamaged, sqlite.ErrNotSQLite, errIndex}, func(e error) bool { return errors.Is(err, e) }) {
			break
		}
	}
	if err != nil {
		return banRows{}, fmt.Errorf("reading %s: %w", name, err)
	}
	return out, nil
}

// readOnce reads the database once.
func readOnce(ctx context.Context, s platform.System, name string, asked []netip.Prefix, now int64) (out banRows, err error) {
	f, err := s.Open(name)
	if err != nil {
		return out, err
	}
	defer f.Close()
	info, err := f.Stat()
	seeker, ok := f.(io.ReadSeeker)
	if err != nil || !ok {
		return out, errors.Join(err, sqlite.ErrNotSQLite)
	}
	file, err := sqlite.Open(seeker, info.Size())
	if err != nil {
		return out, err
	}
	before, err := file.Changes()
	if err != nil {
		return out, err
	}
	if err := noJournal(s, name); err != nil {
		return out, err
	}
	out, err = query(ctx, file, asked, now)
	after, cerr := file.Changes()
	if before != after {
		cerr = errors.Join(sqlite.ErrBusy, cerr)
	}
	return out, errors.Join(err, cerr)
}

// noJournal makes sure that the file is all of the database. fail2ban keeps its
// journal in memory. A log beside the file holds what is newer than the file,
// and a journal what a crash left half written: another SQLite made it.
func noJournal(s platform.System, name string) error {
	for _, ending := range []string{"-wal", "-journal"} {
		info, err := fs.Stat(s, name+ending)
		if errors.Is(err, platform.ErrPrivilege) {
			return err
		}
		if err == nil && info.Size() > 0 {
			return errJournal
		}
	}
	return nil
}

// bans is the table that is asked.
type bans struct {
	*sqlite.Table
	ctx   context.Context
	asked []netip.Prefix
	now   int64
}

// banned is one row that touches an asked address.
type banned struct {
	id     string
	prefix netip.Prefix
	row    int64
	over   bool
}

func query(ctx context.Context, file *sqlite.File, asked []netip.Prefix, now int64) (out banRows, err error) {
	b := bans{ctx: ctx, asked: asked, now: now}
	for _, table := range []string{"bips", "bans"} {
		b.Table, err = file.Table(ctx, table)
		if err == nil && b.Column("ip") >= 0 && b.Column("jail") >= 0 && b.Column("timeofban") >= 0 {
			return b.query()
		}
		if err != nil && !errors.Is(err, sqlite.ErrNoTable) {
			return out, err
		}
	}
	return out, errNoBans
}

func (b *bans) query() (out banRows, err error) {
	out.total = make([]int, len(b.asked))
	list, err := b.touching()
	if err != nil {
		return out, err
	}
	if err := b.markOver(list); err != nil {
		return out, err
	}
	list = b.keep(list, out.total)
	out.rows, err = b.details(list)
	return out, err
}
