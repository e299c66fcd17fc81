package routeros

import (
	"slices"

	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// twin is a copy of the router that a fix is typed into before it is offered.
type twin struct {
	*export
	cfg    *ros.Config
	before string
	edits  []ros.Edit
	failed bool
}

// maxEdits bounds the commands of a fix: more nobody types.
const maxEdits = 24

func (e *export) twin() *twin {
	cfg, err := ros.Read(e.data)
	t := &twin{export: e, cfg: cfg, failed: err != nil}
	if err == nil {
		t.before = cfg.Export()
	}
	return t
}

// run types a command.
func (t *twin) run(x ros.Edit) bool {
	line, ok := x.Line()
	if t.failed = t.failed || !ok || len(t.edits) == maxEdits || !typed(t.cfg, line); !t.failed {
		t.edits = append(t.edits, x)
	}
	return !t.failed
}

// insert puts a rule before another one.
func (t *twin) insert(menu string, before ros.Row, set ...ros.Pair) {
	find, ok := t.own(menu, before)
	t.failed = t.failed || !ok
	t.run(ros.Edit{Menu: menu, Verb: "add", Find: find, Set: set})
}

// set changes a rule.
func (t *twin) set(menu string, row ros.Row, set ...ros.Pair) {
	x := ros.Edit{Menu: menu, Verb: "set", Set: set}
	for _, p := range set {
		was := ros.Pair{Name: p.Name}
		if v := row.Get(p.Name); v.Origin == ros.Set {
			was.Value = v.Text
		} else if p.Name == "disabled" {
			was.Value = "no"
		}
		x.Was = append(x.Was, was)
	}
	find, ok := t.own(menu, row)
	x.Find, t.failed = find, t.failed || !ok
	if t.run(x) {
		t.edits[len(t.edits)-1].Changed, ok = t.own(menu, row)
		t.failed = !ok
	}
}

// move puts a rule before another one of its menu.
func (t *twin) move(menu string, row, before ros.Row) {
	x := ros.Edit{Menu: menu, Verb: "move"}
	var ok, ok2 bool
	x.Row, ok = t.own(menu, row)
	x.Find, ok2 = t.own(menu, before)
	t.failed = t.failed || !ok || !ok2
	rows := slices.Collect(t.cfg.Rows("/ip/firewall/" + menu))
	at := slices.IndexFunc(rows, func(r ros.Row) bool { return r.Item == row.Item })
	if !t.run(x) {
		return
	}
	last := &t.edits[len(t.edits)-1]
	if last.Changed, ok = t.own(menu, row); ok && at+1 < len(rows) {
		last.Back, ok = t.own(menu, rows[at+1])
	}
	t.failed = !ok
}

// own finds a row that a fix names; ok is false if it cannot be named.
func (t *twin) own(menu string, row ros.Row) (find string, ok bool) {
	if t.failed || row.Item == nil {
		return "", false
	}
	return t.cfg.Own(menu, row)
}

// proven are the commands if with them the rules do what they should, and if what
// takes them back leaves the router as it was; nil if not.
func (t *twin) proven(works func(filter) bool) []ros.Edit {
	if t.failed || len(t.edits) == 0 || !works(t.filter(t.cfg).newcomers()) || t.late() {
		return nil
	}
	for _, line := range undoEdits(t.edits) {
		if !typed(t.cfg, line) {
			return nil
		}
	}
	if t.cfg.Export() != t.before {
		return nil
	}
	return t.edits
}

// undoEdits are the commands that take edits back, the last first.
func undoEdits(list []ros.Edit) (lines []string) {
	for _, x := range slices.Backward(list) {
		if line, ok := x.Undo(); ok && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// properties are those of a rule by name and value; one without a value is left out.
func properties(list ...string) (out []ros.Pair) {
	for i := 0; i+1 < len(list); i += 2 {
		if list[i+1] != "" {
			out = append(out, ros.Pair{Name: list[i], Value: list[i+1]})
		}
	}
	return out
}
