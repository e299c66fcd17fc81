package routeros

import (
	"fmt"
	"strings"
)

// print writes the items of a menu in the form of print detail, and gives them the
// numbers by which the next command may call them.
func (r *interpreter) print(c *command, m *Menu) (value, error) {
	if !r.typed {
		return value{}, nil
	}
	if m.single() {
		return value{}, r.printSettings(m)
	}
	rows, known, err := r.filter(c, m.Path)
	if err != nil {
		return value{}, err
	}
	if !known {
		return value{}, ErrNotKnown
	}
	if n := c.plain(0); n != nil && n.text == "count-only" {
		fmt.Fprintf(&r.out, "%d\n", len(rows))
		return numberOf(int64(len(rows))), nil
	}
	shown := make([]*Item, 0, len(rows))
	r.out.WriteString("Flags: X - disabled, I - invalid, D - dynamic \n")
	for i, row := range rows {
		shown = append(shown, row.Item)
		r.printRow(i, row)
	}
	r.printed[m.Path] = shown
	return value{}, nil
}

func (r *interpreter) printRow(n int, row Row) {
	flags := []byte("   ")
	for i, on := range []bool{row.Off(), row.Invalid, row.Dynamic} {
		if on {
			flags[i] = "XID"[i]
		}
	}
	lead := fmt.Sprintf("%2d %s", n, flags)
	if comment := row.Get("comment").Text; comment != "" {
		fmt.Fprintf(&r.out, "%s ;;; %s\n", lead, strings.NewReplacer("\n", " ", "\r", " ").Replace(comment))
		lead = "      "
	}
	r.out.WriteString(lead)
	for _, p := range row.visible() {
		fmt.Fprintf(&r.out, " %s=%s", p.Name, Quote(p.Value))
	}
	r.out.WriteString("\n\n")
}

// visible are the properties that print shows of a row: what was set, and what the
// item is as it is shipped.
func (r Row) visible() (out []Prop) {
	seen := map[string]bool{"comment": true, "disabled": true}
	for _, list := range [][]Prop{r.Props, r.base} {
		for _, p := range list {
			if !seen[p.Name] {
				seen[p.Name] = true
				out = append(out, p)
			}
		}
	}
	return out
}

func (r *interpreter) printSettings(m *Menu) error {
	row := Row{m.Settings(), m}
	for _, p := range m.known(row) {
		fmt.Fprintf(&r.out, "%24s: %s\n", p.Name, p.Value)
	}
	return nil
}

// known are the settings of a menu with their defaults.
func (m *Menu) known(row Row) []Prop {
	out := row.visible()
	for _, d := range m.spec.Default {
		for _, p := range d.props {
			if _, set := row.prop(p.Name); !set && m.defaultOf(p.Name).Text == p.Value {
				out = append(out, p)
			}
		}
	}
	return out
}

// Shown are the properties that print detail shows of a row, defaults among them.
func (r Row) Shown() []Prop { return r.menu.known(r) }

// HoldsSettings reports whether the menu holds settings and no list.
func (m *Menu) HoldsSettings() bool { return m.single() }
