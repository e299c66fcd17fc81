package routeros

import (
	"errors"
	"fmt"
	"slices"
)

// A Step is one change as the API of a router takes it: a command of a menu about one
// item.
type Step struct {
	Menu, Verb string
	Item       string // its ID; empty of add and of settings
	Set        []Prop
	Before     string // the ID of the item that this one is put before
}

// errNeedsConsole stands beside ErrNotKnown.
var errNeedsConsole = errors.New("this command can be typed into the console only")

// Plan runs a line on the model, as Console.Type does, and returns the steps that change
// a router in the same way, with what the line prints. The items of the model must have
// the IDs of that router: see FromMenus.
func (c *Config) Plan(line string) (steps []Step, printed string, err error) {
	there := map[string]bool{"": true}
	for _, m := range c.order {
		for _, it := range m.Items {
			there[it.String()] = true
		}
	}
	k := c.Console()
	k.r.taken = func(s Step) { steps = append(steps, s) }
	if printed, err = k.Type(line); err != nil {
		return nil, printed, err
	}
	for _, s := range steps {
		if !there[s.Item] || !there[s.Before] { // what the line itself added has another ID on the router
			return nil, printed, fmt.Errorf("%w: %w", ErrNotKnown, errNeedsConsole)
		}
	}
	return steps, printed, nil
}

// take tells whoever asks what was changed.
func (r *interpreter) take(s Step) {
	if r.taken != nil {
		r.taken(s)
	}
}

// takeSet does so for what c has set of an item.
func (r *interpreter) takeSet(m *Menu, it *Item, c *command) {
	if r.taken == nil {
		return
	}
	s := Step{Menu: r.home(m, it), Verb: "set"}
	if !it.settings {
		s.Item = it.String()
	}
	for _, a := range c.args {
		switch v, set := it.prop(a.name); {
		case isSelector(a.name):
		case set:
			s.Set = append(s.Set, Prop{Name: a.name, Value: v})
		default:
			r.take(Step{Menu: s.Menu, Verb: "unset", Item: s.Item, Set: []Prop{{Name: "value-name", Value: a.name}}})
		}
	}
	if len(s.Set) > 0 {
		r.take(s)
	}
}

// home is the menu that an item stands in: /interface shows those of others.
func (r *interpreter) home(m *Menu, it *Item) string {
	for _, l := range r.listed(m.Path) {
		if slices.Contains(l.Items, it) {
			return l.Path
		}
	}
	return m.Path
}

// MenusIn are the menus that a line is about, also within brackets and braces. A line
// that is no command has none.
func MenusIn(line string) (menus []string) {
	p := newParser(line)
	list, err := p.statements()
	if err != nil {
		return nil
	}
	var visit func(list []*command, path string)
	var inside func(n *node, path string)
	inside = func(n *node, path string) {
		if n == nil {
			return
		}
		visit(n.commands, path)
		for _, kid := range n.kids {
			inside(kid, path)
		}
	}
	visit = func(list []*command, path string) {
		for _, c := range list {
			at := path
			if !c.global {
				if at = pathOf(c, path); c.verb.text == "" && !c.isBlock {
					path = at
				}
			}
			if !c.global && !slices.Contains(menus, at) && tables().Menus[at] != nil {
				menus = append(menus, at)
			}
			visit(c.block, at)
			for _, a := range c.args {
				inside(a.value, at)
			}
			inside(c.cond, at)
		}
	}
	visit(list, "")
	return menus
}
