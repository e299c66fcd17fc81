package routeros

import (
	"strings"
	"testing"
)

// What comes from a saved report is typed into the firewall and nowhere else, and
// nothing in it becomes another command.
func TestAnEditIsWrittenAnew(t *testing.T) {
	const find = "[find where comment=mine]"
	const pick = `[:pick [/ip firewall filter find where !dynamic and chain="a b" and action=drop] 1]`
	set := []Pair{{"comment", `a "b" [/system reset] $x`}}
	for name, tt := range map[string]struct {
		x    Edit
		want string // of the line; empty: refused
		undo string
	}{
		"added at the end":       {Edit{Menu: "address-list", Verb: "add", Set: []Pair{{"list", "l"}, {"comment", "c"}}}, "/ip firewall address-list add list=l comment=c", "/ip firewall address-list remove [find comment=c]"},
		"added before":           {Edit{Menu: "nat", Verb: "add", Find: find, Set: set}, `/ip firewall nat add comment="a \"b\" [/system reset] \$x" place-before=[find where comment=mine]`, `/ip firewall nat remove [find comment="a \"b\" [/system reset] \$x"]`},
		"changed":                {Edit{Menu: "nat", Verb: "set", Find: find, Changed: find, Set: []Pair{{"to-ports", ""}}, Was: []Pair{{"to-ports", "1-2"}}}, "/ip firewall nat set [find where comment=mine] !to-ports", "/ip firewall nat set [find where comment=mine] to-ports=1-2"},
		"moved":                  {Edit{Menu: "filter", Verb: "move", Row: find, Find: find, Changed: find, Back: find}, "/ip firewall filter move [find where comment=mine] destination=[find where comment=mine]", "/ip firewall filter move [find where comment=mine] destination=[find where comment=mine]"},
		"moved from the end":     {Edit{Menu: "filter", Verb: "move", Row: find, Find: find, Changed: find}, "/ip firewall filter move [find where comment=mine] destination=[find where comment=mine]", "/ip firewall filter move [find where comment=mine]"},
		"one of several":         {Edit{Menu: "filter", Verb: "set", Find: pick, Changed: pick, Set: []Pair{{"log", "yes"}}, Was: []Pair{{"log", ""}}}, "/ip firewall filter set " + pick + " log=yes", "/ip firewall filter set " + pick + " !log"},
		"of IPv6":                {Edit{Menu: "filter", IPv6: true, Verb: "add", Find: find, Set: []Pair{{"comment", "c"}}}, "/ipv6 firewall filter add comment=c place-before=[find where comment=mine]", "/ipv6 firewall filter remove [find comment=c]"},
		"another menu":           {Edit{Menu: "/user", Verb: "add", Set: set}, "", ""},
		"another command":        {Edit{Menu: "nat", Verb: "remove", Find: find}, "", ""},
		"without a comment":      {Edit{Menu: "nat", Verb: "add", Set: []Pair{{"list", "l"}}}, "", ""},
		"a name that is none":    {Edit{Menu: "nat", Verb: "add", Set: []Pair{{"comment=x; /system reset;", "c"}}}, "", ""},
		"a condition that is no": {Edit{Menu: "nat", Verb: "set", Find: "[/system reset]", Changed: find, Set: set}, "", "/ip firewall nat set [find where comment=mine]"},
		"a change of everything": {Edit{Menu: "nat", Verb: "set", Changed: find, Set: set}, "", "/ip firewall nat set [find where comment=mine]"},
	} {
		line, ok := tt.x.Line()
		if ok != (tt.want != "") || ok && line != tt.want {
			t.Errorf("%s: %q %t", name, line, ok)
		}
		if undo, _ := tt.x.Undo(); ok && undo != tt.undo {
			t.Errorf("%s: undo %q", name, undo)
		}
		if _, err := newParser(line).statements(); ok && (err != nil || strings.Count(line, "\n") > 0) {
			t.Errorf("%s: %q: %v", name, line, err)
		}
	}
}
