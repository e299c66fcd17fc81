package blocked

import "time"

// ask takes the packets of a subject through the rules. Of the gateway and the
// administrator only a part matters as long as nothing names them; a ban does
// on whatever port it stops them, because the phones behind a router that
// translates addresses all come from the gateway, and whoever looks after the
// PBX may have a phone.
func (e *evaluator) ask(s *Subject, when time.Time) {
	e.ports = portsFor(s.Use, e.all)
	if s.Use != useGateway && s.Use != useAdmin {
		s.Paths, s.Blocks = e.paths(*s), e.filterBlocks(*s, when)
		return
	}
	own := e.ports
	e.ports = append(own[:len(own):len(own)], e.all...)
	s.Blocks = e.filterBlocks(*s, when)
	if len(effectiveBlocks(*s)) > 0 {
		s.Use = ""
	} else {
		e.ports = own
	}
	s.Paths = e.paths(*s)
}
