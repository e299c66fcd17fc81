package asterisk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"path"
	"strings"
	"sync"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// maxConfigFile bounds one configuration file. FreePBX's pjsip.endpoint.conf
// of 10,000 extensions is some 15 MB.
const maxConfigFile = 64 << 20

// The directories Asterisk uses when asterisk.conf says nothing.
const (
	defaultConfDir = "/etc/asterisk"
	defaultLogDir  = "/var/log/asterisk"
)

// Read reads what the Asterisk of a machine is set to do and, where its command
// line answers, what it does. The state is nil when there is none. What could
// not be read is in the notes; the rest comes all the same.
func Read(ctx context.Context, sys platform.System) (*State, []words.Reason) {
	r := &reader{sys: sys, s: &State{ConfDir: defaultConfDir, LogDir: defaultLogDir, Calls: -1}}
	r.directories()
	live := r.ask(ctx)
	found := r.configuration()
	if !found && !live.answered {
		return nil, r.notes
	}
	r.merge(live)
	return r.s, r.notes
}

type reader struct {
	sys   platform.System
	s     *State
	notes []words.Reason
}

func (r *reader) note(why words.Reason) { r.notes = append(r.notes, why) }

func (r *reader) read(name string) ([]byte, error) {
	return platform.ReadSystemFile(r.sys, name, maxConfigFile)
}

// config reads one configuration file; nil when it is not there.
func (r *reader) config(name string) *Config {
	c, err := ParseConfig(path.Join(r.s.ConfDir, name), Files{Read: r.read, Glob: r.sys.Glob, Dir: r.s.ConfDir})
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			r.note(platform.Words(err).Reason())
		}
		return nil
	}
	r.notes = append(r.notes, c.Notes...)
	return c
}

// directories follows asterisk.conf to where everything else is.
func (r *reader) directories() {
	c := r.config("asterisk.conf")
	if c == nil {
		return
	}
	for _, s := range c.Named("directories") {
		if dir := s.Last("astetcdir"); path.IsAbs(dir) {
			r.s.ConfDir = path.Clean(dir)
		}
		if dir := s.Last("astlogdir"); path.IsAbs(dir) {
			r.s.LogDir = path.Clean(dir)
		}
	}
}

// configuration reads every file that matters, and says whether one was there.
func (r *reader) configuration() (found bool) {
	for _, name := range []string{"/etc/freepbx.conf", "/etc/amportal.conf"} {
		if _, err := fs.Stat(r.sys, name); !errors.Is(err, fs.ErrNotExist) { // it is there, if not for us
			r.s.FreePBX = true
		}
	}
	named := map[string]ACLList{}
	if c := r.config("acl.conf"); c != nil {
		found, named = true, readACLConf(c)
	}
	lists := &accessLists{index: map[string]int{}}
	for _, name := range []string{"pjsip.conf", "pjsip_wizard.conf"} {
		if c := r.config(name); c != nil {
			found = true
			(&pjsipReader{state: r.s, lists: lists, named: named, cfg: c}).read()
		}
	}
	if c := r.config("sip.conf"); c != nil {
		found = true
		readChanSIP(c, r.s, lists, named)
	}
	r.s.Lists = lists.list
	if c := r.config("logger.conf"); c != nil {
		found = true
		readLogger(c, r.s)
	}
	return r.rtpConf() || found
}

func (r *reader) rtpConf() bool {
	cfg := r.config("rtp.conf")
	c := rtpConf{netinfo.RTPConf{File: path.Join(r.s.ConfDir, "rtp.conf")}}
	if cfg != nil {
		c.conclude(cfg)
		for _, s := range cfg.Named("general") {
			r.s.RTP.Strict, r.s.RTP.ICE, r.s.RTP.STUN = s.Last("strictrtp"), s.Last("icesupport"), s.Last("stunaddr")
		}
	} else { // Asterisk takes its own range
		c.conclude(&Config{})
	}
	r.s.RTP.First, r.s.RTP.Last, r.s.RTP.From = c.First, c.Last, c.File
	if c.Default {
		r.s.RTP.From = "default"
	}
	r.notes = append(r.notes, words.Quotes(c.Notes)...)
	return cfg != nil
}

// live is what the command line answered, by command.
type live struct {
	answered bool
	out      map[string]string
}

// callCount says how many calls are up.
const callCount = "core show channels count"

// commands only list. None of them changes anything, and none waits for the
// network.
func commands() []string {
	return []string{
		ShowRTP, "core show settings", callCount, "logger show channels",
		ShowTransports, ShowContacts, ShowRegistrations, "database show registrar",
		ShowSIPSettings, ShowPeers, ShowRegistry,
	}
}

// Listings are the commands whose output Show reads and that a running server is
// asked, the settings first. None of them changes anything.
func Listings() []string {
	return []string{
		ShowVersion, "core show uptime seconds", ShowModules, ShowRTP,
		ShowTransports, ShowSIPSettings, ShowPeers, ShowRegistry,
		ShowEndpoints, ShowContacts, ShowIdentifies, ShowRegistrations,
		showChannelsConcise,
	}
}

