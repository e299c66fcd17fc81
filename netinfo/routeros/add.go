package routeros

import "slices"

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
	where := ""
	if n := c.named("place-before"); n != nil {
		before, err := r.anchor(c, m, n)
		if err != nil {
			return value{}, err
		}
		if before != nil {
			at, where = slices.Index(m.Items, before), before.String()
		}
	}
	m.Items = slices.Insert(m.Items, at, it)
	r.take(Step{Menu: m.Path, Verb: "add", Set: it.Props, Before: where})
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
		if name := m.flag(a); name != "" && c.verb.text == "add" {
			it.set(name, "yes", a.line)
			continue
		}
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

// flag is the property that an argument sets by its name alone, as blackhole of a route
// of version 7; empty if it is none.
func (m *Menu) flag(a arg) string {
	if a.name != "" || a.value == nil || a.value.op != opText || a.value.quoted || m.spec == nil || m.spec.properties[a.value.text].kind != flagKind {
		return ""
	}
	return a.value.text
}
