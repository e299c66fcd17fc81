// Package asterisk reads what an Asterisk or FreePBX server is set to do and
// what it is doing: its configuration files, and its command line where it
// answers. Nothing here changes the server. Everything but Read is a pure
// function of bytes.
package asterisk

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Config is an Asterisk configuration file with everything it includes.
// Templates are resolved: a section carries the options it inherits before its
// own, each with the file and line that it was written at.
type Config struct {
	Sections []*Section
	Notes    []words.Reason // what a person should look at, and what was not read
	Unread   []Unread       // what was not read
	Broken   []Broken       // why Asterisk does not load the file at all

	byName map[string][]*Section // by the name in lower case
}

// Unread is what may set options that are not known.
type Unread struct {
	From, File string // the file that includes the other
	Err        error  // nil: From runs a program
}

// Section is what stands under one "[name]".
type Section struct {
	Name     string   `json:"name"`
	Template bool     `json:"template,omitempty"` // "[name](!)": serves only to inherit from
	Inherits []string `json:"inherits,omitempty"` // the sections in its parentheses
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Options  []Option `json:"options,omitempty"`
}

// Option is one "name = value" of a section.
type Option struct {
	Name  string `json:"n"`
	Value string `json:"v,omitempty"`
	File  string `json:"f"`
	Line  int    `json:"l"`
	// Secret says of what kind a value is that Settings leaves out.
	Secret *Secret `json:"s,omitempty"`
}

// At is the place of the option as FILE:LINE.
func (o Option) At() string { return fmt.Sprintf("%s:%d", o.File, o.Line) }

// All returns the values of an option in their order.
func (s *Section) All(name string) (list []string) {
	for _, o := range s.Options {
		if strings.EqualFold(o.Name, name) {
			list = append(list, o.Value)
		}
	}
	return list
}

// Find returns the option that counts where one may stand once: the last. It is
// nil when there is none.
func (s *Section) Find(name string) *Option {
	for i := len(s.Options) - 1; i >= 0; i-- {
		if strings.EqualFold(s.Options[i].Name, name) {
			return &s.Options[i]
		}
	}
	return nil
}

// Last returns the value that counts where an option may stand once: the last.
func (s *Section) Last(name string) string {
	if o := s.Find(name); o != nil {
		return o.Value
	}
	return ""
}

// Named returns the sections of that name, without templates, in order.
func (c *Config) Named(name string) (list []*Section) {
	for _, s := range c.byName[strings.ToLower(name)] {
		if !s.Template {
			list = append(list, s)
		}
	}
	return list
}

// Files is where a configuration is read from. Glob may be nil: then includes
// name files literally.
type Files struct {
	Read func(name string) ([]byte, error)
	Glob func(pattern string) ([]string, error)
	Dir  string // where relative includes are looked up, usually /etc/asterisk
}

// The bounds of one configuration. FreePBX writes some 50 options an
// extension, of which the largest servers have 10,000; the file count is for
// those that give each a file of its own. Deeper nesting than 16 is a circle.
const (
	maxConfigFiles   = 20_000
	maxConfigOptions = 1_000_000
	maxConfigDepth   = 16
	maxConfigNotes   = 50
	// maxAppended bounds a value that "+=" makes longer, and maxSearched the options
	// that are searched for it: Asterisk's own lines are at most 8 KiB, and sections
	// with "+=" have some dozen options.
	maxAppended = 64 << 10
	maxSearched = 1000
)

// ParseConfig reads a configuration file in Asterisk's own language, with
// #include and #tryinclude, templates and both kinds of comments. #exec is
// never run, only noted. The error is about the file itself.
//
// Source: main/config.c of Asterisk 16 to 22, checked against a running 16.28.
func ParseConfig(name string, files Files) (*Config, error) {
	b, err := files.Read(name)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	p := &configReader{files: files, c: &Config{byName: map[string][]*Section{}}}
	p.file(name, b, nil, 0)
	return p.c, nil
}

type configReader struct {
	c       *Config
	files   Files
	opened  int
	options int
	full    bool
}

func (p *configReader) note(why words.Reason) {
	if len(p.c.Notes) < maxConfigNotes {
		p.c.Notes = append(p.c.Notes, why)
	}
}

