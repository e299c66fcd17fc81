package routeros

import (
	"maps"
	"slices"
	"strings"
	"unicode"
)

// A MenuRows is a menu as the API of a router shows it: its items with their properties,
// ".id" and the flags among them.
type MenuRows struct {
	Path string
	Rows []map[string]string
}

// FromMenus is the configuration of a router that was asked for these menus. It covers
// no other. Items have the IDs that they have on the router.
func FromMenus(version, model string, menus []MenuRows) *Config {
	version, _, _ = strings.Cut(oneLine(version), " ") // "7.17.2 (stable)"
	c := New(version)
	c.Model = oneLine(model)
	c.lastID = 0x7000_0000 // beyond what a router gives, for those that are added here
	all := ""
	c.covered = &all
	for _, m := range menus {
		if m.Path != interfaces {
			c.Asked = append(c.Asked, m.Path)
			c.takeRows(c.menu(m.Path), m.Rows)
		}
	}
	for _, m := range menus {
		if m.Path == interfaces {
			c.otherInterfaces(m.Rows)
		}
	}
	slices.Sort(c.Asked)
	return c
}

// isSettings reports whether a menu holds settings and no list.
func (m *Menu) isSettings(rows []map[string]string) bool {
	return m.single() || m.spec == nil && len(rows) == 1 && rows[0][".id"] == ""
}

// oneLine is s without what would end a line.
func oneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s))
}

// Refresh takes a menu as it is now.
func (c *Config) Refresh(m MenuRows) { c.takeRows(c.menu(m.Path), m.Rows) }

// takeRows makes the items of a menu.
func (c *Config) takeRows(m *Menu, rows []map[string]string) {
	shippedItems := New(c.Version.Text).Menu(m.Path).Items
	m.Items = make([]*Item, 0, len(rows))
	for _, row := range rows {
		if m.spec == nil && isYes(row["default"]) && !strings.HasPrefix(m.Path, "/ppp/") {
			continue // what every router has, and no export
		}
		it := c.newItem()
		it.key = row[".id"]
		it.settings = m.isSettings(rows)
		it.Dynamic, it.Invalid = isYes(row["dynamic"]), isYes(row["invalid"])
		for _, name := range slices.Sorted(maps.Keys(row)) {
			if v, ok := m.configured(name, row[name]); ok {
				it.Props = append(it.Props, Prop{Name: name, Value: v})
			}
		}
		it.ship(shippedItems, row)
		m.Items = append(m.Items, it)
	}
}

// ship recognises an item that RouterOS is shipped with, which nobody added.
func (it *Item) ship(list []*Item, row map[string]string) {
	if name := row["default-name"]; name != "" {
		it.Builtin, it.base = true, []Prop{{Name: "default-name", Value: name}}
		return
	}
	i := slices.IndexFunc(list, func(s *Item) bool {
		return s.Builtin && len(s.base) > 0 && s.base[0].Value == row[s.base[0].Name]
	})
	if i >= 0 {
		it.Builtin, it.base = true, list[i].base
	}
}

// configured is the value of a property as an export has it; ok is false of what is no
// part of the configuration.
func (m *Menu) configured(name, value string) (string, bool) {
	if m.Path == connections4 || m.Path == connections6 {
		return value, !strings.HasPrefix(name, ".")
	}
	if !plainName(name) || secret(name) || slices.Contains([]string{"dynamic", "invalid", "builtin", "default", "creation-time"}, name) {
		return "", false
	}
	kind := ""
	if m.spec != nil {
		p, known := m.spec.properties[name]
		if !known && (m.spec.Partial || slices.Contains(m.spec.ReadOnly, name)) && name != "name" {
			return "", false
		}
		kind = p.kind
	}
	switch {
	case kind == "text" || kind == "name" || name == "comment":
	case value == "true":
		return "yes", true
	case value == "false":
		return "no", true
	}
	return value, true
}

// otherInterfaces takes those whose kind has no menu here: their names matter to rules.
func (c *Config) otherInterfaces(rows []map[string]string) {
	seen := map[string]bool{}
	for m := range c.below(interfaces) {
		for _, it := range m.Items {
			if name, ok := it.prop("name"); ok && isInterfaceMenu(m.Path) {
				seen[name] = true
			}
		}
	}
	for _, row := range rows {
		name, kind := row["name"], row["type"]
		path := interfaces + "/" + kindMenu(kind)
		if name == "" || seen[name] || isYes(row["dynamic"]) || !plainName(kind) || tables().Menus[path] != nil {
			continue
		}
		seen[name] = true
		it := c.newItem()
		it.key = row[".id"]
		it.Props = []Prop{{Name: "name", Value: name}}
		if isYes(row["disabled"]) {
			it.Props = append(it.Props, Prop{Name: "disabled", Value: "yes"})
		}
		m := c.menu(path)
		m.Items = append(m.Items, it)
	}
}

// kindMenu is the menu of a kind of interface, as far as its name is another one.
func kindMenu(kind string) string {
	if tunnel, ok := strings.CutSuffix(kind, "-tunnel"); ok {
		return tunnel
	}
	if client, ok := strings.CutSuffix(kind, "-out"); ok {
		return client + "-client"
	}
	return kind
}

// plainName reports whether s can be a word in the path of a menu.
func plainName(s string) bool {
	return s != "" && len(s) < 40 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// absent reports whether a version has none of a menu's properties.
func absent(path string, v Version) bool {
	m := &Menu{Path: path, spec: tables().Menus[path], cfg: &Config{Header: Header{Version: v}}}
	if len(m.spec.Removed) == 0 {
		return false
	}
	for name := range m.spec.properties {
		if _, ok := m.property(name); ok && name != "comment" && name != "disabled" {
			return false
		}
	}
	return true
}
