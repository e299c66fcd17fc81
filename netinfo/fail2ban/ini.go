package fail2ban

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
)

// fail2ban's files are those of Python's configparser with includes and its own
// ways to name an option elsewhere (fail2ban/client/configparserinc.py):
// %(option)s, %(section/option)s, %(known/option)s for what an earlier file
// said, %(default/option)s.

// Bounds of a configuration; the stock jail.conf has 1,000 lines.
const (
	maxConfig   = 4 << 20
	maxIncludes = 100
	maxValue    = 64 << 10
	maxExpand   = 20 // references within references; configparser stops at 10
)

// setting is one option with the line that sets it.
type setting struct {
	text string
	at   Origin
}

type section map[string]setting

// ini is a merged configuration.
type ini struct {
	sections map[string]section
	known    map[string]section // what an earlier file said
	order    []string           // sections, as they first came
	faults   []string           // lines that make no sense
}

func newINI() *ini {
	return &ini{sections: map[string]section{"DEFAULT": {}}, known: map[string]section{}}
}

// parseINI reads one file. Lines that are not options go into faults: fail2ban
// itself would refuse the file.
func parseINI(name string, data []byte) *ini {
	c := newINI()
	var current section
	var option string
	indent, n := 0, 0
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "\uFFFD")) {
		n++
		line = strings.TrimRight(line, " \t\r\n")
		text := strings.TrimLeft(line, " \t")
		if text == "" || text[0] == '#' || text[0] == ';' {
			continue
		}
		text = strings.TrimRight(inlineComment(text), " \t")
		depth := len(line) - len(strings.TrimLeft(line, " \t"))
		if option != "" && depth > indent {
			s := current[option]
			if s.text += "\n" + text; len(s.text) <= maxValue {
				current[option] = s
			}
			continue
		}
		indent, option = depth, ""
		if end := strings.IndexByte(text, ']'); text[0] == '[' && end > 0 {
			current = c.section(text[1:end])
			continue
		}
		i := strings.IndexAny(text, "=:")
		if current == nil || i <= 0 {
			c.faults = append(c.faults, fmt.Sprintf("%s:%d", name, n))
			continue
		}
		option = strings.ToLower(strings.TrimSpace(text[:i]))
		current[option] = setting{strings.TrimSpace(text[i+1:]), Origin{name, n}}
	}
	return c
}

// inlineComment cuts a comment that begins with a semicolon after a space.
func inlineComment(text string) string {
	for i := 1; i < len(text); i++ {
		if text[i] == ';' && (text[i-1] == ' ' || text[i-1] == '\t') {
			return text[:i]
		}
	}
	return text
}

func (c *ini) section(name string) section {
	if c.sections[name] == nil {
		c.sections[name] = section{}
	}
	if name != "DEFAULT" && !slices.Contains(c.order, name) {
		c.order = append(c.order, name)
	}
	return c.sections[name]
}

// merge lays a later file over c.
func (c *ini) merge(later *ini) {
	for _, name := range append([]string{"DEFAULT"}, later.order...) {
		_, there := c.sections[name]
		to := c.section(name)
		for option, s := range later.sections[name] {
			if old, ok := to[option]; ok && there && name != "DEFAULT" {
				if c.known[name] == nil {
					c.known[name] = section{}
				}
				c.known[name][option] = old
			}
			to[option] = s
		}
	}
	c.faults = append(c.faults, later.faults...)
}

// readINI reads the files in their order, each with what it includes and its
// .local; a missing one is not an error. files are the ones read.
func readINI(s platform.System, names ...string) (c *ini, files []string, err error) {
	c = newINI()
	var errs []error
	var read func(name string, above []string)
	read = func(name string, above []string) {
		if slices.Contains(above, name) || len(files) > maxIncludes {
			return
		}
		data, err := platform.ReadSystemFile(s, name, maxConfig)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("reading %s: %w", name, err))
			}
			return
		}
		one := parseINI(name, data)
		include := func(option string) {
			for _, f := range strings.Fields(one.sections["INCLUDES"][option].text) {
				if !path.IsAbs(f) {
					f = path.Join(path.Dir(name), f)
				}
				read(f, append(slices.Clone(above), name))
				local := strings.TrimSuffix(f, path.Ext(f)) + ".local"
				if local != f {
					read(local, append(slices.Clone(above), name))
				}
			}
		}
		include("before")
		files = append(files, name)
		c.merge(one)
		include("after")
	}
	for _, name := range names {
		read(name, nil)
	}
	return c, files, errors.Join(errs...)
}

// get returns an option of a section, or of DEFAULT, with its references
// replaced. One that cannot be replaced stays as it is.
func (c *ini) get(name, option string) (setting, bool) {
	s, ok := c.sections[name][option]
	if !ok {
		s, ok = c.sections["DEFAULT"][option]
	}
	if ok {
		left := maxValue
		s.text = strings.TrimSpace(c.expand(name, s.text, 0, &left))
	}
	return s, ok
}

func (c *ini) expand(name, text string, depth int, left *int) string {
	var b strings.Builder
	for text != "" {
		i := strings.IndexByte(text, '%')
		if i < 0 || i+1 == len(text) {
			break
		}
		b.WriteString(text[:i])
		text = text[i:]
		end := strings.Index(text, ")s")
		switch {
		case text[1] == '%':
			b.WriteByte('%')
			text = text[2:]
		case text[1] == '(' && end > 0:
			value, ok := c.refer(name, strings.ToLower(text[2:end]), text[2:end])
			if *left -= len(value); ok && depth < maxExpand && *left > 0 {
				b.WriteString(c.expand(name, value, depth+1, left))
			} else {
				b.WriteString(text[:end+2])
			}
			text = text[end+2:]
		default:
			b.WriteByte('%')
			text = text[1:]
		}
	}
	b.WriteString(text)
	return b.String()
}

// refer finds what a reference names, unexpanded.
func (c *ini) refer(name, option, written string) (string, bool) {
	if option == "__name__" {
		return name, true
	}
	look := []section{c.sections[name], c.sections["DEFAULT"]}
	if _, short, ok := strings.Cut(option, "/"); ok {
		where, _, _ := strings.Cut(written, "/")
		option = short
		switch strings.ToLower(where) {
		case "known":
			look = []section{c.known[name], c.sections["DEFAULT"]}
		case "default":
			look = []section{c.sections["DEFAULT"]}
		default:
			look = []section{c.sections[where], c.sections["DEFAULT"]}
		}
	}
	for _, s := range look {
		if v, ok := s[option]; ok {
			return v.text, true
		}
	}
	return "", false
}
