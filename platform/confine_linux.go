package platform

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Confine gives up, for every thread and until the program ends, what a server
// does not need once its sockets are open: capabilities, privileges that a
// program might gain, files, and the starting of programs. What this kernel
// does not have is left out. It must not be called where other code shares the
// process.
func Confine(k Keeps) Confined {
	var c Confined
	var problems []error
	try := func(what string, f func() error) bool {
		err := f()
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", what, err))
		}
		return err == nil
	}
	// Without it neither Landlock nor seccomp is open to a user that is not root.
	c.NoNewPrivs = try("no new privileges", func() error {
		return onAllThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0)
	})
	c.Landlock = try("Landlock", func() (err error) { c.keep, err = landlock(k); return err })
	c.Seccomp = try("seccomp", denyPrograms)
	c.Capabilities = try("capabilities", dropCapabilities)
	if len(problems) > 0 {
		c.Problem = problems[0].Error()
	}
	return c
}

// onAllThreads makes a system call on every thread of the program, those that
// are started later inherit what it does. Programs that link C cannot.
func onAllThreads(trap, a, b, c uintptr) error {
	_, _, errno := syscall.AllThreadsSyscall6(trap, a, b, c, 0, 0, 0)
	switch errno {
	case 0:
		return nil
	case unix.ENOTSUP:
		return errors.New("this program was built with cgo")
	}
	return errno
}

func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	err := onAllThreads(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none[0])), 0)
	runtime.KeepAlive(&none)
	runtime.KeepAlive(&header)
	return err
}

// socketLists is what may still be read: other programs' sockets are looked
// for now and then. Each thread reads its own, see threadNet.
const socketLists = "/proc/self/task"

// landlock lets nothing be opened but socketLists and what is kept, and no TCP port be bound or,
// unless that is kept, connected to. The directory's handle has to stay open: the kernel knows it by
// its inode, and procfs makes a new one for a directory that nobody uses.
func landlock(k Keeps) (keep *os.File, err error) {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return nil, errno
	}
	attr := unix.LandlockRulesetAttr{Handled_access_fs: fileRights(int(abi))}
	if abi >= 4 {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP
		if !k.Outgoing {
			attr.Handled_access_net |= unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		}
	}
	ruleset, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return nil, errno
	}
	defer func() { _ = unix.Close(int(ruleset)) }()
	const read = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	keep, err = allow(ruleset, socketLists, read)
	if err != nil {
		return keep, err
	}
	if k.Writable != "" {
		const write = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE
		dir, err := allow(ruleset, k.Writable, read|write)
		if err != nil {
			return keep, err
		}
		_ = dir.Close() // the kernel keeps what is not procfs
	}
	return keep, onAllThreads(unix.SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0, 0)
}

// allow adds rights below a directory to a ruleset.
func allow(ruleset uintptr, path string, rights uint64) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	dir := os.NewFile(uintptr(fd), path)
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, ruleset, unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		_ = dir.Close()
		return nil, errno
	}
	return dir, nil
}

// fileRights are all rights to files that an ABI of Landlock knows.
func fileRights(abi int) uint64 {
	const first = unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1 // all of ABI 1
	rights := uint64(first)
	for _, later := range []struct {
		abi   int
		right uint64
	}{
		{2, unix.LANDLOCK_ACCESS_FS_REFER}, {3, unix.LANDLOCK_ACCESS_FS_TRUNCATE}, {5, unix.LANDLOCK_ACCESS_FS_IOCTL_DEV},
	} {
		if abi >= later.abi {
			rights |= later.right
		}
	}
	return rights
}

// denied are system calls by which a process that has been taken over would
// get further. The list is short, because what a Go program needs differs from
// version to version; files are Landlock's business.
func denied() []uint32 {
	return []uint32{
		unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_MOUNT, unix.SYS_UMOUNT2,
		unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_SETNS, unix.SYS_UNSHARE, unix.SYS_BPF, unix.SYS_KEXEC_LOAD,
		unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEYCTL, unix.SYS_ADD_KEY,
		unix.SYS_REQUEST_KEY, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_REBOOT, unix.SYS_SWAPON,
	}
}

// architecture is the name by which seccomp(2) knows this processor
// (AUDIT_ARCH_*, linux/audit.h): a call made in another processor's manner has
// other numbers.
func architecture() (uint32, bool) {
	a, ok := map[string]uint32{
		"amd64": unix.AUDIT_ARCH_X86_64, "386": unix.AUDIT_ARCH_I386, "arm64": unix.AUDIT_ARCH_AARCH64, "arm": unix.AUDIT_ARCH_ARM,
		"mipsle": unix.AUDIT_ARCH_MIPSEL, "mips": unix.AUDIT_ARCH_MIPS, "riscv64": unix.AUDIT_ARCH_RISCV64, "ppc64le": unix.AUDIT_ARCH_PPC64LE,
	}[runtime.GOARCH]
	return a, ok
}

// denyPrograms installs the filter on all threads at once.
func denyPrograms() error {
	arch, ok := architecture()
	if !ok {
		return unix.ENOTSUP
	}
	calls := denied()
	// struct seccomp_data: the number at 0, the architecture at 4.
	program := []bpf.Instruction{
		bpf.LoadAbsolute{Off: 4, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: arch, SkipTrue: uint8(len(calls)) + 2},
		bpf.LoadAbsolute{Off: 0, Size: 4},
	}
	for i, n := range calls {
		program = append(program, bpf.JumpIf{Cond: bpf.JumpEqual, Val: n, SkipTrue: uint8(len(calls) - i)})
	}
	program = append(program,
		bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
		bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
	)
	p, err := assemble(program)
	if err != nil {
		return err
	}
	r, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(p)))
	runtime.KeepAlive(p)
	switch {
	case errno != 0:
		return errno
	case r != 0:
		return fmt.Errorf("thread %d has a filter of its own", r)
	}
	return nil
}
