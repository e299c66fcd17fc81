package routeros

import (
	"slices"
	"strings"
)

// cover finds out what the file is an export of. Where RouterOS wrote it, that is
// the menu that all its lines are in: an /ip firewall export says nothing of other
// menus. A script says only what it changes.
func (c *Config) cover(export bool) {
	if !export {
		return
	}
	common := ""
	first := true
	for _, m := range c.order {
		if !slices.ContainsFunc(m.Items, func(it *Item) bool { return it.Line > 0 }) {
			continue
		}
		if first {
			common, first = m.Path, false
		}
		for common != "" && m.Path != common && !strings.HasPrefix(m.Path, common+"/") {
			common = common[:strings.LastIndexByte(common, '/')]
		}
	}
	c.covered = &common
}

// Covers reports whether the file tells all that is configured in a menu. Only then
// does what it leaves out have its default.
func (c *Config) Covers(path string) bool {
	if c.covered != nil && len(c.Asked) > 0 {
		return c.wasRead(path)
	}
	return c.covered != nil && (*c.covered == "" || path == *c.covered || strings.HasPrefix(path, *c.covered+"/"))
}

// wasRead reports whether a menu was asked for, or all that is known below it.
func (c *Config) wasRead(path string) bool {
	if slices.Contains(c.Asked, path) {
		return true
	}
	below := 0
	for p := range tables().Menus {
		if !strings.HasPrefix(p, path+"/") || p == connections4 || p == connections6 || c.Version.Known() && absent(p, c.Version) {
			continue
		}
		if below++; !slices.Contains(c.Asked, p) {
			return false
		}
	}
	return below > 0
}
