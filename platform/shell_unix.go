//go:build unix

package platform

import "syscall"

// ownGroup makes a program the head of a process group of its own.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
