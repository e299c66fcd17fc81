package platform

import "context"

// HearAnnouncements calls see with each whole Ethernet frame of LLDP or CDP that
// arrives at the network interface with that name, until ctx ends, which is no error.
// Nothing is sent. The frame is see's only until it returns. Without the right to
// listen the error satisfies errors.Is(err, ErrPrivilege); on a system where that is
// not possible, errors.ErrUnsupported.
func HearAnnouncements(ctx context.Context, name string, see func(frame []byte)) error {
	return hearAnnouncements(ctx, name, see)
}
