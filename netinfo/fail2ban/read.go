package fail2ban

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// logTime is the default for Options.LogTime. A person who asks why an address
// is blocked waits about a second for all of the answer.
const logTime = 300 * time.Millisecond

// reader is one run of Read.
type reader struct {
	system platform.System
	o      Options
	state  *State
	config config
	zone   *time.Location
	ask    asker
	bans   map[string][]string // banned addresses by jail, as the server has them
	counts map[string]bool     // jails whose counters the server told
	acts   map[string]bool     // jails whose actions it told
	rows   banRows
	hasDB  bool
}

// Read reads fail2ban's state. It always returns one: what could not be read is
// in its notes. ctx bounds the programs and the server's answers.
func Read(ctx context.Context, s platform.System, o Options) *State {
	o.Addresses = slices.Clone(o.Addresses)
	for i, p := range o.Addresses {
		o.Addresses[i] = nets.Normal(p)
	}
	r := &reader{system: s, o: o, state: &State{Read: s.Now()}, bans: map[string][]string{}, counts: map[string]bool{}, acts: map[string]bool{}}
	r.zone = localZone(s)
	r.config = readConfig(s, o, r.note)
	r.state.Database = r.config.database
	r.state.Installed = r.config.found
	r.state.Jails = r.config.jails
	r.state.Journal = r.canReadJournal()
	r.server(ctx)
	r.database(ctx)
	if r.state.Source == "" && r.state.Installed {
		r.state.Source = FromConfig
	}
	r.details(ctx)
	r.addresses(ctx)
	r.logs(ctx)
	r.health()
	r.refusal(ctx)
	r.unseen(ctx)
	return r.state
}

// note keeps an error for the report.
func (r *reader) note(what words.Reason, err error) {
	if err == nil || len(r.state.Notes) >= maxNotes {
		return
	}
	n := Note{What: what, Why: whyOf(err), Privilege: errors.Is(err, platform.ErrPrivilege)}
	if !slices.Contains(r.state.Notes, n) {
		r.state.Notes = append(r.state.Notes, n)
	}
}

// localZone is the machine's time zone; daemons take it from /etc/localtime.
func localZone(s platform.System) *time.Location {
	if data, err := platform.ReadSystemFile(s, "/etc/localtime", 1<<20); err == nil {
		if zone, err := time.LoadLocationFromTZData("Local", data); err == nil {
			return zone
		}
	}
	if platform.IsHere(s) {
		return time.Local
	}
	return time.UTC
}

// server asks the server, over its socket or else its client.
func (r *reader) server(ctx context.Context) {
	first := [][]string{{"status"}, {"version"}, {"get", "dbfile"}}
	r.ask = askSocket(r.system, r.config.socket)
	replies, err := r.ask(ctx, first...)
	source := FromSocket
	if err != nil || replies[0].err != nil {
		err = firstOf(err, replies)
		if errors.Is(err, platform.ErrNoAnswer) {
			r.note(because("socket-silent", "socket", r.config.socket), err)
			r.ask, r.state.Installed, r.state.Hung = nil, true, true // its client would wait for the same server
			return
		}
		r.note(because("server"), notInstalled(r.config.found, err))
		if r.system.Live() && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, platform.ErrPrivilege)) {
			r.ask, r.state.Dead = nil, errors.Is(err, fs.ErrNotExist) // its client would meet the same
			return
		}
		r.ask, source = askClient(r.system, r.config.socket), FromClient
		if replies, err = r.ask(ctx, first...); err != nil || replies[0].err != nil {
			err = firstOf(err, replies)
			r.note(words.Quote("fail2ban-client"), notInstalled(r.config.found, err))
			r.ask, r.state.Hung = nil, errors.Is(err, platform.ErrNoAnswer) || errors.Is(err, context.DeadlineExceeded)
			r.state.Dead = !r.state.Hung && noServer(err.Error())
			return
		}
	}
	known := make([]string, len(r.config.jails))
	for i, j := range r.config.jails {
		known[i] = j.Name
	}
	names, err := replies[0].jails(known)
	if err != nil {
		r.note(because("server"), err)
		r.ask = nil
		return
	}
	r.state.Installed, r.state.Running, r.state.Source = true, true, source
	r.state.Version, r.state.Started = clip(replies[1].single()), r.started()
	if replies[2].err == nil {
		r.state.Database = replies[2].single()
	}
	for _, name := range names[:min(len(names), maxJails)] {
		r.jail(name).Running = true
	}
	r.statuses(ctx, names[:min(len(names), maxJails)], source)
}

