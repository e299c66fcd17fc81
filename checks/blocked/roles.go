package blocked

import "slices"

// everyPort looks for bans of the gateway and the administrator on all ports. Of
// their own packets only some matter as long as nothing names them; a ban does
// on whatever port it stops them, because the phones behind a router that
// translates addresses all come from the gateway, and whoever looks after the
// PBX may have a phone.
func (e question) everyPort(s Subject) Subject {
	if s.Use != useGateway && s.Use != useAdmin {
		return s
	}
	e.ports = slices.Concat(e.ports, e.Ports)
	if s = e.filterBlocks(s); len(effectiveBlocks(s)) > 0 {
		s.Use = ""
		s = e.paths(s)
	}
	return s
}
