package platform

import (
	"os"
	"strings"
)

// Confined is what Confine achieved. The caller closes it when the
// program ends.
type Confined struct {
	Capabilities bool     // none are left
	NoNewPrivs   bool     // no program that is started can have more
	Landlock     bool     // no file can be opened but the lists of sockets, no TCP connection made
	Seccomp      bool     // no program can be started, traced or mounted over
	Problem      string   // why not all of it was; "" when all was, or this system has none of it
	keep         *os.File // keeps the one directory that may still be read from being forgotten
}

// Close lets go of the list of sockets: it can no longer be read.
func (c Confined) Close() {
	if c.keep != nil {
		_ = c.keep.Close()
	}
}

// String names what was given up, for people; "" where this system has none of
// it.
func (c Confined) String() string {
	var out []string
	for _, p := range []struct {
		done bool
		text string
	}{
		{c.Capabilities, "no capabilities"}, {c.NoNewPrivs, "no new privileges"}, {c.Landlock, "no files (Landlock)"},
		{c.Seccomp, "no programs (seccomp)"},
	} {
		if p.done {
			out = append(out, p.text)
		}
	}
	if c.Problem != "" {
		out = append(out, "not all that is possible ("+c.Problem+")")
	}
	return strings.Join(out, ", ")
}
