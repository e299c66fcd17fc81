package routeros

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A Config is the configuration of a router, as far as it was read. The zero value
// is of no use: see New and Read.
type Config struct {
	Header
	// Faults are the lines that could not be read or run, at most maxFaults. They
	// are not in the model.
	Faults []Fault
	// Unread counts the faults that are not kept.
	Unread int

	covered *string // the menu that the file is an export of, "" of all; nil: of none

	menus  map[string]*Menu
	order  []*Menu
	lastID int
}

// maxFaults bounds what is kept of a file that is no export.
const maxFaults = 200

// A Fault is a line that was not run, and why.
type Fault struct {
	Line int
	Why  words.Cause
}

// A Menu is one place of the configuration, such as /ip/firewall/filter: a list of
// items in their order, or settings, which are one item.
type Menu struct {
	Path  string
	Items []*Item
	spec  *menuSpec
	cfg   *Config
}

// An Item is a rule, an address, an interface, or the settings of a menu.
type Item struct {
	ID    int // as RouterOS shows it: *ID in hexadecimal digits
	Line  int // of the file; 0 if no line made it
	Last  int // the last line of that command
	Props []Prop
	Flags

	settings bool // of its menu: what a set without an item changes

	key  string // what set calls it in an export, if neither a name nor a find
	base []Prop // of a built-in item: what it is as it is shipped
}

// Flags are those of an item that print shows and no command sets.
type Flags struct {
	Dynamic bool // made by the router itself, and lost when it restarts
	Builtin bool // shipped with RouterOS; it cannot be removed
	Invalid bool // RouterOS says that it has no effect
}

// A Prop is one property of an item as a line set it.
type Prop struct {
	Name, Value string
	Line        int // 0 if no line of a file did
}

// New is a router of this version that has been reset to no configuration at all;
// version may be empty, and then what depends on it is not known.
func New(version string) *Config {
	c := &Config{menus: map[string]*Menu{}}
	c.Version = parseVersion(version)
	c.ship()
	return c
}

// ship puts the built-in items into the menus.
func (c *Config) ship() {
	for path, spec := range tables().Menus {
		for _, b := range spec.Builtin {
			if !b.fits(c.Version) {
				continue
			}
			m := c.menu(path)
			it := c.newItem()
			it.Builtin, it.base = true, b.props
			m.Items = append(m.Items, it)
		}
	}
	slices.SortFunc(c.order, func(a, b *Menu) int { return cmp.Compare(a.Path, b.Path) })
	for i, m := range c.order { // IDs that do not depend on the order of a map
		for j, it := range m.Items {
			it.ID = 1 + i*64 + j
			c.lastID = max(c.lastID, it.ID)
		}
	}
}

func (c *Config) newItem() *Item {
	c.lastID++
	return &Item{ID: c.lastID}
}

// Menu is the menu of a path such as "/ip/firewall/filter". One that nothing is
// known of is empty.
func (c *Config) Menu(path string) *Menu {
	if m := c.menus[path]; m != nil {
		return m
	}
	return &Menu{Path: path, spec: tables().Menus[path], cfg: c}
}

// menu is Menu that keeps the menu.
func (c *Config) menu(path string) *Menu {
	m := c.menus[path]
	if m == nil {
		m = &Menu{Path: path, spec: tables().Menus[path], cfg: c}
		c.menus[path] = m
		c.order = append(c.order, m)
	}
	return m
}

// Menus are the menus that have an item, in the order in which they came up.
func (c *Config) Menus() iter.Seq[*Menu] {
	return func(yield func(*Menu) bool) {
		for _, m := range c.order {
			if len(m.Items) > 0 && !yield(m) {
				return
			}
		}
	}
}

// below are the menus at path and under it.
func (c *Config) below(path string) iter.Seq[*Menu] {
	return func(yield func(*Menu) bool) {
		for _, m := range c.order {
			if (m.Path == path || strings.HasPrefix(m.Path, path+"/")) && !yield(m) {
				return
			}
		}
	}
}

// Settings is the item of a menu of settings such as /ip/settings. It is never nil;
// what it does not have, its defaults may.
func (m *Menu) Settings() *Item {
	if len(m.Items) == 0 {
		return &Item{}
	}
	return m.Items[0]
}

// Settings is c.Menu(path).Settings() with the defaults of that menu.
func (c *Config) Settings(path string) Row {
	m := c.Menu(path)
	return Row{m.Settings(), m}
}

// Rows are the items of a menu with their defaults, in order.
func (c *Config) Rows(path string) iter.Seq[Row] {
	m := c.Menu(path)
	return func(yield func(Row) bool) {
		for _, it := range m.Items {
			if !yield(Row{it, m}) {
				return
			}
		}
	}
}

// Named is the item of a menu with that name; ok is false if there is none.
func (c *Config) Named(path, name string) (r Row, ok bool) {
	for r := range c.Rows(path) {
		if r.Get("name").Text == name {
			return r, true
		}
	}
	return Row{}, false
}

// String is the ID as RouterOS writes it.
func (it *Item) String() string {
	if strings.HasPrefix(it.key, "*") {
		return it.key
	}
	return "*" + strings.ToUpper(strconv.FormatInt(int64(it.ID), 16))
}

// prop is what a line set, ok is false if none did.
func (it *Item) prop(name string) (string, bool) {
	for i := range it.Props {
		if it.Props[i].Name == name {
			return it.Props[i].Value, true
		}
	}
	return "", false
}

// set sets a property, unset takes what was set away.
func (it *Item) set(name, value string, line int) {
	for i := range it.Props {
		if it.Props[i].Name == name {
			it.Props[i] = Prop{name, value, line}
			return
		}
	}
	it.Props = append(it.Props, Prop{name, value, line})
}

func (it *Item) unset(name string) {
	it.Props = slices.DeleteFunc(it.Props, func(p Prop) bool { return p.Name == name })
}
