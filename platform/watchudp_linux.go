package platform

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// packetWatch is a packet socket (packet(7)) without link headers: it sees
// arriving IPv4 packets before the INPUT chain does.
type packetWatch struct{ file *os.File }

// WatchUDP opens the socket with protocol 0, so that nothing arrives before the
// filter is attached, and then binds it to IPv4.
func (r *realNetwork) WatchUDP(_ context.Context, o WatchUDPOptions) (UDPWatch, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return nil, fmt.Errorf("watching arriving packets (CAP_NET_RAW): %w", ErrPrivilege)
	}
	if err != nil {
		return nil, fmt.Errorf("watching arriving packets: %w", os.NewSyscallError("socket", err))
	}
	if err = filterWatch(fd, o); err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_IP)})
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("preparing to watch arriving packets: %w", err)
	}
	return &packetWatch{os.NewFile(uintptr(fd), "packet socket")}, nil
}

// networkOrder is htons on any machine.
func networkOrder(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

// filterWatch attaches the classic BPF program: whole UDP datagrams with the
// magic.
func filterWatch(fd int, o WatchUDPOptions) error {
	return attachFilter(fd, []bpf.Instruction{
		bpf.LoadAbsolute{Off: 9, Size: 1}, // protocol
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_UDP, SkipTrue: 6},
		bpf.LoadAbsolute{Off: 6, Size: 2}, // fragments
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x3fff, SkipTrue: 4},
		bpf.LoadMemShift{Off: 0}, // X = length of the IPv4 header
		bpf.LoadIndirect{Off: uint32(8 + o.MagicOffset), Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: o.Magic, SkipTrue: 1},
		bpf.RetConstant{Val: maxRawUDP},
		bpf.RetConstant{Val: 0},
	})
}

func (w *packetWatch) Watch(see func(payload []byte, from, to netip.AddrPort)) error {
	buf := make([]byte, maxRawUDP)
	for {
		n, err := w.file.Read(buf)
		if errors.Is(err, os.ErrClosed) {
			return nil
		}
		if errors.Is(err, unix.ENETDOWN) {
			continue // one interface went down; the others are still heard
		}
		if err != nil {
			return fmt.Errorf("watching arriving packets: %w", err)
		}
		if payload, from, to, ok := splitRaw(buf[:n]); ok {
			see(payload, from, to)
		}
	}
}

func (w *packetWatch) Close() error { return w.file.Close() }
