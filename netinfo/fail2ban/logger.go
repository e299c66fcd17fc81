package fail2ban

import (
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
)

// logger is what Asterisk's logger.conf writes: its levels by path.
type logger struct {
	dir   string
	files map[string][]string
}

// readLogger reads logger.conf and the files it includes, two deep as in
// FreePBX. Nil without one.
func readLogger(s platform.System) *logger {
	l := &logger{dir: "/var/log/asterisk", files: map[string][]string{}}
	if data, err := platform.ReadSystemFile(s, "/etc/asterisk/asterisk.conf", maxConfig); err == nil {
		l.parse(string(data), "directories", func(key, value string) {
			if key == "astlogdir" {
				l.dir = strings.TrimRight(value, "/")
			}
		})
	}
	data, err := platform.ReadSystemFile(s, "/etc/asterisk/logger.conf", maxConfig)
	if err != nil {
		return nil
	}
	l.include(s, string(data), "", 0)
	return l
}

// include reads the log files of one text, which continues a section.
func (l *logger) include(s platform.System, text, in string, depth int) (section string) {
	section = in
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, ";")
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "#include"); ok {
			name = strings.Trim(strings.TrimSpace(name), `"<>`)
			if !strings.HasPrefix(name, "/") {
				name = "/etc/asterisk/" + name
			}
			if data, err := platform.ReadSystemFile(s, name, maxConfig); err == nil && depth < 3 {
				section = l.include(s, string(data), section, depth+1)
			}
			continue
		}
		if strings.HasPrefix(line, "[") {
			section, _, _ = strings.Cut(strings.TrimPrefix(line, "["), "]")
			continue
		}
		if key, value, ok := strings.Cut(line, "="); ok && section == "logfiles" {
			l.file(strings.TrimSpace(key), strings.TrimPrefix(value, ">"))
		}
	}
	return section
}

// file notes one "name => levels"; levels may begin with a format in brackets.
func (l *logger) file(name, levels string) {
	if i := strings.IndexByte(levels, ']'); i >= 0 {
		levels = levels[i+1:]
	}
	if !strings.HasPrefix(name, "/") {
		name = l.dir + "/" + name
	}
	for _, level := range names(levels) {
		level, _, _ = strings.Cut(strings.ToLower(level), "(")
		l.files[name] = append(l.files[name], level)
	}
}

func (l *logger) parse(text, want string, use func(key, value string)) {
	section := ""
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, ";")
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "[") {
			section, _, _ = strings.Cut(strings.TrimPrefix(line, "["), "]")
		} else if key, value, ok := strings.Cut(line, "="); ok && section == want {
			use(strings.TrimSpace(key), strings.TrimSpace(strings.TrimPrefix(value, ">")))
		}
	}
}

// writes tells with which levels Asterisk writes a log.
func (l *logger) writes(path string) (levels []string, ok bool) {
	levels, ok = l.files[path]
	return levels, ok
}
