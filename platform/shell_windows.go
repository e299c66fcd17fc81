package platform

import (
	"os"
	"syscall"
)

// ownGroup makes a program the head of a process group of its own
// (CREATE_NEW_PROCESS_GROUP).
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// killGroup kills a program; what it started is left alone.
func killGroup(p *os.Process) error { return p.Kill() }
