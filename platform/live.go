package platform

import (
	"context"
	"encoding/binary"
	"io"
)

// Live is a capture of what passes an interface of this machine, from now on. Read
// returns it as a file of libpcap with nanoseconds, and io.EOF after Close or when
// the context of Capture ends.
type Live interface {
	io.ReadCloser

	// Drops is how many packets the kernel had no room for so far.
	Drops() uint64
}

// AnyInterface names all interfaces together, as tcpdump does.
const AnyInterface = "any"

// Capture begins a capture on an interface or on all of them. Without the right to,
// the error satisfies errors.Is(err, ErrPrivilege); on a system where that is not
// possible, errors.ErrUnsupported.
func Capture(ctx context.Context, name string) (Live, error) { return capture(ctx, name) }

// Link types of tcpdump.org/linktypes.html.
const (
	linkEthernet = 1
	linkRaw      = 101
)

// pcapHeader is the beginning of a file of libpcap.
func pcapHeader(link uint32) []byte {
	const nanoseconds, snap = 0xa1b23c4d, 256 << 10
	b := binary.LittleEndian.AppendUint32(nil, nanoseconds)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...)
	b = binary.LittleEndian.AppendUint32(b, snap)
	return binary.LittleEndian.AppendUint32(b, link)
}
