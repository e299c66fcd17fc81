package fail2ban

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Where fail2ban's files are by default (files/ and
// client/fail2bancmdline.py of fail2ban 1.0).
const (
	defaultSocket   = "/var/run/fail2ban/fail2ban.sock"
	defaultDatabase = "/var/lib/fail2ban/fail2ban.sqlite3"
	defaultPIDFile  = "/var/run/fail2ban/fail2ban.pid"
)

// configDirs are the usual places: Linux, then FreeBSD.
func configDirs() []string { return []string{"/etc/fail2ban", "/usr/local/etc/fail2ban"} }

// config is what the files say.
type config struct {
	dir              string
	found            bool
	socket, database string // database "" if it keeps none
	pidfile          string
	jails            []Jail
}

// readConfig reads jail.conf, jail.d/*.conf, jail.local and jail.d/*.local, in
// fail2ban's order, and where server and database are.
func readConfig(s platform.System, o Options, note func(what words.Reason, err error)) config {
	dirs := configDirs()
	if o.ConfigDir != "" {
		dirs = []string{o.ConfigDir}
	}
	c := config{dir: dirs[0], socket: defaultSocket, database: defaultDatabase, pidfile: defaultPIDFile}
	for _, dir := range dirs {
		names := []string{path.Join(dir, "jail.conf")}
		names = append(names, glob(s, path.Join(dir, "jail.d/*.conf"))...)
		names = append(names, path.Join(dir, "jail.local"))
		names = append(names, glob(s, path.Join(dir, "jail.d/*.local"))...)
		jails, files, err := readINI(s, names...)
		note(because("configuration"), err)
		for _, f := range jails.faults[:min(3, len(jails.faults))] {
			note(words.Quote(f), errNoOption)
		}
		if len(files) == 0 && err == nil {
			continue
		}
		c.dir, c.found = dir, true
		main, _, err := readINI(s, path.Join(dir, "fail2ban.conf"), path.Join(dir, "fail2ban.local"))
		note(words.Quote("fail2ban.conf"), err)
		c.server(main)
		c.readJails(s, jails, note)
		break
	}
	return c
}

func glob(s platform.System, pattern string) []string {
	list, _ := s.Glob(pattern) // the patterns here are well-formed
	slices.Sort(list)
	return list
}

func (c *config) server(main *ini) {
	if v, ok := main.get("Definition", "socket"); ok && v.text != "" {
		c.socket = v.text
	}
	if v, ok := main.get("Definition", "pidfile"); ok && v.text != "" {
		c.pidfile = v.text
	}
	if v, ok := main.get("Definition", "dbfile"); ok && v.text != "" {
		if c.database = v.text; v.text == "None" || v.text == ":memory:" {
			c.database = ""
		}
	}
}

// readJails turns the sections into jails: the enabled ones, and those that
// watch Asterisk, whose absence is a finding.
func (c *config) readJails(s platform.System, jails *ini, note func(words.Reason, error)) {
	actions := actionFiles{system: s, dir: path.Join(c.dir, "action.d"), seen: map[string]*ini{}, note: note}
	for _, name := range jails.order {
		if name == "INCLUDES" {
			continue
		}
		get := func(option string) string {
			v, _ := jails.get(name, option)
			return v.text
		}
		j := Jail{
			Name: name, Enabled: isTrue(get("enabled")), Filter: cutOptions(get("filter")), Backend: get("backend"),
			Port: get("port"), Protocol: get("protocol"), IgnoreIP: names(strings.ReplaceAll(get("ignoreip"), "\n", " ")),
			Set: map[string]Origin{}, Journal: strings.ReplaceAll(get("journalmatch"), "\n", " "),
		}
		if j.Filter == "" {
			j.Filter = name
		}
		for _, p := range logPaths(get("logpath")) {
			j.Logs = append(j.Logs, Log{Path: p})
		}
		if j.SIP = watchesSIP(&j); !j.Enabled {
			continue
		}
		if n, err := strconv.Atoi(get("maxretry")); err == nil {
			j.MaxRetry = n
		}
		j.FindTime, _ = seconds(get("findtime"))
		j.BanTime, _ = seconds(get("bantime"))
		j.Actions = actions.parse(name, get("action"))
		for _, option := range []string{"enabled", "port", "protocol", "filter", "logpath", "backend", "action", "banaction", "maxretry", "findtime", "bantime", "ignoreip"} {
			if v, ok := jails.get(name, option); ok {
				j.Set[option] = v.at
			}
		}
		c.jails = append(c.jails, j)
	}
}

func isTrue(s string) bool {
	return slices.Contains([]string{"true", "yes", "on", "1"}, strings.ToLower(s))
}

// cutOptions removes the options of a filter: "asterisk[mode=normal]".
func cutOptions(s string) string {
	s, _, _ = strings.Cut(s, "[")
	return strings.TrimSpace(s)
}

// logPaths splits logpath: one in a line, "tail" or "head" may follow it.
func logPaths(s string) (list []string) {
	for line := range strings.Lines(s) {
		for _, f := range strings.Fields(line) {
			if f != "tail" && f != "head" {
				list = append(list, f)
			}
		}
	}
	return list
}

// watchesSIP tells by the filter, the logs and the name whether a jail watches
// Asterisk: FreePBX's is called asterisk-iptables, and its filter
// asterisk-security.
func watchesSIP(j *Jail) bool {
	for _, word := range []string{"asterisk", "pjsip", "freepbx"} {
		if strings.Contains(strings.ToLower(j.Filter), word) {
			return true
		}
	}
	for _, l := range j.Logs {
		if strings.Contains(l.Path, "/asterisk/") {
			return !strings.Contains(l.Path, "freepbx_security")
		}
	}
	return strings.Contains(strings.ToLower(j.Name), "asterisk")
}

// timeFactor is one term of a time: a number, its unit, and what it is times.
var timeFactor = regexp.MustCompile(`^\s*\+?\s*(\d{1,9})\s*(?:(mo(?:nths?)?)|(m(?:inutes?|ins?|i)?)|s(?:econds?|ecs?)?|(h(?:ours?|rs?)?)|(d(?:ays?|d)?)|(w(?:eeks?|w)?)|(y(?:ears?|yy?)?))?\s*(?:\*\s*(\d{1,9}))?`)

// unitSeconds are the lengths of the units in the order of timeFactor; of months
// and years as fail2ban takes them.
var unitSeconds = [...]int64{86400 * 365 / 12, 60, 3600, 86400, 7 * 86400, 365 * 86400}

// seconds reads fail2ban's times (MyTime.str2seconds): "600", "10m", "1h 30m",
// "60 * 60", "-1".
func seconds(s string) (int64, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if n, err := strconv.ParseInt(s, 10, 64); s == "" || err == nil {
		return max(n, -1), err == nil
	}
	var sum int64
	for s != "" {
		m := timeFactor.FindStringSubmatch(s)
		if m == nil {
			return 0, false
		}
		s = strings.TrimSpace(s[len(m[0]):])
		n, _ := strconv.ParseInt(m[1], 10, 64) // nine digits at most
		if times, err := strconv.ParseInt(m[len(m)-1], 10, 64); err == nil {
			n *= times
		}
		n = min(n, 1<<31)
		for i, unit := range unitSeconds {
			if m[2+i] != "" {
				n *= unit
			}
		}
		sum = min(sum+n, 1<<40) // of many terms, too
	}
	return sum, true
}
