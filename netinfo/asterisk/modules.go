package asterisk

import "strings"

// Modules is modules.conf: what Asterisk loads.
type Modules struct {
	Read     bool           `json:"read,omitempty"`
	Autoload bool           `json:"autoload,omitempty"`
	Load     []ModuleOption `json:"load,omitempty"` // load, preload and require
	NoLoad   []ModuleOption `json:"noload,omitempty"`
}

// ModuleOption is one line of modules.conf.
type ModuleOption struct {
	Module string `json:"module"` // without ".so"
	Text   string `json:"text"`
	At     string `json:"at"` // FILE:LINE
}

// Loads reports whether Asterisk loads a module of its own, and the line that
// says so, if one does. It is true where nothing is known.
func (m *Modules) Loads(module string) (bool, *ModuleOption) {
	for i := range m.NoLoad {
		if m.NoLoad[i].Module == module {
			return false, &m.NoLoad[i]
		}
	}
	for i := range m.Load {
		if m.Load[i].Module == module {
			return true, &m.Load[i]
		}
	}
	return !m.Read || m.Autoload, nil
}

func (r *settingsReader) modules() {
	c := r.config("modules.conf")
	if c == nil {
		return
	}
	m := &r.s.Modules
	for _, s := range c.Named("modules") {
		m.Read = true
		for _, o := range s.Options {
			line := ModuleOption{Module: strings.TrimSuffix(o.Value, ".so"), Text: o.Name + " => " + o.Value, At: o.At()}
			switch strings.ToLower(o.Name) {
			case "autoload":
				m.Autoload = yes(o.Value)
			case "load", "preload", "require", "preload-require", "load-require":
				m.Load = append(m.Load, line)
			case "noload":
				m.NoLoad = append(m.NoLoad, line)
			}
			if o.Value == removedSecret { // a bundle that does not tell
				*m = Modules{}
				return
			}
		}
	}
}
