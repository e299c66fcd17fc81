//go:build !linux

package platform

import (
	"context"
	"errors"
	"fmt"
)

func hearAnnouncements(_ context.Context, name string, _ func([]byte)) error {
	return fmt.Errorf("listening for LLDP and CDP on %s: %w", name, errors.ErrUnsupported)
}
