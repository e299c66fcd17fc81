package routeros

import (
	"slices"
	"strings"
)

// check refuses what a router refuses before it runs anything of a line: menus,
// commands and properties that do not exist, in branches that are not taken too.
// It returns the menu that the line leaves the console in.
func (r *interpreter) check(list []*command, path string) (string, error) {
	for _, c := range list {
		if c.global {
			if err := r.checkArgs(c, path); err != nil {
				return "", err
			}
			continue
		}
		at := pathOf(c, path)
		if err := r.checkMenu(c, at, path); err != nil {
			return "", err
		}
		if c.verb.text == "" && !c.isBlock {
			path = at
		}
		if _, err := r.check(c.block, at); err != nil {
			return "", err
		}
		if err := r.checkArgs(c, at); err != nil {
			return "", err
		}
		if err := r.checkNames(c, at); err != nil {
			return "", err
		}
	}
	return path, nil
}

// checkMenu refuses a menu that does not exist, and says which word is wrong.
func (r *interpreter) checkMenu(c *command, at, from string) error {
	spec := tables().Menus[at]
	if spec != nil || at == "" || at == "/interface" || at == "/log" || c.verb.text == "" && isMenu(at) {
		return nil
	}
	from = pathOf(&command{absolute: c.absolute, up: c.up}, from)
	for _, w := range c.path {
		if all, ok := tables().Submenus[from]; ok && !slices.Contains(strings.Fields(all), w.text) {
			return saysAt(w.place, answerNoMenu, w.text)
		}
		from += "/" + w.text
	}
	return ErrNotKnown
}

func (r *interpreter) checkArgs(c *command, path string) error {
	for _, a := range c.args {
		if err := r.checkNode(a.value, path); err != nil {
			return err
		}
	}
	return r.checkNode(c.cond, path)
}

func (r *interpreter) checkNode(n *node, path string) error {
	if n == nil {
		return nil
	}
	if _, err := r.check(n.commands, path); err != nil {
		return err
	}
	for _, kid := range n.kids {
		if err := r.checkNode(kid, path); err != nil {
			return err
		}
	}
	return nil
}

// checkNames refuses properties that the menu does not have.
func (r *interpreter) checkNames(c *command, path string) error {
	m := r.cfg.Menu(path)
	if m.spec == nil {
		return nil
	}
	for _, a := range c.args {
		ok := true
		switch c.verb.text {
		case "add", "set", "comment":
			if _, ok = m.property(a.name); !ok && !isSelector(a.name) {
				return m.noProperty(a.place)
			}
			ok = true
		case "print":
			ok = r.printModifier(a)
		case "remove", "enable", "disable", "move", "find":
			ok = isSelector(a.name)
		}
		if !ok {
			return saysAt(a.place, answerNoArg)
		}
	}
	return m.checkCondition(c.cond)
}

// printModifier reports whether print takes the argument.
func (r *interpreter) printModifier(a arg) bool {
	words := "detail terse stats brief value-list without-paging count-only all stats-all dynamic static follow interval file from proplist as-value show-ids"
	name := a.name
	if name == "" && a.value != nil {
		name = a.value.text
	}
	return slices.Contains(strings.Fields(words), name)
}

// checkCondition says that it is not known what a router does with a condition on
// a property that is not in the tables.
func (m *Menu) checkCondition(n *node) error {
	if n == nil {
		return nil
	}
	if n.op == opName {
		if slices.Contains([]string{".id", "dynamic", "invalid", "builtin", "disabled", "comment", "default", "name"}, n.text) ||
			slices.Contains(m.spec.ReadOnly, n.text) {
			return nil
		}
		if _, ok := m.property(n.text); !ok {
			return ErrNotKnown
		}
		return nil
	}
	for _, kid := range n.kids {
		if err := m.checkCondition(kid); err != nil {
			return err
		}
	}
	return nil
}
