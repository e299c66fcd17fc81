package platform

import "os"

// Keeps is what a process goes on needing after Confine.
type Keeps struct {
	Writable string // directory below which files are made, read and removed; "" is none
	Outgoing bool   // connections by TCP to others
}

// Confined is what Confine achieved. The caller closes it when the
// program ends.
type Confined struct {
	Capabilities bool     // none are left
	NoNewPrivs   bool     // no program that is started can have more
	Landlock     bool     // no file can be opened but the lists of sockets and what may be written, no TCP connection made unless it was kept
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
