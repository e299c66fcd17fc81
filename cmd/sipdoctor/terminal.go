package main

import (
	"io"
	"os"
	"runtime"

	"golang.org/x/term"
)

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// terminalWidth is how many columns w has; 0 if it is not a terminal.
func terminalWidth(w io.Writer) int {
	if !isTerminal(w) {
		return 0
	}
	columns, _ := terminalSize(w)
	return columns
}

// terminalSize is how many columns and rows w has; 0 where that cannot be told.
func terminalSize(w io.Writer) (columns, rows int) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, 0
	}
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return columns, rows
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

// wantsUnicode reports whether the user's locale shows more than ASCII. On Windows
// and macOS an unset locale says nothing, and their consoles take Unicode.
func wantsUnicode(w io.Writer) bool {
	if os.Getenv("TERM") == "dumb" && isTerminal(w) {
		return false
	}
	v := locale(os.Getenv, "LC_CTYPE")
	return isUTF8(v) || v == "" && (runtime.GOOS == "windows" || runtime.GOOS == "darwin")
}
