//go:build !linux

package platform

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// OpenBatch: only Linux moves several datagrams in one call and tells ICMP
// errors beside them.
func (r *realNetwork) OpenBatch(_ context.Context, local netip.AddrPort) (BatchConn, error) {
	return nil, fmt.Errorf("opening a batch socket at %s: %w", local, errors.ErrUnsupported)
}
