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

// Has reports whether a context exists.
func (d *Dialplan) Has(context string) bool {
	same := func(name string) bool { return strings.EqualFold(name, context) }
	return slices.ContainsFunc(d.Contexts, func(c Context) bool { return same(c.Name) }) || slices.ContainsFunc(d.Elsewhere, same)
}

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
	type place struct {
		context   int
		extension string
	}
	at, first, seen := map[string]int{}, map[place]bool{}, map[place]Extension{}
	var order []place
	for _, s := range c.Sections {
		name := strings.ToLower(s.Name)
		if s.Template || name == "general" || name == "globals" {
			continue
		}
		i, ok := at[name]
		if !ok {
			i = len(d.Contexts)
			at[name], d.Contexts = i, append(d.Contexts, Context{Name: s.Name, At: s.at()})
		}
		extension := ""
		for _, o := range s.Options {
			switch strings.ToLower(o.Name) {
			case "include":
				context, _, _ := strings.Cut(o.Value, ",")
				d.Contexts[i].Includes = append(d.Contexts[i].Includes, Included{strings.TrimSpace(context), o.At()})
			case "exten", "same":
				rest := o.Value
				if strings.EqualFold(o.Name, "exten") {
					extension, rest, _ = strings.Cut(o.Value, ",")
					extension = strings.TrimSpace(extension)
				}
				priority, app, _ := strings.Cut(rest, ",")
				priority, _, labelled := strings.Cut(strings.TrimSpace(priority), "(")
				p := place{i, strings.ToLower(extension)}
				hint := strings.EqualFold(priority, "hint")
				if hint {
					d.Contexts[i].Hints++
				}
				if _, known := seen[p]; !known && !hint && extension != "" {
					seen[p], order = Extension{extension, o.At()}, append(order, p)
					first[p] = priority != "n" && (priority != "2" || labelled)
				}
				first[p] = first[p] || priority == "1"
				d.dials(app, s.Name, hint, o)
			}
		}
	}
	for _, p := range order {
		c := &d.Contexts[p.context]
		if c.Extensions++; !first[p] && !strings.Contains(p.extension, "${") {
			c.NoFirst = append(c.NoFirst, seen[p])
		}
	}
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