// breaks notes why the file is not loaded.
func (p *configReader) breaks(file string, number int, id string, namesAndValues ...string) {
	p.at(file, number, id, namesAndValues...)
	if len(p.c.Broken) < maxConfigNotes {
		at := fmt.Sprintf("%s:%d", file, number)
		p.c.Broken = append(p.c.Broken, Broken{At: at, Why: because(id, append([]string{"at", at}, namesAndValues...)...)})
	}
}

// at notes what is wrong with a line.
func (p *configReader) at(file string, number int, id string, namesAndValues ...string) {
	p.note(because(id, append([]string{"at", fmt.Sprintf("%s:%d", file, number)}, namesAndValues...)...))
}

// file reads one file. What it says before its first section belongs to cur,
// the section that was open where it was included.
func (p *configReader) file(name string, b []byte, cur *Section, depth int) {
	if p.opened++; p.opened > maxConfigFiles {
		return
	}
	comments := Comments{}
	number := 0
	for raw := range strings.Lines(string(b)) {
		number++
		line := comments.Strip(strings.TrimRight(raw, "\r\n"))
		if number == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		switch {
		case line == "" || p.full:
		case line[0] == '[':
			cur = p.header(name, number, line)
		case line[0] == '#':
			p.directive(name, number, line, cur, depth)
		default:
			p.option(name, number, line, cur)
		}
	}
	if comments.depth > 0 {
		p.note(because("comment-open", "file", name))
	}
}

// header opens "[name]" and "[name](!,template,+)".
func (p *configReader) header(file string, number int, line string) *Section {
	name, rest, ok := strings.Cut(line[1:], "]")
	if !ok {
		p.breaks(file, number, "bracket-open")
		name = strings.TrimSpace(name)
	}
	s := &Section{Name: name, File: file, Line: number}
	added := true
	rest = strings.TrimSpace(rest)
	if opts, ok := strings.CutPrefix(rest, "("); ok {
		opts, _, _ = strings.Cut(opts, ")")
		for word := range strings.SplitSeq(opts, ",") {
			switch word = strings.TrimSpace(word); {
			case word == "!":
				s.Template = true
			case strings.HasPrefix(word, "+"):
				old := p.existing(name, strings.TrimSpace(word[1:]))
				if old == nil {
					p.breaks(file, number, "adds-to-none", "section", name)
					continue
				}
				old.Options = append(old.Options, s.Options...)
				s, added = old, false
			case word != "":
				p.inherit(s, word, file, number)
			}
		}
	}
	if added {
		p.c.Sections = append(p.c.Sections, s)
		key := strings.ToLower(name)
		p.c.byName[key] = append(p.c.byName[key], s)
	}
	return s
}

// existing finds the section that "(+)" adds to; a filter such as
// "type=endpoint&context=x" picks among several of one name.
func (p *configReader) existing(name, filter string) *Section {
	for _, s := range p.c.byName[strings.ToLower(name)] {
		if matchesFilter(s, filter) {
			return s
		}
	}
	return nil
}

func matchesFilter(s *Section, filter string) bool {
	template := false
	for term := range strings.SplitSeq(filter, "&") {
		key, value, ok := strings.Cut(strings.TrimSpace(term), "=")
		switch {
		case !ok:
		case strings.EqualFold(key, "TEMPLATES"):
			template = true
			if strings.EqualFold(value, "restrict") && !s.Template {
				return false
			}
		case !strings.EqualFold(s.Last(key), value):
			return false
		}
	}
	return template || !s.Template || filter == ""
}

func (p *configReader) inherit(s *Section, from, file string, number int) {
	s.Inherits = append(s.Inherits, from)
	list := p.c.byName[strings.ToLower(from)]
	if len(list) == 0 {
		p.breaks(file, number, "inherits-none", "section", from)
		return
	}
	if p.room(len(list[0].Options)) {
		s.Options = append(s.Options, list[0].Options...)
	}
}

// room counts options, also inherited ones: templates of templates can
// multiply.
func (p *configReader) room(n int) bool {
	if p.options += n; p.options > maxConfigOptions && !p.full {
		p.full = true
		p.note(because("too-many-options", "count", strconv.Itoa(maxConfigOptions)))
	}
	return !p.full
}

