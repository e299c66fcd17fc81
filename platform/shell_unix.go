//go:build unix

package platform

import (
	"os"
	"syscall"
)

// ownGroup makes a program the head of a process group of its own.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills a program and what it started: the child of a script that
// hangs would live on, and keep the script's output open.
func killGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }
