package platform

import (
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// tieToDevice ties a socket to an interface; an empty name to none.
func tieToDevice(fd uintptr, _ bool, name string) error {
	if name == "" {
		return nil
	}
	return os.NewSyscallError("binding to "+name, unix.BindToDevice(int(fd), name))
}

func reuseTimeWait(fd uintptr) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
}

// icmpWatch keeps a second descriptor of a socket that is being connected.
// Package net closes its own when connecting fails, and with it the ICMP
// message that says which router refused and why: the errno alone cannot tell
// "prohibited by a firewall" from "no such host".
type icmpWatch struct {
	fd            int // valid if open
	open          bool
	level, option int
}

// watch begins; without the kernel's help there is only the errno.
func (w *icmpWatch) watch(fd uintptr, v6 bool) {
	w.level, w.option = unix.IPPROTO_IP, unix.IP_RECVERR
	if v6 {
		w.level, w.option = unix.IPPROTO_IPV6, unix.IPV6_RECVERR
	}
	if unix.SetsockoptInt(int(fd), w.level, w.option, 1) != nil {
		return
	}
	dup, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	w.fd, w.open = dup, err == nil
}

// message is the last ICMP message about the connection; nil if there is none.
func (w *icmpWatch) message(remote netip.AddrPort) *ICMPError {
	if !w.open {
		return nil
	}
	var r receiver
	b := make([]byte, 1500) // an ICMP message quotes at most one packet
	var last *ICMPError
	for {
		r.aim(b)
		r.recvmsg(uintptr(w.fd), unix.MSG_ERRQUEUE)
		if r.errno == unix.EINTR {
			continue
		}
		if r.errno != 0 {
			return last
		}
		if e := r.icmpError(nil); e != nil {
			e.To = remote
			last = e
		}
	}
}

// close ends the watch. On an established connection the option would turn
// every passing complaint of a router into the end of the connection.
func (w *icmpWatch) close() {
	if w.open {
		_ = unix.SetsockoptInt(w.fd, w.level, w.option, 0)
		unix.Close(w.fd)
		w.open = false
	}
}
