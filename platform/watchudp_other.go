//go:build !linux

package platform

import (
	"context"
	"errors"
	"fmt"
)

// WatchUDP: a packet socket is Linux's.
func (r *realNetwork) WatchUDP(context.Context, WatchUDPOptions) (UDPWatch, error) {
	return nil, fmt.Errorf("watching arriving packets: %w", errors.ErrUnsupported)
}
