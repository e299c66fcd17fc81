package platform

import (
	"os"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// assemble makes a classic BPF program as the kernel takes it.
func assemble(program []bpf.Instruction) (*unix.SockFprog, error) {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return nil, err
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, p := range raw {
		filter[i] = unix.SockFilter{Code: p.Op, Jt: p.Jt, Jf: p.Jf, K: p.K}
	}
	return &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}, nil
}

// attachFilter makes a socket receive only what the program returns.
func attachFilter(fd int, program []bpf.Instruction) error {
	p, err := assemble(program)
	if err != nil {
		return err
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, p))
}
