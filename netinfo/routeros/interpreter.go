package routeros

import (
	"errors"
	"strings"
)

// An interpreter runs commands on a model. Reading a file it takes what it finds:
// menus and properties that it does not know, and items that only a router has.
// Typed commands it refuses as a router would.
type interpreter struct {
	cfg     *Config
	typed   bool
	whole   bool   // the file is an export, which tells all that is configured
	path    string // the menu that commands stand in
	scopes  []map[string]value
	globals map[string]value
	budget  int // work left
	depth   int
	out     strings.Builder
	printed map[string][]*Item // the items that print showed last, by menu: their numbers
	line    int                // of the command that runs
	taken   func(Step)         // what each change is, for who sends it to a router; nil: nobody does
}

// maxWork bounds what a script may do: a command costs 10, an item that find looks
// at 1. That is some tenths of a second, and forty searches of an address list with
// 50,000 entries.
const maxWork = 2_000_000

func newInterpreter(c *Config) *interpreter {
	return &interpreter{cfg: c, globals: map[string]value{}, scopes: []map[string]value{{}}, budget: maxWork, printed: map[string][]*Item{}}
}

func (r *interpreter) spend(n int) error {
	if r.budget -= n; r.budget < 0 {
		return errTooLong
	}
	return nil
}

// menuOf is the path that c stands in.
func (r *interpreter) menuOf(c *command) string { return pathOf(c, r.path) }

func pathOf(c *command, path string) string {
	if c.absolute {
		path = ""
	}
	for range c.up {
		path = path[:max(strings.LastIndexByte(path, '/'), 0)]
	}
	for _, w := range c.path {
		path += "/" + w.text
	}
	return path
}

// run runs one command.
func (r *interpreter) run(c *command) (value, error) {
	if r.depth > maxDepth {
		return value{}, errTooDeep
	}
	r.depth++
	defer func() { r.depth-- }()
	r.line = c.line
	if c.global {
		return r.runGlobal(c)
	}
	path := r.menuOf(c)
	switch {
	case c.isBlock:
		return r.inMenu(path, func() (value, error) { return r.runAll(c.block) })
	case c.verb.text == "":
		r.path = path
		return value{}, nil
	}
	return r.inMenu(path, func() (value, error) { return r.runVerb(c, path) })
}

// inMenu does f in a menu, and then goes back.
func (r *interpreter) inMenu(path string, f func() (value, error)) (value, error) {
	was := r.path
	r.path = path
	v, err := f()
	r.path = was
	return v, err
}

// runAll runs commands in a scope of their own. Their value is that of the last.
func (r *interpreter) runAll(list []*command) (v value, err error) {
	r.scopes = append(r.scopes, map[string]value{})
	path := r.path
	defer func() { r.scopes, r.path = r.scopes[:len(r.scopes)-1], path }()
	for _, c := range list {
		if err := r.spend(10); err != nil {
			return value{}, err
		}
		if v, err = r.run(c); err != nil {
			return value{}, err
		}
	}
	return v, nil
}

// runVerb runs a command of a menu, which is r.path.
func (r *interpreter) runVerb(c *command, path string) (value, error) {
	if path == "" && c.verb.text != "export" {
		return value{}, saysAt(c.verb.place, answerNoMenu, c.verb.text)
	}
	m := r.cfg.Menu(path)
	switch c.verb.text {
	case "add":
		return r.add(c, r.cfg.menu(path))
	case "set":
		return value{}, r.set(c, r.cfg.menu(path))
	case "remove":
		return value{}, r.remove(c, m)
	case "enable", "disable":
		return value{}, r.enable(c, m)
	case "comment":
		return value{}, r.set(c, m)
	case "unset":
		return value{}, r.unset(c, m)
	case "move":
		return value{}, r.move(c, m)
	case "find":
		return r.find(c, path)
	case "get":
		return r.get(c, m)
	case "print":
		return r.print(c, m)
	case "export":
		if r.typed {
			r.out.WriteString(r.cfg.export(path, exportLine))
		}
		return value{}, nil
	}
	if path == "/log" {
		return value{}, nil
	}
	if r.typed {
		return value{}, ErrNotKnown
	}
	return value{}, errNotTold
}

// lookup finds a variable, set sets one that is known, or declares it here.
func (r *interpreter) lookup(name string) value {
	for i := len(r.scopes) - 1; i >= 0; i-- {
		if v, ok := r.scopes[i][name]; ok {
			return v
		}
	}
	if v, ok := r.globals[name]; ok {
		return v
	}
	if r.typed {
		return value{}
	}
	return value{kind: unknown} // another script may have set it
}

func (r *interpreter) assign(name string, v value) {
	for i := len(r.scopes) - 1; i >= 0; i-- {
		if _, ok := r.scopes[i][name]; ok {
			r.scopes[i][name] = v
			return
		}
	}
	if _, ok := r.globals[name]; ok {
		r.globals[name] = v
		return
	}
	r.scopes[len(r.scopes)-1][name] = v
}

// isStop reports whether err only ends the script.
func isStop(err error) (*stopped, bool) {
	return errors.AsType[*stopped](err)
}
