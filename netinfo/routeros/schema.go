package routeros

import (
	"cmp"
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed menus.yaml
var menusYAML []byte

// schema is menus.yaml: what each menu takes, and what it is as it is shipped.
type schema struct {
	Groups map[string]map[string]string `yaml:"groups"`
	Menus  map[string]*menuSpec         `yaml:"menus"`
	// Submenus are the words of a menu where all of them are known.
	Submenus map[string]string `yaml:"submenus"`
}

// A menuSpec is one menu.
type menuSpec struct {
	Kind     string            `yaml:"kind"`    // list (the default), ordered, or settings
	Partial  bool              `yaml:"partial"` // it has more properties than Props
	With     []string          `yaml:"with"`    // groups of properties
	Props    map[string]string `yaml:"props"`
	Removed  map[string]string `yaml:"removed"` // properties that a version no longer has, by version
	Added    map[string]string `yaml:"added"`   // properties that a version brought, by version
	ReadOnly []string          `yaml:"read_only"`
	Need     []string          `yaml:"need"`   // without these nothing is added
	Unique   []string          `yaml:"unique"` // no two items have all of these alike
	Already  string            `yaml:"already"`
	Default  []shipped         `yaml:"default"`
	Builtin  []shipped         `yaml:"builtin"`
	Source   string            `yaml:"source"` // of the defaults and built-in items

	properties map[string]property
}

// shipped are properties as an export writes them, of some versions.
type shipped struct {
	Set    string `yaml:"set"`
	From   string `yaml:"from"`
	Below  string `yaml:"below"`
	Source string `yaml:"source"` // in place of the menu's

	props []Prop
}

// fits reports whether s is known to hold for version v.
func (s shipped) fits(v Version) bool {
	if s.From == "" && s.Below == "" {
		return true
	}
	return v.Known() && (s.From == "" || !v.Below(s.From)) && (s.Below == "" || v.Below(s.Below))
}

// property is what values a property takes.
type property struct {
	not   bool // it may be negated
	kind  string
	words []string
	from  string // the version that brought it
	below string // the version that took it away
}

// flagKind is the kind of a property that is set by its name alone.
const flagKind = "flag"

// tables reads menus.yaml once.
var tables = sync.OnceValue(func() *schema {
	s := &schema{}
	if err := yaml.Unmarshal(menusYAML, s); err != nil {
		panic(err)
	}
	for path, m := range s.Menus {
		if err := s.complete(m); err != nil {
			panic(path + ": " + err.Error())
		}
	}
	return s
})

// complete puts the groups into a menu and reads its values.
func (s *schema) complete(m *menuSpec) error {
	m.properties = map[string]property{}
	sets := []map[string]string{m.Props}
	for _, g := range m.With {
		if s.Groups[g] == nil {
			return fmt.Errorf("group %s: %w", g, errSyntax)
		}
		sets = append(sets, s.Groups[g])
	}
	for _, set := range sets {
		for name, text := range set {
			if _, seen := m.properties[name]; seen {
				continue
			}
			kind, not := strings.CutPrefix(text, "!")
			f := strings.Fields(kind)
			m.properties[name] = property{not: not, kind: f[0], words: f[1:], from: m.Added[name], below: m.Removed[name]}
		}
	}
	for _, list := range [][]shipped{m.Default, m.Builtin} {
		for i := range list {
			var err error
			if list[i].props, err = propsOf(list[i].Set); err != nil {
				return err
			}
		}
	}
	return nil
}

// propsOf reads name=value pairs as a command has them.
func propsOf(line string) (out []Prop, err error) {
	c, err := newParser(":put " + line).statement()
	if err != nil {
		return nil, err
	}
	for _, a := range c.args {
		if a.name == "" || a.value == nil || a.value.op != opText {
			return nil, fmt.Errorf("reading %q: %w", line, errSyntax)
		}
		out = append(out, Prop{Name: a.name, Value: a.value.text})
	}
	return out, nil
}

// source is where the built-in items of a menu are documented.
func (m *Menu) source() string {
	if m.spec == nil {
		return ""
	}
	return m.spec.Source
}

// single reports whether the menu holds settings and no list.
func (m *Menu) single() bool { return m.spec != nil && m.spec.Kind == "settings" }

// ordered reports whether the place of an item among the others matters.
func (m *Menu) ordered() bool { return m.spec != nil && m.spec.Kind == "ordered" }

// property is what name takes in this menu in the version of the router.
func (m *Menu) property(name string) (property, bool) {
	p, ok := m.spec.properties[name]
	v := m.cfg.Version
	if !ok || p.from != "" && v.Below(p.from) || p.below != "" && v.Known() && !v.Below(p.below) {
		return property{}, false
	}
	return p, true
}

// noProperty is the answer to a property that the tables do not have.
func (m *Menu) noProperty(at place) error {
	if m.spec == nil || m.spec.Partial {
		return ErrNotKnown
	}
	return saysAt(at, answerNoArg)
}

// defaultOf is what RouterOS does where no line sets the property.
func (m *Menu) defaultOf(name string) Value {
	if m.spec == nil {
		return Value{}
	}
	said := false // of some version
	for _, d := range m.spec.Default {
		for _, p := range d.props {
			if p.Name == name && d.fits(m.cfg.Version) {
				return Value{Text: p.Value, Origin: Default, Source: cmp.Or(d.Source, m.spec.Source)}
			}
			said = said || p.Name == name
		}
	}
	if _, ok := m.spec.properties[name]; ok && name == "disabled" && (!said || m.cfg.Version.Known()) {
		return Value{Text: "no", Origin: Default, Source: cmp.Or(m.spec.Source, seenInExports)}
	}
	return Value{}
}

// seenInExports is the source of what no page says and every export shows.
const seenInExports = "verbose exports of RouterOS 6.49 and 7.17 (public configurations)"

// isMenu reports whether there are known menus at path or below it.
func isMenu(path string) bool {
	for p := range tables().Menus {
		if p == path || strings.HasPrefix(p, path+"/") {
			return true
		}
	}
	return false
}
