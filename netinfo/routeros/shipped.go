package routeros

import "slices"

// targets are the items that set is about.
func (r *interpreter) targets(c *command, m *Menu) ([]*Item, error) {
	n := c.plain(0)
	if m.single() || m.spec == nil && n == nil && c.named("numbers") == nil {
		i := slices.IndexFunc(m.Items, func(it *Item) bool { return it.settings })
		if i < 0 {
			it := r.cfg.newItem()
			it.settings = true
			m.Items, i = append(m.Items, it), len(m.Items)
		}
		return m.Items[i : i+1], nil
	}
	items, err := r.chosen(c, m, n)
	if r.typed || err == nil && len(items) > 0 || n == nil {
		return items, err
	}
	if it := r.shippedItem(m, n); it != nil {
		return []*Item{it}, nil
	}
	if err != nil {
		return nil, errBadItem
	}
	return nil, nil
}

// shippedItem makes the item that a set of an export is about: one that was in the
// router before anybody configured it, such as a port or a default profile.
func (r *interpreter) shippedItem(m *Menu, n *node) *Item {
	it := r.cfg.newItem()
	it.Builtin = true
	if n.op != opSub {
		v, err := r.eval(n, nil)
		if err != nil || v.kind == unknown || v.String() == "" {
			return nil
		}
		it.key = v.String()
	} else {
		if len(n.commands) != 1 || n.commands[0].verb.text != "find" {
			return nil
		}
		if !r.shippedAs(it, n.commands[0].cond) {
			return nil
		}
	}
	m.Items = append(m.Items, it)
	return it
}

// shippedAs gives it what a find of an export asks for: only names and default=yes
// tell items that are shipped.
func (r *interpreter) shippedAs(it *Item, cond *node) bool {
	switch {
	case cond == nil: // [find], where there is one item at most
	case cond.op == "and":
		return r.shippedAs(it, cond.kids[0]) && r.shippedAs(it, cond.kids[1])
	case cond.op != "=" || cond.kids[0].op != opName:
		return false
	default:
		name := cond.kids[0].text
		v, err := r.eval(cond.kids[1], nil)
		if err != nil || v.kind == unknown || name != "default-name" && name != "default" && name != "name" {
			return false
		}
		it.base = append(it.base, Prop{Name: name, Value: v.String()})
	}
	return true
}
