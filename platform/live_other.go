//go:build !linux

package platform

import (
	"context"
	"errors"
	"fmt"
)

func capture(_ context.Context, name string) (Live, error) {
	return nil, fmt.Errorf("capturing on %s: %w", name, errors.ErrUnsupported)
}
