package main

import (
	"io"
	"os"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/term"

	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
)

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// wantsColor answers for --color. Auto means a terminal that knows colour and
// a user who did not refuse it (https://no-color.org).
func wantsColor(flag string, w io.Writer) bool {
	switch flag {
	case "always":
		return true
	case "never":
		return false
	}
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" || !isTerminal(w) {
		return false
	}
	// The old Windows console shows escape sequences as they are; those that
	// understand them say so.
	return runtime.GOOS != "windows" || os.Getenv("WT_SESSION")+os.Getenv("TERM")+os.Getenv("ANSICON") != ""
}

// wantsUnicode reports whether the user's locale shows more than ASCII. The
// first variable that is set decides (POSIX, section 8.2). On Windows and
// macOS an unset locale says nothing, and their consoles take Unicode.
func wantsUnicode(w io.Writer) bool {
	if os.Getenv("TERM") == "dumb" && isTerminal(w) {
		return false
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return runtime.GOOS == "windows" || runtime.GOOS == "darwin"
}

// progress shows one passing line on a terminal, and nothing elsewhere.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	shown bool
	done  bool
}

// newProgress returns nil where nobody watches.
func newProgress(w io.Writer, quiet bool) *progress {
	if quiet || !isTerminal(w) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return &progress{w: w}
}

// say replaces the line; it may be called by many checks at the same time.
func (p *progress) say(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return
	}
	const room = 76 // one line of a terminal with 80 columns, with the dots
	if r := []rune(render.Quote(line)); len(r) > room {
		line = string(r[:room])
	} else {
		line = string(r)
	}
	_, _ = io.WriteString(p.w, "\r\x1b[K"+line+" …")
	p.shown = true
}

// end takes the line away; later lines are ignored.
func (p *progress) end() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		_, _ = io.WriteString(p.w, "\r\x1b[K")
	}
	p.done = true
}
