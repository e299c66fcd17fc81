//go:build !linux

package platform

import (
	"context"
	"errors"
	"fmt"
)

// OpenRawUDP: the BSDs and Windows hand no UDP datagrams to raw sockets.
func (r *realNetwork) OpenRawUDP(context.Context, RawUDPOptions) (RawUDP, error) {
	return nil, fmt.Errorf("opening a raw UDP socket: %w", errors.ErrUnsupported)
}
