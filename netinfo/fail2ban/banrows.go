package fail2ban

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
	"github.com/sipdoctor/sipdoctor/netinfo/internal/sqlite"
)

// errIndex: an entry of the index leads to another row. A file that is written
// meanwhile looks like that for a moment.
var errIndex = problem(because("database-index"))

// touching lists the rows that touch an asked address, by their addresses.
func (b *bans) touching() (list []banned, err error) {
	err = b.Texts(b.ctx, "ip", func(id string, row int64) error {
		p, ok := nets.Parse(id)
		if ok && slices.ContainsFunc(b.asked, func(a netip.Prefix) bool { return nets.Relation(p, a) != "" }) {
			list = append(list, banned{id: id, prefix: p, row: row})
		}
		return nil
	})
	slices.SortStableFunc(list, func(x, y banned) int { return cmp.Compare(x.id, y.id) })
	return list, err
}

// rows gives the rows of a list.
func (b *bans) rows(list []banned, yield func(*banned, *sqlite.Row)) error {
	byRow := make([]*banned, len(list))
	for i := range list {
		byRow[i] = &list[i]
	}
	slices.SortFunc(byRow, func(x, y *banned) int { return cmp.Compare(x.row, y.row) })
	numbers := make([]int64, len(list))
	for i, x := range byRow {
		if numbers[i] = x.row; i > 0 && x.row == numbers[i-1] {
			return errIndex
		}
	}
	ip := b.Column("ip")
	return b.Rows(b.ctx, numbers, func(_ int64, r *sqlite.Row) error {
		x := byRow[0]
		byRow = byRow[1:]
		if id, _ := r.Text(ip); id != x.id {
			return errIndex
		}
		yield(x, r)
		return nil
	})
}

// markOver marks the bans that are over where a network is asked for, which may
// have many. Of single addresses the few rows are looked at one by one, later.
func (b *bans) markOver(list []banned) error {
	length := b.Column("bantime")
	if length < 0 || !slices.ContainsFunc(b.asked, func(p netip.Prefix) bool { return !p.IsSingleIP() }) {
		return nil
	}
	return b.rows(list, func(x *banned, r *sqlite.Row) {
		since, _ := r.Number(b.Column("timeofban"))
		seconds, known := r.Number(length)
		x.over = !known || seconds >= 0 && since <= b.now-seconds
	})
}

// keep counts the banned addresses that touch each asked one and leaves the
// rows of as many as a report holds.
func (b *bans) keep(list []banned, total []int) (kept []banned) {
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].id == list[0].id {
			n++
		}
		same := list[:n]
		list = list[n:]
		if !slices.ContainsFunc(same, func(x banned) bool { return !x.over }) {
			continue
		}
		wanted := false
		for i, a := range b.asked {
			if nets.Relation(same[0].prefix, a) != "" {
				total[i]++
				wanted = wanted || total[i] <= maxHolds
			}
		}
		if wanted {
			kept = append(kept, same...)
		}
	}
	return kept
}

// details reads the rows of a list: of several bans of an address by one jail
// the newest.
func (b *bans) details(list []banned) (out []banRow, err error) {
	err = b.rows(list, func(x *banned, r *sqlite.Row) {
		row := b.detail(r)
		row.id, row.prefix = x.id, x.prefix
		i := slices.IndexFunc(out, func(o banRow) bool { return o.id == row.id && o.jail == row.jail })
		switch {
		case i < 0:
			out = append(out, row)
		case out[i].since < row.since:
			out[i] = row
		}
	})
	slices.SortStableFunc(out, func(x, y banRow) int { return cmp.Compare(x.id, y.id) })
	return out, err
}

// detail reads one row.
func (b *bans) detail(r *sqlite.Row) (row banRow) {
	row.jail, _ = r.Text(b.Column("jail"))
	row.since, _ = r.Number(b.Column("timeofban"))
	length, known := r.Number(b.Column("bantime"))
	const notYetKnown = -2 // of bans from before the database was brought up to 0.11
	row.length, row.lengthUnknown = length, !known || length == notYetKnown
	count, _ := r.Number(b.Column("bancount"))
	data, _ := r.Text(b.Column("data"))
	row.count = int(count)
	row.matches, row.failures = parseBanData([]byte(data))
	return row
}