// atLeast tells whether the server is of a version or a later one. It writes
// every question that it does not understand into its log as an error, so it is
// asked only what it knows.
func (r *reader) atLeast(want ...int) bool {
	for i, part := range strings.SplitN(r.state.Version, ".", len(want)) {
		part, _, _ = strings.Cut(part, ".")
		n, err := strconv.Atoi(part)
		if err != nil || n != want[i] {
			return err == nil && n > want[i]
		}
	}
	return r.state.Version != ""
}

// maxJails bounds the jails of a report; 200 is many.
const maxJails = 1000

func firstOf(err error, replies []reply) error {
	if err == nil && len(replies) > 0 {
		err = replies[0].err
	}
	return err
}

// notInstalled drops the complaint that something is missing where nothing is
// expected.
func notInstalled(expected bool, err error) error {
	if !expected && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// jail finds a jail by name, or adds it.
func (r *reader) jail(name string) *Jail {
	i := slices.IndexFunc(r.state.Jails, func(j Jail) bool { return j.Name == name })
	if i < 0 {
		i = len(r.state.Jails)
		r.state.Jails = append(r.state.Jails, Jail{Name: name, Filter: name})
	}
	return &r.state.Jails[i]
}

// find is jail for looking only.
func (r *reader) find(name string) *Jail {
	for i := range r.state.Jails {
		if r.state.Jails[i].Name == name {
			return &r.state.Jails[i]
		}
	}
	return &Jail{Name: name, Filter: name}
}

// statuses asks what each jail counts and holds. An older bundle, made with the
// client, has one answer for what all jails hold instead, from 0.11 on.
func (r *reader) statuses(ctx context.Context, names []string, source string) {
	var questions [][]string
	for _, name := range names {
		questions = append(questions, []string{"status", name})
	}
	if source == FromClient && r.atLeast(0, 11, 0) {
		questions = append(questions, []string{"banned"})
	}
	replies := r.askAll(ctx, because("status"), questions)
	var held map[string][]string
	if len(replies) > len(names) {
		held, _ = replies[len(names)].banned()
	}
	for i, name := range names[:min(len(names), len(replies))] {
		st, err := replies[i].jailStatus()
		if list, ok := held[name]; err != nil && ok {
			r.hold(name, list)
			continue
		}
		if err != nil {
			r.note(because("jail", "jail", clip(name)), err)
			continue
		}
		r.counted(name, &st)
	}
}

// counted takes the status of a jail.
func (r *reader) counted(name string, st *jailStatus) {
	j := r.jail(name)
	r.counts[name] = true
	j.Failed, j.TotalFailed, j.Banned, j.TotalBanned = st.failed, st.totalFailed, st.banned, st.totalBanned
	if len(st.files) > 0 {
		j.Logs = nil
		for _, f := range st.files {
			j.Logs = append(j.Logs, Log{Path: f})
		}
	}
	if st.journal != "" {
		j.Journal = st.journal
	}
	if j.Set == nil { // not in the configuration that was read
		j.SIP = watchesSIP(j)
	}
	r.hold(name, st.list)
}

// hold takes the server's list of the bans of a jail. Of a long one the ends
// are kept for the report: the oldest bans and the newest.
func (r *reader) hold(jail string, list []string) {
	r.bans[jail] = list
	j := r.jail(jail)
	j.BansKnown, j.Banned = true, max(j.Banned, len(list))
	if len(list) > maxSampled {
		list = slices.Concat(list[:maxSampled/2], list[len(list)-maxSampled/2:])
	}
	for _, id := range list {
		if p, ok := nets.Parse(id); ok {
			j.Bans = append(j.Bans, p)
		}
	}
}

// database looks the addresses up.
func (r *reader) database(ctx context.Context) {
	if r.state.Database == "" {
		return
	}
	rows, err := readDatabase(ctx, r.system, r.state.Database, r.o.Addresses, r.state.Read.Unix())
	if err != nil {
		r.note(because("database"), notInstalled(r.state.Installed, err))
		return
	}
	r.rows, r.hasDB, r.state.Installed = rows, true, true
	if r.state.Source == "" {
		r.state.Source = FromDatabase
	}
}
