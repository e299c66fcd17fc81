package asterisk

import (
	"path"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
)

// readLogger takes logger.conf apart: which file gets which levels. A channel
// may begin with the name of a formatter in brackets, "[json]".
func readLogger(c *Config, s *State) {
	for _, sec := range c.Named("general") {
		if f := sec.Last("dateformat"); f != "" {
			s.DateFormat = f
		}
	}
	for _, sec := range c.Named("logfiles") {
		for _, o := range sec.Options {
			s.Logs = append(s.Logs, LogChannel{File: logFile(o.Name, s.LogDir), Levels: levels(o.Value), Format: format(o.Value), At: o.At()})
		}
	}
}

// ReadLogs reads which logs the files of a machine have Asterisk write, and the
// directory that they are in; ok is false without a logger.conf.
func ReadLogs(sys platform.System) (list []LogChannel, dir string, ok bool) {
	r := &reader{sys: sys, s: &State{ConfDir: defaultConfDir, LogDir: defaultLogDir}}
	r.directories()
	c := r.config("logger.conf")
	if c != nil {
		readLogger(c, r.s)
	}
	return r.s.Logs, r.s.LogDir, c != nil
}

// logFile is where a channel of that name is written.
func logFile(name, dir string) string {
	switch {
	case strings.EqualFold(name, "console"):
		return "console"
	case strings.HasPrefix(strings.ToLower(name), "syslog"):
		return "syslog:" + strings.TrimPrefix(name[len("syslog"):], ".")
	case path.IsAbs(name):
		return name
	}
	return path.Join(dir, name)
}

func isFile(channel string) bool { return strings.HasPrefix(channel, "/") }

// format is the formatter that a channel begins with; empty for the default.
func format(value string) string {
	name, _, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(value), "["), "]")
	if name = strings.ToLower(strings.TrimSpace(name)); !ok || name == "default" {
		return ""
	}
	return name
}

func levels(value string) (list []string) {
	value = strings.TrimSpace(value)
	if strings.HasPrefix(value, "[") {
		_, value, _ = strings.Cut(value, "]")
	}
	for word := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		word, _, _ = strings.Cut(strings.ToLower(word), "(") // verbose(3)
		if !slices.Contains(list, word) {
			list = append(list, word)
		}
	}
	return list
}

// parseLogChannels reads "logger show channels" of Asterisk 11 to 22: the
// channel, its type, "Enabled", and after a dash the levels.
func parseLogChannels(out string) (list []LogChannel) {
	for line := range strings.Lines(out) {
		before, after, ok := strings.Cut(line, " - ")
		f := strings.Fields(before)
		if !ok || len(f) < 3 || f[len(f)-1] != "Enabled" || !isFile(f[0]) {
			continue
		}
		c := LogChannel{File: f[0], Levels: levels(after), Running: true}
		if len(f) > 3 && f[len(f)-2] != "default" { // a column of its own since Asterisk 16
			c.Format = f[len(f)-2]
		}
		list = append(list, c)
	}
	return list
}
