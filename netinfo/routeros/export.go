package routeros

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Export is the configuration as /export writes it, compact: without what is the
// default of this version, and without dynamic items. Read makes the same model of
// it.
func (c *Config) Export() string { return c.export("", exportLine) }

// Verbose is the configuration with what is the default as well, as far as it was read.
func (c *Config) Verbose() string { return c.export("", verboseLine) }

// export is Export of the menus at and under path.
func (c *Config) export(path string, lineOf func(*Menu, *Item) (string, bool)) string {
	var b strings.Builder
	c.writeHeader(&b)
	for _, m := range c.order {
		if path != "" && m.Path != path && !strings.HasPrefix(m.Path, path+"/") {
			continue
		}
		head := strings.ReplaceAll(m.Path, "/", " ")
		head = "/" + strings.TrimPrefix(head, " ") + "\n"
		for _, it := range m.Items {
			line, ok := lineOf(m, it)
			if !ok {
				continue
			}
			b.WriteString(head + line + "\n")
			head = ""
		}
	}
	return b.String()
}

func (c *Config) writeHeader(b *strings.Builder) {
	if c.Version.Known() {
		by := "# RouterOS "
		if c.Exported != "" {
			by = "# " + c.Exported + " by RouterOS "
		}
		b.WriteString(by + c.Version.Text + "\n")
	}
	for _, f := range [][2]string{{"software id", c.SoftwareID}, {"model", c.Model}, {"serial number", c.Serial}} {
		if f[1] != "" {
			fmt.Fprintf(b, "# %s = %s\n", f[0], f[1])
		}
	}
	if len(c.Asked) > 0 {
		b.WriteString(menusLine + strings.Join(c.Asked, " ") + "\n")
	}
}

// exportLine is the command that makes an item; ok is false if none is needed.
func exportLine(m *Menu, it *Item) (line string, ok bool) {
	if it.Dynamic {
		return "", false
	}
	bare := Row{&Item{base: it.base}, m}
	var props []Prop
	for _, p := range it.Props {
		if d := bare.Get(p.Name); d.Origin != Default || d.Text != p.Value {
			props = append(props, p)
		}
	}
	return m.line(it, props)
}

// verboseLine is exportLine that leaves nothing out but the name that the command has
// already.
func verboseLine(m *Menu, it *Item) (line string, ok bool) {
	if it.Dynamic {
		return "", false
	}
	props := slices.DeleteFunc(slices.Clone(it.Props), func(p Prop) bool {
		return len(it.base) > 0 && p.Name == it.base[0].Name && p.Value == it.base[0].Value
	})
	return m.line(it, props)
}

// line is the command that makes an item with these properties.
func (m *Menu) line(it *Item, props []Prop) (line string, ok bool) {
	slices.SortStableFunc(props, func(a, b Prop) int { return cmp.Compare(a.Name, b.Name) })
	verb := "add"
	switch {
	case it.Builtin:
		verb = "set " + it.selector()
	case it.settings:
		verb = "set"
	}
	if len(props) == 0 && (verb == "set" || it.Builtin && (it.Line == 0 || m.spec != nil && len(m.spec.Builtin) > 0)) {
		return "", false
	}
	var b strings.Builder
	b.WriteString(verb)
	for _, p := range props {
		if b.WriteString(" " + p.Name); p.Value == "yes" && m.spec != nil && m.spec.properties[p.Name].kind == flagKind {
			continue
		}
		b.WriteString("=" + Quote(p.Value))
	}
	return b.String(), true
}

// selector is how an export names a built-in item.
func (it *Item) selector() string {
	if it.key != "" && (it.key[0] != '*' || len(it.base) == 0) {
		return Quote(it.key)
	}
	if len(it.base) > 0 && it.base[0].Name == "name" && len(it.base) > 1 {
		return Quote(it.base[0].Value)
	}
	var b strings.Builder
	b.WriteString("[ find")
	for _, p := range it.base {
		b.WriteString(" " + p.Name + "=" + Quote(p.Value))
	}
	return b.String() + " ]"
}

// Quote is s as a value in a command.
func Quote(s string) string {
	plain := s != ""
	for i := range len(s) {
		plain = plain && (isNameByte(s[i]) || strings.IndexByte("._:/,!*+", s[i]) >= 0)
	}
	if plain {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '$' || c == '?':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\%02X`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
