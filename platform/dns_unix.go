//go:build unix

package platform

import (
	"errors"
	"net/netip"
)

func systemNameservers() ([]string, error) { return readResolvConf("/etc/resolv.conf") }

// adapterNameservers: on Unix resolv.conf tells, and nothing else is asked.
func adapterNameservers() ([]netip.AddrPort, error) { return nil, errors.ErrUnsupported }
