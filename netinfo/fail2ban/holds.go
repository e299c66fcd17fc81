package fail2ban

import (
	"context"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
	"github.com/sipdoctor/sipdoctor/platform"
)

// addresses puts together what server and database say of each address.
func (r *reader) addresses(ctx context.Context) {
	for i, asked := range r.o.Addresses {
		a := Address{Asked: asked}
		if r.state.Running {
			r.holdsOfServer(&a)
		} else if r.hasDB {
			r.holdsOfDatabase(&a, r.rows.total[i])
		}
		for k := range r.state.Jails {
			j := &r.state.Jails[k]
			if j.Running && ignores(j, asked) {
				a.IgnoredBy = append(a.IgnoredBy, j.Name)
			}
		}
		r.state.Addresses = append(r.state.Addresses, a)
	}
	r.times(ctx)
	for i := range r.state.Addresses {
		for k := range r.state.Addresses[i].Holds {
			h := &r.state.Addresses[i].Holds[k]
			h.Recidive = isRecidive(r.find(h.Jail))
			r.state.Addresses[i].Recidive = r.state.Addresses[i].Recidive || h.Recidive
		}
	}
}

// ignores tells whether a jail's ignoreip covers all of an address. Names in it
// are not looked up.
func ignores(j *Jail, p netip.Prefix) bool {
	return slices.ContainsFunc(j.IgnoreIP, func(s string) bool {
		q, ok := nets.Parse(s)
		return ok && q.Bits() <= p.Bits() && q.Overlaps(p)
	})
}

// holdsOfServer lists the bans that the server has, with what the database
// knows of them.
func (r *reader) holdsOfServer(a *Address) {
	for i := range r.state.Jails {
		name := r.state.Jails[i].Name
		for _, id := range r.bans[name] {
			p, ok := nets.Parse(id)
			rel := ""
			if ok {
				rel = nets.Relation(p, a.Asked)
			}
			if rel == "" {
				continue
			}
			if a.HoldsTotal++; len(a.Holds) >= maxHolds {
				continue
			}
			h := Hold{Jail: name, Banned: p, Relation: rel, Source: r.state.Source}
			for k := range r.rows.rows {
				if row := &r.rows.rows[k]; row.jail == name && row.prefix == p {
					r.fromRow(&h, row)
				}
			}
			a.Holds = append(a.Holds, h)
		}
	}
}

// holdsOfDatabase lists the bans that the database has, where no server says.
func (r *reader) holdsOfDatabase(a *Address, total int) {
	now := r.state.Read
	for k := range r.rows.rows {
		row := &r.rows.rows[k]
		rel := nets.Relation(row.prefix, a.Asked)
		if rel == "" || len(a.Holds) >= maxHolds {
			continue
		}
		h := Hold{Jail: row.jail, Banned: row.prefix, Relation: rel, Source: FromDatabase}
		r.fromRow(&h, row)
		if h.Permanent || h.Until == nil || h.Until.After(now) {
			a.Holds = append(a.Holds, h)
		}
	}
	if a.HoldsTotal = len(a.Holds); a.HoldsTotal == maxHolds {
		a.HoldsTotal = max(total, maxHolds)
	}
}

// fromRow fills in since, until, count, matches and who failed in them. The old schema has no
// length: it is the jail's.
func (r *reader) fromRow(h *Hold, row *banRow) {
	since := platform.UnixTime(row.since).In(r.zone)
	if !since.IsZero() {
		h.Since = &since
	}
	length := row.length
	if row.lengthUnknown {
		length = r.find(h.Jail).BanTime
	}
	h.Permanent = length < 0
	if length > 0 && h.Since != nil {
		until := since.Add(platform.Seconds(length))
		h.Until = &until
	}
	h.Count, h.Failures, h.Matches = row.count, row.failures, row.matches
	var failed []attempt
	p := parserOf(r.zone, r.state.Read)
	for _, line := range h.Matches {
		a, ok := readFailure(p, []byte(line))
		if a.at.IsZero() { // lines of the journal are kept without their time
			a.at = since
		}
		if ok {
			failed = append(failed, a)
		}
	}
	h.Accounts = accounts(failed)
}

// times asks the server for the times of bans that the database did not have.
func (r *reader) times(ctx context.Context) {
	if r.ask == nil || !r.atLeast(0, 10, 5) {
		return
	}
	var jails []string
	var questions [][]string
	for i := range r.state.Addresses {
		for _, h := range r.state.Addresses[i].Holds {
			if h.Since == nil && !slices.Contains(jails, h.Jail) {
				jails = append(jails, h.Jail)
				questions = append(questions, []string{"get", h.Jail, "banip", "--with-time"})
			}
		}
	}
	replies := r.askAll(ctx, because("ban-times"), questions)
	for i := range replies {
		if replies[i].err != nil {
			r.note(because("ban-times-of", "jail", clip(jails[i])), replies[i].err)
			continue
		}
		for _, line := range replies[i].items() {
			r.timed(jails[i], line)
		}
	}
}

func (r *reader) timed(jail, line string) {
	id, since, until, err := parseTimed(line, r.zone)
	p, ok := nets.Parse(id)
	if err != nil || !ok {
		return
	}
	for i := range r.state.Addresses {
		for k := range r.state.Addresses[i].Holds {
			h := &r.state.Addresses[i].Holds[k]
			if h.Jail != jail || h.Banned != p || h.Since != nil {
				continue
			}
			if h.Since, h.Permanent = &since, until.IsZero(); !h.Permanent {
				h.Until = &until
			}
		}
	}
}
