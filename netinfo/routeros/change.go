package routeros

import "slices"

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
		r.takeSet(m, it, c)
	}
	return nil
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
		r.take(Step{Menu: m.Path, Verb: "unset", Item: it.String(), Set: []Prop{{Name: "value-name", Value: v.String()}}})
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
		r.take(Step{Menu: r.home(m, it), Verb: "set", Item: it.String(), Set: []Prop{{Name: "disabled", Value: text}}})
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
	for _, it := range items {
		r.take(Step{Menu: m.Path, Verb: "remove", Item: it.String()})
	}
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
	for _, it := range items {
		step := Step{Menu: m.Path, Verb: "move", Item: it.String()}
		if before != nil {
			step.Before = before.String()
		}
		r.take(step)
	}
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
		if !r.typed && (err != nil || len(items) != 1) { // the router may have it
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
