package platform

import "errors"

// systemNameservers: Windows keeps its resolvers per interface and policy; the
// system is asked instead.
func systemNameservers() ([]string, error) { return nil, errors.ErrUnsupported }
