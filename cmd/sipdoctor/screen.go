package main

import (
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// screen keeps a block of lines at the end of what a terminal shows, and below it
// one line that changes. What scrolls out of sight stays as it is, and nothing above
// the block is touched.
type screen struct {
	w    io.Writer
	size func() (columns, rows int)

	columns int    // of the terminal when the block was painted
	rows    int    // that the block took then
	status  string // the line below it, as it stands there
}

// colours are the escape sequences that take no column.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// rowsOf is how many rows of a terminal a text takes that ends with a line end.
func rowsOf(text string, columns int) (n int) {
	for line := range strings.Lines(colours.ReplaceAllString(text, "")) {
		n += max(1, (utf8.RuneCountInString(strings.TrimRight(line, "\n"))+columns-1)/max(1, columns))
	}
	return n
}

// paint writes lines that stay, and below them the block in the place of the one
// before.
func (t *screen) paint(above, block string) error {
	columns, rows := t.size()
	_, err := io.WriteString(t.w, t.erase(t.rows, columns, rows)+above+block)
	t.columns, t.rows, t.status = columns, rowsOf(block, columns), ""
	return err
}

// show replaces the line below the block. It stays within one row.
func (t *screen) show(status string) error {
	columns, rows := t.size()
	if r := []rune(status); len(r) >= columns {
		status = string(r[:max(0, columns-2)]) + "…"
	}
	if status == t.status {
		return nil
	}
	_, err := io.WriteString(t.w, t.erase(0, columns, rows)+status)
	t.status = status
	return err
}

// erase takes away the line below the block and rows of the block itself. A terminal
// that has become narrower breaks the line into several rows. Where the block lies
// cannot be told once the terminal has another width, or when the block is higher
// than the terminal: then it stays, and the new one follows it.
func (t *screen) erase(block, columns, rows int) string {
	up := 0
	if t.status != "" {
		up = rowsOf(t.status, columns) - 1
	}
	if columns == t.columns && block < rows {
		up += block
	}
	if up == 0 {
		return "\r\x1b[J"
	}
	return "\r\x1b[" + strconv.Itoa(up) + "A\x1b[J"
}
