package blocked

import "time"

// everyRole looks for bans of the gateway and the administrator on all ports. Of
// their own packets only some matter as long as nothing names them; a ban does
// on whatever port it stops them, because the phones behind a router that
// translates addresses all come from the gateway, and whoever looks after the
// PBX may have a phone.
func (e *evaluator) everyRole(s *Subject, when time.Time) {
	if s.Use != useGateway && s.Use != useAdmin {
		return
	}
	e.ports = append(e.ports[:len(e.ports):len(e.ports)], e.all...)
	s.Blocks = e.filterBlocks(*s, when)
	if len(effectiveBlocks(*s)) > 0 {
		s.Use = ""
		e.paths(s)
	}
}
