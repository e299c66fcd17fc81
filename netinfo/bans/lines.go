package bans

import (
	"bytes"
	"fmt"
	"iter"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// only is a list of one command.
func only(c command.Command) []command.Command { return []command.Command{c} }

// entry is one line of a file, without its end.
type entry struct {
	file string
	line int // from 1
	text string
}

func (e entry) where() string { return fmt.Sprintf("%s:%d", e.file, e.line) }

// edits take the line out of its file and put it back; then makes the layer's
// program read the file again.
func (e entry) edits(then ...command.Command) (free, undo []command.Command) {
	free = append([]command.Command{command.DeleteLine(e.file, e.line, e.text)}, then...)
	undo = append([]command.Command{command.InsertLine(e.file, e.line, e.text)}, then...)
	return free, undo
}

// entries yields the lines of a text.
func entries(file string, b []byte) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		e := entry{file: file}
		for line := range bytes.Lines(b) {
			e.line++
			if e.text = strings.TrimRight(string(line), "\r\n"); !yield(e) {
				return
			}
		}
	}
}

// lines yields the lines of the files of a layer. Who has one has the layer.
func (a *Answer) lines(sys platform.System, layer string, names ...string) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for _, name := range names {
			b, ok := a.file(sys, name)
			if !ok {
				continue
			}
			a.has(layer)
			for e := range entries(name, b) {
				if !yield(e) {
					return
				}
			}
		}
	}
}
