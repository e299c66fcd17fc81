//go:build unix

package platform

import (
	"errors"
	"net/netip"
)

// adapterNameservers: on Unix resolv.conf tells, and nothing else is asked.
func adapterNameservers() ([]netip.AddrPort, error) { return nil, errors.ErrUnsupported }
