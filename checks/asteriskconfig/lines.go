package asteriskconfig

import (
	"strings"
)

// origin is where an object says something that counts for all of its kind: the
// template that it and others inherit from, or itself.
func (v *view) origin(s *section) *section {
	if len(s.Inherits) > 0 {
		if t := v.templates[strings.ToLower(s.Inherits[len(s.Inherits)-1])]; t != nil {
			return t
		}
	}
	return s
}

// lastLine is the last line of a section in the file that it begins in.
func lastLine(s *section) int {
	line := s.Line
	for _, o := range s.Options {
		if o.File == s.File && o.Line > line {
			line = o.Line
		}
	}
	return line
}

// addTo is the edit that gives a section one more line.
func addTo(s *section, line string) Edit {
	return Edit{File: s.File, Line: lastLine(s), Add: line, Object: s.Name, Type: s.Last("type")}
}

// replace is the edit that puts a line in the place of an option.
func replace(s *section, o *option, line string) Edit {
	return Edit{File: o.File, Line: o.Line, Drop: o.Name, Add: line, Object: s.Name, Type: s.Last("type")}
}

func drop(s *section, o *option) Edit {
	return Edit{File: o.File, Line: o.Line, Drop: o.Name, Object: s.Name, Type: s.Last("type")}
}

// line shows an option; a value that may not be shown is left out.
func line(o *option, want string) Line {
	got := o.Name + "=" + o.Value
	return Line{At: o.At(), Want: want, Got: clip(got)}
}

// header shows the place of a section.
func header(s *section, want string) Line {
	return Line{At: s.At(), Want: want, Got: clip("[" + s.Name + "]")}
}

// clip bounds a line of a stranger: no option is longer.
func clip(s string) string {
	const most = 160
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

func number(s string) int {
	n := 0
	for _, r := range strings.TrimSpace(s) {
		if r < '0' || r > '9' || n > 1<<24 {
			return 0
		}
		n = n*10 + int(r-'0')
	}
	return n
}
