package platform

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// sourceControl4 is IP_SENDSRCADDR (ip(4)), for sockets bound to all addresses.
func sourceControl4(a [4]byte) []byte { return putControl(unix.IP_SENDSRCADDR, a[:]) }

// tieToDevice refuses a name: FreeBSD has no such option.
func tieToDevice(_ uintptr, _ bool, name string) error {
	if name == "" {
		return nil
	}
	return fmt.Errorf("binding to %s: %w", name, errors.ErrUnsupported)
}

func isTruncation(syscall.Errno) bool { return false } // recvmsg cuts silently
