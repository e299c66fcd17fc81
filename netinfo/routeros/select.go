package routeros

import (
	"slices"
	"strconv"
	"strings"
)

// find is the IDs of the items that meet a condition.
func (r *interpreter) find(c *command, path string) (value, error) {
	out := value{kind: list}
	rows, known, err := r.filter(c, path)
	if err != nil {
		return out, err
	}
	for _, row := range rows {
		out.list = append(out.list, textOf(row.Item.String()))
	}
	if !known || len(rows) == 0 && !r.typed && !r.whole {
		return value{kind: unknown}, nil
	}
	return out, nil
}

// filter are the items of a menu that meet c's condition; known is false if that
// could not be told of one.
func (r *interpreter) filter(c *command, path string) (rows []Row, known bool, err error) {
	known = true
	for _, m := range r.listed(path) {
		if err := r.spend(len(m.Items)); err != nil {
			return nil, false, err
		}
		for _, it := range m.Items {
			row := Row{it, m}
			v := truthOf(true)
			if c.cond != nil {
				if v, err = r.eval(c.cond, &row); err != nil {
					return nil, false, err
				}
			}
			is, sure := v.isTrue()
			known = known && sure
			if is {
				rows = append(rows, row)
			}
		}
	}
	return rows, known, nil
}

// listed are the menus whose items path shows: /interface shows those of all kinds
// of interfaces.
func (r *interpreter) listed(path string) (out []*Menu) {
	if path != "/interface" {
		return []*Menu{r.cfg.Menu(path)}
	}
	for m := range r.cfg.below(path) {
		if isInterfaceMenu(m.Path) {
			out = append(out, m)
		}
	}
	return out
}

// isInterfaceMenu reports whether the items of a menu are interfaces.
func isInterfaceMenu(path string) bool {
	kind, ok := strings.CutPrefix(path, "/interface/")
	return ok && !strings.Contains(kind, "/") && kind != "list" && kind != "detect-internet"
}

// property is what a condition sees of an item.
func (r Row) property(name string) value {
	switch name {
	case ".id":
		return textOf(r.Item.String())
	case "dynamic":
		return truthOf(r.Dynamic || r.Yes("dynamic"))
	case "invalid":
		return truthOf(r.Invalid)
	case "builtin":
		return truthOf(r.Builtin)
	case "disabled":
		return truthOf(r.Off())
	}
	v := r.Get(name)
	if v.Origin == Unknown {
		return value{}
	}
	return wordOf(v.Text)
}

// chosen are the items that a command is about: by number as print shows them, by
// name, by *ID, or those of a find. A command that wants some and is given none is
// refused.
func (r *interpreter) chosen(c *command, m *Menu, n *node) ([]*Item, error) {
	if n == nil {
		if n = c.named("numbers"); n == nil {
			return nil, says(answerMissing, "numbers")
		}
	}
	v, err := r.eval(n, nil)
	if err != nil {
		return nil, err
	}
	if v.kind == unknown {
		return nil, errDepends
	}
	keys := v.list
	if v.kind != list {
		for s := range strings.SplitSeq(v.String(), ",") {
			keys = append(keys, textOf(strings.TrimSpace(s)))
		}
	}
	var out []*Item
	for _, key := range keys {
		if key.kind == nothing || key.kind == text && key.text == "" {
			continue
		}
		it := r.item(m, key.String())
		if it == nil {
			return nil, says(answerNoItem)
		}
		out = append(out, it)
	}
	return out, nil
}

// item is the item that a key means; nil if there is none.
func (r *interpreter) item(m *Menu, key string) *Item {
	items := m.Items
	if m.Path == "/interface" {
		for _, l := range r.listed(m.Path) {
			items = append(items, l.Items...)
		}
	}
	if id, ok := strings.CutPrefix(key, "*"); ok {
		n, err := strconv.ParseInt(id, 16, 32)
		i := slices.IndexFunc(items, func(it *Item) bool { return it.key == key || err == nil && it.ID == int(n) })
		if i >= 0 {
			return items[i]
		}
		return nil
	}
	for _, it := range items {
		row := Row{it, m}
		if it.key == key || row.Get("name").Text == key || row.Get("default-name").Text == key {
			return it
		}
	}
	if n, err := strconv.Atoi(key); err == nil && n >= 0 {
		if shown := r.printed[m.Path]; shown != nil {
			items = shown
		}
		if n < len(items) && slices.Contains(m.Items, items[n]) {
			return items[n]
		}
	}
	return nil
}
