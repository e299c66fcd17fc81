package routeros

import (
	"slices"
	"strings"
	"unicode"
)

// Find is the shortest condition that only this row meets, for a command in its
// menu: [find where comment="…"]. A number would be another rule's as soon as the
// table changes. ok is false if two rows say the same.
func (c *Config) Find(r Row) (find string, ok bool) {
	var terms []string
	for _, name := range r.telling() {
		value := r.Get(name).Text
		terms = append(terms, name+"="+Quote(value))
		for _, attempt := range [][]string{{terms[len(terms)-1]}, terms} {
			find = "[find where " + strings.Join(attempt, " and ") + "]"
			if c.meets(r, find) {
				return find, true
			}
		}
	}
	return "", false
}

// telling are the names of a row's properties, what people know it by first. Texts
// that are not ASCII tell nothing: what a console sends for them depends on its
// encoding, and Winbox stored them in its own.
func (r Row) telling() (names []string) {
	for _, p := range slices.Concat(r.Props, r.base) {
		if p.Value != "" && isASCII(p.Value) && p.Name != "disabled" && !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	known := []string{"comment", "name", "chain", "action", "list", "interface"}
	place := func(name string) int {
		if i := slices.Index(known, name); i >= 0 {
			return i
		}
		return len(known)
	}
	slices.SortStableFunc(names, func(a, b string) int { return place(a) - place(b) })
	return names
}

// meets reports whether find finds the row and nothing else.
func (c *Config) meets(r Row, find string) bool {
	list, err := newParser(find[1 : len(find)-1]).statements()
	if err != nil || len(list) != 1 {
		return false
	}
	in := newInterpreter(c)
	in.typed = true
	rows, known, err := in.filter(list[0], r.menu.Path)
	return err == nil && known && len(rows) == 1 && rows[0].Item == r.Item
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}
