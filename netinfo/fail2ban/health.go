package fail2ban

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
)

// health finds what is wrong with the jails.
func (r *reader) health() {
	sip := r.o.SIP
	if sip == nil {
		sip = []Port{{"udp", 5060}, {"tcp", 5060}, {"tcp", 5061}}
	}
	channels, logDir, written := asterisk.ReadLogs(r.system)
	for i := range r.state.Jails {
		j := &r.state.Jails[i]
		if !j.Running && !j.Enabled {
			continue
		}
		add := func(code, detail, option string) {
			j.Faults = append(j.Faults, Fault{Code: code, Detail: detail, Where: j.Set[option]})
		}
		if j.Enabled && !j.Running && r.state.Running {
			add(NotRunning, "", "enabled")
		}
		blocking := slices.ContainsFunc(j.Actions, func(a Action) bool { return a.Blocks })
		known := len(j.Actions) > 0 || j.Set != nil || r.acts[j.Name]
		if known && !blocking {
			add(NoAction, "", "action")
		}
		for _, l := range j.Logs {
			logFault(l, add)
			if j.SIP && written {
				writtenFault(l, channels, logDir, add)
			}
		}
		if j.Enabled && r.withoutLogs(j) {
			add(NoLogs, j.Logs[0].Path, "logpath")
		}
		if !j.SIP {
			continue
		}
		for _, p := range sip {
			if blocking && !slices.ContainsFunc(j.Actions, func(a Action) bool { return a.covers(p) }) {
				add(PortsOpen, fmt.Sprintf("%s/%d", p.Protocol, p.Port), "port")
			}
		}
		for _, s := range j.IgnoreIP {
			if p, ok := nets.Parse(s); ok && p.Bits() <= widestIgnored {
				add(IgnoresAll, s, "ignoreip")
			}
		}
		for _, p := range r.o.Ignored {
			if !ignores(j, p) {
				add(NotIgnored, nets.Short(p), "ignoreip")
			}
		}
	}
}

// widestIgnored is the length of a network that nobody trusts as a whole: a
// sixteenth of all addresses.
const widestIgnored = 4

func logFault(l Log, add func(code, detail, option string)) {
	switch {
	case l.Size == -1:
		add(LogMissing, l.Path, "logpath")
	case l.Size == 0:
		add(LogEmpty, l.Path, "logpath")
	}
}

// writtenFault looks for what Asterisk is set to write to a log.
func writtenFault(l Log, channels []asterisk.LogChannel, dir string, add func(code, detail, option string)) {
	var levels []string
	for _, c := range channels {
		if c.File == l.Path {
			levels = append(levels, c.Levels...)
		}
	}
	switch {
	case len(levels) == 0 && strings.HasPrefix(l.Path, dir+"/"):
		add(LogNotWritten, l.Path, "logpath")
	case len(levels) > 0 && !slices.ContainsFunc(levels, func(s string) bool { return s == "notice" || s == "security" || s == "*" }):
		add(LogNoFailures, l.Path, "logpath")
	}
}

// JailsOf names the jails whose bans are kept in an object of the packet
// filter: a chain "f2b-asterisk" or "fail2ban-SIP", a set "f2b-asterisk6",
// "addr-set-asterisk" or "addr6-set-asterisk".
func (s *State) JailsOf(object string) (jails []string) {
	name := object
	for _, begin := range []string{"f2b-", "fail2ban-", "addr-set-", "addr6-set-"} {
		if rest, ok := strings.CutPrefix(name, begin); ok {
			name = rest
			break
		}
	}
	if name == object {
		return nil
	}
	for i := range s.Jails {
		j := &s.Jails[i]
		is := func(n string) bool { return n == name || n != "" && n+"6" == name }
		if is(j.Name) || slices.ContainsFunc(j.Actions, func(a Action) bool { return is(a.Object) }) {
			jails = append(jails, j.Name)
		}
	}
	return jails
}
