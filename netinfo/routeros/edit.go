package routeros

import (
	"regexp"
	"slices"
	"strings"
)

// An Edit is one command that a fix types into the firewall, with the one that takes
// it back. It is kept in its parts, because it may come from a saved report: it is
// written anew, each value quoted, and only for menus of the firewall.
type Edit struct {
	Menu string `json:"menu"` // filter, nat, mangle, raw, address-list
	Verb string `json:"verb"` // add, set, move
	IPv6 bool   `json:"ipv6,omitempty"`
	// Find finds the row that is changed, or the one before which another is put, as
	// Config.Find has it. An add without it goes to the end.
	Find string `json:"find,omitempty"`
	Row  string `json:"row,omitempty"` // finds the row that is moved
	// Changed finds, for the undo, the row that was changed or moved, and Back what one
	// that was moved stood before; empty: it was the last.
	Changed string `json:"changed,omitempty"`
	Back    string `json:"back,omitempty"`
	Set     []Pair `json:"set,omitempty"` // a set without a value takes the property away
	Was     []Pair `json:"was,omitempty"`
}

// A Pair is a property with its value.
type Pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

var propertyName = regexp.MustCompile(`^[a-z0-9-]+$`)

// Line is the command; ok is false if it cannot be written.
func (x Edit) Line() (line string, ok bool) {
	set, ok := pairs(x.Set, x.Verb == "set")
	menu, known := x.path()
	if !ok || !known || (x.Find != "" || x.Verb != "add") && !isCondition(x.Find) {
		return "", false
	}
	switch x.Verb {
	case "add":
		if line = menu + " add" + set; x.Find != "" {
			line += " place-before=" + x.Find
		}
		return line, x.comment() != ""
	case "set":
		return menu + " set " + x.Find + set, true
	case "move":
		return menu + " move " + x.Row + " destination=" + x.Find, isCondition(x.Row)
	}
	return "", false
}

// Undo is the command that takes it back; ok is false if it cannot be written. That of
// an add removes all rows with its comment.
func (x Edit) Undo() (line string, ok bool) {
	menu, ok := x.path()
	if !ok {
		return "", false
	}
	switch x.Verb {
	case "add":
		return menu + " remove [find comment=" + Quote(x.comment()) + "]", x.comment() != ""
	case "set":
		was, ok := pairs(x.Was, true)
		return menu + " set " + x.Changed + was, ok && isCondition(x.Changed)
	case "move":
		line = menu + " move " + x.Changed
		if x.Back != "" {
			line += " destination=" + x.Back
		}
		return line, isCondition(x.Changed) && (x.Back == "" || isCondition(x.Back))
	}
	return "", false
}

// Verify is the command that shows the row.
func (x Edit) Verify() (line string, ok bool) {
	menu, ok := x.path()
	condition := "comment=" + Quote(x.comment())
	if x.Verb != "add" {
		_, condition, _ = strings.Cut(x.Changed, "find where ")
		condition, _, _ = strings.Cut(condition, "]")
		ok = ok && isCondition(x.Changed)
	}
	return menu + " print where " + condition, ok
}

func (x Edit) path() (string, bool) {
	family := "/ip"
	if x.IPv6 {
		family = "/ipv6"
	}
	return family + " firewall " + x.Menu, slices.Contains([]string{"filter", "nat", "mangle", "raw", "address-list"}, x.Menu)
}

// comment is the comment that an add gives.
func (x Edit) comment() string {
	for _, p := range x.Set {
		if p.Name == "comment" {
			return p.Value
		}
	}
	return ""
}

// pairs are properties as a command has them.
func pairs(list []Pair, unset bool) (text string, ok bool) {
	for _, p := range list {
		switch {
		case !propertyName.MatchString(p.Name):
			return "", false
		case p.Value != "":
			text += " " + p.Name + "=" + Quote(p.Value)
		case unset:
			text += " !" + p.Name
		}
	}
	return text, text != "" || len(list) == 0
}

// picked is the form of what finds one of several rules that nothing else tells apart.
var picked = regexp.MustCompile(`^\[:pick \[/ip firewall [a-z]+ find where !dynamic and chain=VALUE and action=VALUE\] [0-9]{1,5}\]$`)

// isCondition reports whether a text is what Config.Own writes.
func isCondition(find string) bool {
	find = valuePattern.ReplaceAllString(find, "=VALUE")
	return condition.MatchString(find) || picked.MatchString(find)
}

// Own finds a row of a menu of the firewall, and no row that the router makes itself.
func (c *Config) Own(menu string, r Row) (find string, ok bool) {
	chain, action := r.Get("chain").Text, r.Get("action").Text
	find, ok = c.Find(r)
	switch {
	case chain == "":
		return strings.Replace(find, "[find where ", "[find where !dynamic and ", 1), ok
	case ok:
		return Exception{Chain: chain, Action: action}.stricter(find), true
	case !strings.HasPrefix(r.menu.Path, "/ip/"):
		return "", false
	}
	return Exception{Menu: menu, Chain: chain}.Stand(c, r).place()
}
