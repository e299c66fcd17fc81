package platform

import (
	"os"
	"strings"
)

// Confined is what Confine achieved. The caller keeps it until the program
// ends.
type Confined struct {
	Capabilities bool     // none are left
	NoNewPrivs   bool     // no program that is started can have more
	Landlock     bool     // no file can be opened but the lists of sockets, no TCP connection made
	Seccomp      bool     // no program can be started, traced or mounted over
	Problem      string   // why not all of it was; "" when all was, or this system has none of it
	keep         *os.File // keeps the one directory that may still be read from being forgotten
}

// String names what was given up, for people; "" is nothing.
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
	return strings.Join(out, ", ")
}
