package asterisk

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// Dialplan is what of extensions.conf says where calls can go.
type Dialplan struct {
	Contexts []Context `json:"contexts,omitempty"`
	// Elsewhere are the contexts that other files make: AEL, Lua, parking lots.
	Elsewhere []string `json:"elsewhere,omitempty"`
	Dials     []Dial   `json:"dials,omitempty"` // the first maxDials
}

// Context is a part of the dialplan.
type Context struct {
	Name       string     `json:"name"`
	At         string     `json:"at"`
	Extensions int        `json:"extensions"`
	Hints      int        `json:"hints,omitempty"`
	Includes   []Included `json:"includes,omitempty"`
	// NoFirst are extensions that begin with priority n or 2, and have no 1: the
	// others without one are for Gosub.
	NoFirst []Extension `json:"no_first,omitempty"`
}

// Included is an "include => context".
type Included struct {
	Context string `json:"context"`
	At      string `json:"at"`
}

// Extension is a number or pattern of a context.
type Extension struct {
	Name string `json:"name"`
	At   string `json:"at"` // FILE:LINE of its first priority
}

// Dial is a channel that the dialplan calls, or whose state a hint shows.
type Dial struct {
	Tech    string `json:"tech"`   // SIP or PJSIP
	Target  string `json:"target"` // "201", "${EXTEN}@trunk"
	Context string `json:"context"`
	Hint    bool   `json:"hint,omitempty"`
	At      string `json:"at"`
}

const (
	// maxDials bounds what is kept: a finding shows a few lines and the count.
	maxDials  = 2000
	maxTarget = 64
)

var (
	aelContext = regexp.MustCompile(`(?m)^\s*(?:abstract\s+)?context\s+([\w.-]+)`)
	luaContext = regexp.MustCompile(`(?m)\[?["']?([\w.-]+)["']?\]?\s*=\s*\{`)
	channel    = regexp.MustCompile(`(?i)(?:^|[(,&=\s"])(PJSIP|SIP)/([^,&)|"\s]+)`)
)

func (r *settingsReader) dialplan() {
	if c := r.config("extensions.conf"); c != nil {
		r.s.Dialplan.read(c)
	}
	for file, form := range map[string]*regexp.Regexp{"extensions.ael": aelContext, "extensions.lua": luaContext} {
		b, err := r.read(path.Join(r.dir, file))
		if err != nil {
			continue
		}
		for _, m := range form.FindAllSubmatch(b, -1) {
			r.s.Dialplan.Elsewhere = append(r.s.Dialplan.Elsewhere, string(m[1]))
		}
	}
	if c := r.config("res_parking.conf"); c != nil {
		for _, s := range c.Sections {
			r.s.Dialplan.Elsewhere = append(r.s.Dialplan.Elsewhere, s.All("context")...)
		}
	}
	slices.Sort(r.s.Dialplan.Elsewhere)
	r.s.Dialplan.Elsewhere = slices.Compact(r.s.Dialplan.Elsewhere)
}

// read takes extensions.conf apart. A context may stand in several sections.
func (d *Dialplan) read(c *Config) {
	r := dialplanReader{d: d, at: map[string]int{}, first: map[place]bool{}, seen: map[place]Extension{}}
	for _, s := range c.Sections {
		name := strings.ToLower(s.Name)
		if s.Template || name == "general" || name == "globals" {
			continue
		}
		i, ok := r.at[name]
		if !ok {
			i = len(d.Contexts)
			r.at[name], d.Contexts = i, append(d.Contexts, Context{Name: s.Name, At: s.at()})
		}
		r.section(s, i)
	}
	for _, p := range r.order {
		c := &d.Contexts[p.context]
		if c.Extensions++; !r.first[p] && !strings.Contains(p.extension, "${") {
			c.NoFirst = append(c.NoFirst, r.seen[p])
		}
	}
}

// place is an extension of a context, by its lower-case name.
type place struct {
	context   int
	extension string
}

type dialplanReader struct {
	d     *Dialplan
	at    map[string]int // contexts by their lower-case name
	first map[place]bool // it can be dialled, or is not meant to be
	seen  map[place]Extension
	order []place
}

// section reads a section of context i.
func (r *dialplanReader) section(s *Section, i int) {
	c := &r.d.Contexts[i]
	extension := ""
	for _, o := range s.Options {
		switch strings.ToLower(o.Name) {
		case "include":
			context, _, _ := strings.Cut(o.Value, ",")
			c.Includes = append(c.Includes, Included{strings.TrimSpace(context), o.At()})
		case "exten", "same":
			rest := o.Value
			if strings.EqualFold(o.Name, "exten") {
				extension, rest, _ = strings.Cut(o.Value, ",")
				extension = strings.TrimSpace(extension)
			}
			priority, app, _ := strings.Cut(rest, ",")
			hint := r.priority(place{i, strings.ToLower(extension)}, strings.TrimSpace(priority), Extension{extension, o.At()})
			if hint {
				c.Hints++
			}
			r.d.dials(app, s.Name, hint, o)
		}
	}
}

// priority notes a priority of an extension, and reports whether it is a hint.
func (r *dialplanReader) priority(p place, priority string, x Extension) (hint bool) {
	priority, _, labelled := strings.Cut(priority, "(")
	hint = strings.EqualFold(priority, "hint")
	if _, known := r.seen[p]; !known && !hint && x.Name != "" {
		r.seen[p], r.order = x, append(r.order, p)
		r.first[p] = priority != "n" && (priority != "2" || labelled)
	}
	r.first[p] = r.first[p] || priority == "1"
	return hint
}

// dials finds the channels in what an application is told, or in a hint.
func (d *Dialplan) dials(app, context string, hint bool, o Option) {
	for _, m := range channel.FindAllStringSubmatch(app, -1) {
		if len(d.Dials) >= maxDials {
			return
		}
		target := withoutPassword(m[2])
		d.Dials = append(d.Dials, Dial{Tech: strings.ToUpper(m[1]), Target: target[:min(len(target), maxTarget)], Context: context, Hint: hint, At: o.At()})
	}
}