func (p *configReader) option(file string, number int, line string, cur *Section) {
	name, value, ok := strings.Cut(line, "=")
	if cur == nil {
		p.breaks(file, number, "before-sections")
		return
	}
	if !ok {
		p.at(file, number, "no-equal-sign")
		return
	}
	name, appends := strings.CutSuffix(name, "+")
	o := Option{Name: strings.TrimSpace(name), Value: value, File: file, Line: number}
	if appends && cur.lengthen(o) {
		return
	}
	o.Value = strings.TrimSpace(strings.TrimPrefix(value, ">"))
	if p.room(1) {
		cur.Options = append(cur.Options, o)
	}
}

// lengthen does what "name += value" asks for: the last option of that name, which may
// be inherited, goes on, with the spaces before the value. It is false where there is
// none.
func (s *Section) lengthen(by Option) bool {
	for i := len(s.Options) - 1; i >= max(0, len(s.Options)-maxSearched); i-- {
		if o := &s.Options[i]; o.Name == by.Name {
			if by.Value = o.Value + by.Value; len(by.Value) <= maxAppended {
				*o = by
			}
			return true
		}
	}
	return false
}

var errTooDeep = errors.New("includes nest too deeply")

func (p *configReader) directive(file string, number int, line string, cur *Section, depth int) {
	word, name, _ := strings.Cut(line, " ")
	if i := strings.IndexAny(line, " \t"); i > 0 {
		word, name = line[:i], line[i+1:]
	}
	name = strings.Trim(strings.TrimSpace(name), `"<>`)
	switch {
	case strings.EqualFold(word, "#exec"):
		p.at(file, number, "exec")
		p.c.Unread = append(p.c.Unread, Unread{From: file})
		return
	case !strings.EqualFold(word, "#include") && !strings.EqualFold(word, "#tryinclude"):
		p.at(file, number, "directive")
		return
	case name == "":
		return
	case depth >= maxConfigDepth:
		p.at(file, number, "too-deep", "depth", strconv.Itoa(maxConfigDepth))
		p.c.Unread = append(p.c.Unread, Unread{file, name, errTooDeep})
		return
	}
	if !path.IsAbs(name) {
		name = path.Join(p.files.Dir, name)
	}
	names := []string{name}
	if strings.ContainsAny(name, "*?[") && p.files.Glob != nil {
		names, _ = p.files.Glob(name)
	}
	required := strings.EqualFold(word, "#include")
	for _, n := range names {
		b, err := p.files.Read(n)
		missing := errors.Is(err, fs.ErrNotExist)
		switch {
		case err == nil:
			p.file(n, b, cur, depth+1)
			continue
		case missing && !required:
			continue
		case missing:
			p.breaks(file, number, "includes-none", "file", n)
		default:
			p.note(because("include-unread", "at", fmt.Sprintf("%s:%d", file, number)) + platform.Words(err).Reason().As("why"))
		}
		p.c.Unread = append(p.c.Unread, Unread{file, n, err})
	}
}

// Comments takes comments out of a file's lines, one after the other: ";" to
// the end of the line, ";-- … --;" over lines and nested, "\;" is none. The zero
// value is ready for the first line of a file.
type Comments struct{ depth int }

// Strip returns a line without its comments and the white space around it.
func (c *Comments) Strip(line string) string {
	if c.depth == 0 && !strings.Contains(line, ";") {
		return strings.TrimSpace(line)
	}
	var kept strings.Builder
	for line != "" {
		i := strings.IndexByte(line, ';')
		if i < 0 {
			break
		}
		opens := strings.HasPrefix(line[i:], ";--") && !strings.HasPrefix(line[i:], ";---")
		switch {
		case i > 0 && line[i-1] == '\\':
			c.keep(&kept, line[:i-1]+";")
			line = line[i+1:]
		case opens:
			c.keep(&kept, line[:i])
			c.depth, line = c.depth+1, line[i+3:]
		case c.depth > 0 && strings.HasSuffix(line[:i], "--"):
			c.depth, line = c.depth-1, line[i+1:]
		case c.depth > 0:
			line = line[i+1:]
		default:
			kept.WriteString(line[:i])
			return strings.TrimSpace(kept.String())
		}
	}
	c.keep(&kept, line)
	return strings.TrimSpace(kept.String())
}

func (c *Comments) keep(b *strings.Builder, s string) {
	if c.depth == 0 {
		b.WriteString(s)
	}
}
