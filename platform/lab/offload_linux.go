package lab

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// realChecksums switches checksum offloading off on dev. A virtual cable
// otherwise carries packets whose checksum was never computed, and what an
// ICMP error quotes of them looks tampered with. It also keeps packets at the
// size of the link, which the delaying box needs.
func realChecksums(dev string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening a socket for ethtool: %w", err)
	}
	defer unix.Close(fd)
	// struct ethtool_value { __u32 cmd; __u32 data; } of linux/ethtool.h
	value := struct{ cmd, data uint32 }{cmd: unix.ETHTOOL_STXCSUM}
	// struct ifreq with ifr_data; the union after the name is at least 24 bytes.
	var req struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [24]byte
	}
	copy(req.name[:unix.IFNAMSIZ-1], dev)
	req.data = unsafe.Pointer(&value)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req))); errno != 0 {
		return fmt.Errorf("switching checksum offload of %s off: %w", dev, errno)
	}
	return nil
}
