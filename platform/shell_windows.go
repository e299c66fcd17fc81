package platform

import "syscall"

// ownGroup makes a program the head of a process group of its own
// (CREATE_NEW_PROCESS_GROUP).
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