// Ask runs the commands of Listings that Read did not, and returns what each
// printed. What could not be run is in the notes; a bundle of before was not asked
// for all of them, which is nothing to note.
func Ask(ctx context.Context, sys platform.System, s *State) (printed map[string]string, notes []words.Reason) {
	printed = map[string]string{}
	maps.Copy(printed, s.Printed)
	var ask []string
	for _, c := range Listings() {
		if _, ok := printed[c]; !ok {
			ask = append(ask, c)
		}
	}
	more, failed := run(ctx, sys, ask)
	maps.Copy(printed, more)
	for _, c := range ask {
		if err := failed[c]; err != nil && !errors.Is(err, platform.ErrNotCollected) {
			notes = append(notes, platform.Words(err).Reason())
		}
	}
	return printed, notes
}

// run runs commands side by side, each a short conversation over the server's
// socket.
func run(ctx context.Context, sys platform.System, commands []string) (out map[string]string, failed map[string]error) {
	out, failed = map[string]string{}, map[string]error{}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, c := range commands {
		wg.Go(func() {
			text, err := sys.Run(ctx, "asterisk", "-rx", c)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed[c] = err
			}
			out[c] = string(text)
		})
	}
	wg.Wait()
	return out, failed
}

// ask runs the commands side by side: each is a short conversation over the
// server's socket.
func (r *reader) ask(ctx context.Context) live {
	l := live{out: map[string]string{}}
	version, err := r.sys.Run(ctx, "asterisk", "-rx", ShowVersion)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			r.note(because("not-asked") + platform.Words(err).Reason().As("why"))
		}
		return l
	}
	r.s.Version = parseVersion(answer(version))
	l.answered = r.s.Version != ""
	r.s.Running = l.answered
	if !l.answered {
		r.note(because("no-version", "text", fmt.Sprintf("%.80q", version)))
		return l
	}
	printed, failed := run(ctx, r.sys, commands())
	for _, c := range commands() {
		// Bundles of before were not asked for the calls.
		if err := failed[c]; err != nil && (c != callCount || !errors.Is(err, platform.ErrNotCollected)) {
			r.note(platform.Words(err).Reason())
		}
		l.out[c] = answer([]byte(printed[c]))
	}
	printed[ShowVersion] = string(version)
	r.s.Printed = printed
	return l
}

// merge lays what the server said over what its files say.
func (r *reader) merge(l live) {
	if !l.answered {
		return
	}
	s := r.s
	core := labelled(l.out["core show settings"])
	if dir := core["Log directory"]; path.IsAbs(dir) {
		s.LogDir = dir
	}
	s.Calls = parseCalls(l.out[callCount])
	r.mergeRTP(labelled(l.out[ShowRTP]))
	sockets := append(parseTransports(l.out[ShowTransports]), parseSIPSettings(l.out[ShowSIPSettings])...)
	s.Transports = merge(s.Transports, sockets, func(have, now *Transport) bool {
		return have.Driver == now.Driver && have.Protocol == now.Protocol && strings.HasPrefix(have.Name, now.Name)
	}, func(have, now *Transport) { have.Bind, have.Running = now.Bind, true })
	registrations := append(parseRegistrations(l.out[ShowRegistrations]), parseRegistry(l.out[ShowRegistry])...)
	s.Registrations = merge(s.Registrations, registrations, sameRegistration, func(have, now *Registration) { have.Status = now.Status })
	s.Contacts = mergeContacts(parseContacts(l.out[ShowContacts]), parseRegistrar(l.out["database show registrar"]), s.Endpoints)
	s.Contacts = append(s.Contacts, parsePeers(l.out[ShowPeers])...)
	s.Logs = merge(s.Logs, parseLogChannels(l.out["logger show channels"]), func(have, now *LogChannel) bool { return have.File == now.File },
		func(have, now *LogChannel) { have.Levels, have.Format, have.Running = now.Levels, now.Format, true })
}

// sameRegistration tells PJSIP's registrations by their name, and chan_sip's
// register lines by the user name, which the listing may have cut, and the host.
func sameRegistration(have, now *Registration) bool {
	if have.Driver != now.Driver || now.Driver == pjsip {
		return have.Driver == now.Driver && have.Name == now.Name
	}
	return have.Status == "" && (have.Server == now.Server || strings.HasPrefix(have.Name, now.Name) && now.Name != "")
}

func (r *reader) mergeRTP(m map[string]string) {
	first, last := number(m["Port start"]), number(m["Port end"])
	if first == 0 || last == 0 {
		return
	}
	rtp := &r.s.RTP
	if first != rtp.First || last != rtp.Last {
		rtp.Configured = fmt.Sprintf("%d-%d", rtp.First, rtp.Last)
	}
	rtp.First, rtp.Last, rtp.From = first, last, ShowRTP
	if v := m["Strict RTP"]; v != "" {
		rtp.Strict = strings.ToLower(v)
	}
	if v := m["ICE support"]; v != "" {
		rtp.ICE = strings.ToLower(v)
	}
	if a, err := netip.ParseAddrPort(m["STUN address"]); err == nil && !a.Addr().IsUnspecified() {
		rtp.STUN = a.String()
	}
}
