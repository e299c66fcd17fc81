package routeros

import (
	"slices"
)

// add makes an item. Its value is the ID, as :local x [add …] has it.
func (r *interpreter) add(c *command, m *Menu) (value, error) {
	if m.single() {
		return value{}, saysAt(c.verb.place, answerNoMenu, c.verb.text)
	}
	it := r.cfg.newItem()
	it.Line, it.Last = c.line, c.last
	if n := c.named("copy-from"); n != nil {
		from, err := r.chosen(c, m, n)
		if err != nil {
			return value{}, err
		}
		for _, f := range from[:min(1, len(from))] {
			it.Props = slices.Clone(f.Props)
		}
	}
	it.Props = slices.Grow(it.Props, len(c.args))
	if err := r.assignAll(c, m, it); err != nil {
		return value{}, err
	}
	if r.typed {
		if err := r.acceptable(m, it); err != nil {
			return value{}, err
		}
	}
	at := len(m.Items)
	if n := c.named("place-before"); n != nil {
		before, err := r.anchor(c, m, n)
		if err != nil {
			return value{}, err
		}
		if before != nil {
			at = slices.Index(m.Items, before)
		}
	}
	m.Items = slices.Insert(m.Items, at, it)
	return textOf(it.String()), nil
}

// anchor is the item that place-before names, the first if there are several; nil
// if the file does not tell.
func (r *interpreter) anchor(c *command, m *Menu, n *node) (*Item, error) {
	items, err := r.chosen(c, m, n)
	if err == errDepends && !r.typed {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, says(answerNoItem)
	}
	if items[0].Dynamic && r.typed {
		return nil, says(answerBuiltin, "move")
	}
	return items[0], nil
}

// isSelector are the arguments that say which items, or where.
func isSelector(name string) bool {
	return name == "" || name == "numbers" || name == "place-before" || name == "copy-from" || name == "destination"
}

// assignAll sets the properties that c names.
func (r *interpreter) assignAll(c *command, m *Menu, it *Item) error {
	for _, a := range c.args {
		if isSelector(a.name) {
			continue
		}
		if a.unset {
			it.unset(a.name)
			continue
		}
		v, err := r.eval(a.value, nil)
		if err != nil {
			return err
		}
		if v.kind == unknown {
			return errDepends
		}
		text := v.String()
		if r.typed {
			if text, err = r.accept(m, a, text); err != nil {
				return err
			}
		}
		it.set(a.name, text, a.line)
	}
	return nil
}

// set changes items, or the settings of a menu.
func (r *interpreter) set(c *command, m *Menu) error {
	items, err := r.targets(c, m)
	if err != nil {
		return err
	}
	for _, it := range items {
		if it.Dynamic && r.typed {
			return says(answerBuiltin, "change")
		}
		was := slices.Clone(it.Props)
		if err = r.assignAll(c, m, it); err == nil && r.typed {
			err = r.acceptable(m, it)
		}
		if err != nil {
			it.Props = was
			return err
		}
		if it.Line == 0 {
			it.Line, it.Last = c.line, c.last
		}
	}
	return nil
}

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

// unset takes properties away.
func (r *interpreter) unset(c *command, m *Menu) error {
	items, err := r.chosen(c, m, c.plain(0))
	if err != nil {
		return err
	}
	name := c.plain(1)
	if name == nil {
		name = c.named("value-name")
	}
	v, err := r.eval(name, nil)
	for _, it := range items {
		it.unset(v.String())
	}
	return err
}

// enable does enable and disable.
func (r *interpreter) enable(c *command, m *Menu) error {
	items, err := r.chosen(c, m, c.plain(0))
	if err != nil {
		return err
	}
	for _, it := range items {
		if it.Dynamic && r.typed {
			return says(answerBuiltin, "change")
		}
		text := "no"
		if c.verb.text == "disable" {
			text = "yes"
		}
		it.set("disabled", text, c.line)
	}
	return nil
}

// isFirewall reports whether the dynamic items of a menu are rules, which nobody
// can remove.
func (m *Menu) isFirewall() bool { return m.ordered() }

func (r *interpreter) remove(c *command, m *Menu) error {
	items, err := r.chosen(c, m, c.plain(0))
	if err != nil {
		return err
	}
	for _, it := range items {
		if r.typed && (it.Builtin || it.Dynamic && m.isFirewall()) {
			return says(answerBuiltin, "remove")
		}
	}
	m.Items = slices.DeleteFunc(m.Items, func(it *Item) bool { return slices.Contains(items, it) })
	return nil
}

// move puts items before another one, or at the end.
func (r *interpreter) move(c *command, m *Menu) error {
	if r.typed && !m.ordered() {
		return saysAt(c.verb.place, answerNoMenu, c.verb.text)
	}
	items, err := r.chosen(c, m, c.plain(0))
	if err != nil || len(items) == 0 {
		return err
	}
	var before *Item
	n := c.plain(1)
	if n == nil {
		n = c.named("destination")
	}
	if n != nil {
		if before, err = r.anchor(c, m, n); err != nil {
			return err
		}
	}
	for _, it := range items {
		if it.Dynamic && r.typed {
			return says(answerBuiltin, "move")
		}
	}
	if slices.Contains(items, before) {
		return nil
	}
	m.Items = slices.DeleteFunc(m.Items, func(it *Item) bool { return slices.Contains(items, it) })
	at := len(m.Items)
	if before != nil {
		at = slices.Index(m.Items, before)
	}
	m.Items = slices.Insert(m.Items, at, items...)
	return nil
}

// get is a property of an item.
func (r *interpreter) get(c *command, m *Menu) (value, error) {
	n, name := c.plain(0), c.plain(1)
	var row Row
	if m.single() {
		row, name = Row{m.Settings(), m}, n
	} else {
		items, err := r.chosen(c, m, n)
		if err == errDepends {
			return value{kind: unknown}, nil
		}
		if err != nil {
			return value{}, err
		}
		if len(items) != 1 {
			return value{}, says(answerNoItem)
		}
		row = Row{items[0], m}
	}
	if name == nil {
		name = c.named("value-name")
	}
	v, err := r.eval(name, nil)
	if err != nil {
		return value{}, err
	}
	out := row.property(v.String())
	if out.kind == nothing && !r.typed {
		return value{kind: unknown}, nil
	}
	return out, nil
}
