package platform

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	etherLLDP = 0x88cc // the type of LLDP's frames; CDP's are known by the group they go to
	maxFrame  = 1514   // the longest one without a VLAN tag, bytes
)

// announceGroups are where devices announce themselves: LLDP's nearest bridge (IEEE
// 802.1AB, 7.1) and CDP.
func announceGroups() [2][6]byte {
	return [2][6]byte{{0x01, 0x80, 0xc2, 0, 0, 0x0e}, {0x01, 0, 0x0c, 0xcc, 0xcc, 0xcc}}
}

func hearAnnouncements(ctx context.Context, name string, see func([]byte)) error {
	file, err := openAnnouncements(name)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		err = ErrPrivilege
	}
	if err != nil {
		return fmt.Errorf("listening for LLDP and CDP on %s: %w", name, err)
	}
	defer file.Close()
	defer context.AfterFunc(ctx, func() { file.Close() })()
	buf := make([]byte, maxFrame)
	for {
		n, err := file.Read(buf)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENETDOWN): // a cable is pulled, and comes back
		case err != nil:
			return fmt.Errorf("listening for LLDP and CDP on %s: %w", name, err)
		default:
			see(buf[:n])
		}
	}
}

// openAnnouncements opens the socket with protocol 0, so that nothing arrives before
// the filter is attached. What this machine itself sends is not heard.
func openAnnouncements(name string) (_ *os.File, err error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
		}
	}()
	cdp := announceGroups()[1]
	if err := attachFilter(fd, []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 7},
		bpf.LoadAbsolute{Off: 12, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: etherLLDP, SkipTrue: 4},
		bpf.LoadAbsolute{Off: 0, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(cdp[0])<<24 | uint32(cdp[1])<<16 | uint32(cdp[2])<<8 | uint32(cdp[3]), SkipTrue: 3},
		bpf.LoadAbsolute{Off: 4, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(cdp[4])<<8 | uint32(cdp[5]), SkipTrue: 1},
		bpf.RetConstant{Val: maxFrame},
		bpf.RetConstant{Val: 0},
	}); err != nil {
		return nil, err
	}
	for _, group := range announceGroups() {
		m := unix.PacketMreq{Ifindex: int32(i.Index), Type: unix.PACKET_MR_MULTICAST, Alen: 6}
		copy(m.Address[:], group[:])
		if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
			return nil, os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: i.Index}); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	return os.NewFile(uintptr(fd), "packet socket"), nil
}
