package routeros

import "strings"

// A column of a table: what it is called and where it begins.
type column struct {
	name string
	at   int
}

// cells reads a line of a table. Cells are two blanks apart, but for those as wide
// as their column: then they begin where the column does.
func (l *listing) cells(s string, n int) {
	if apart := twoBlanks.Split(strings.TrimSpace(s[min(l.columns[0].at, len(s)):]), -1); len(apart) == len(l.columns) {
		for i, c := range l.columns {
			l.add(c.name, apart[i], n)
		}
		l.commented(n)
		return
	}
	for i, c := range l.columns {
		if c.at >= len(s) {
			break
		}
		at, end := c.at, len(s)
		for at > 0 && s[at-1] != ' ' {
			at--
		}
		if i+1 < len(l.columns) && l.columns[i+1].at < len(s) {
			end = l.columns[i+1].at
			for end > at && s[end-1] != ' ' {
				end--
			}
		}
		if v := strings.TrimSpace(s[at:max(at, end)]); v != "" {
			l.add(c.name, v, n)
		}
	}
	l.commented(n)
}

// commented gives the row the comment that stood before it.
func (l *listing) commented(n int) {
	if l.comment != "" {
		l.add("comment", l.comment, n)
		l.comment = ""
	}
}

// columnsOf reads the line with the names of the columns.
func columnsOf(s string) (out []column) {
	for _, m := range upperName.FindAllStringIndex(s, -1) {
		out = append(out, column{strings.ReplaceAll(strings.ToLower(s[m[0]:m[1]]), " ", "-"), m[0]})
	}
	return out
}
