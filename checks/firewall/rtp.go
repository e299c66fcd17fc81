package firewall

import (
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// RTPSet is the range of rtp.conf, which the running Asterisk has not read.
type RTPSet struct {
	Range string `json:"range"`
	Parts []Part `json:"parts,omitempty"`
}

// RTPUse is how much of the RTP range sockets hold now.
type RTPUse struct {
	Ports   int    `json:"ports"`             // of the range
	Used    int    `json:"used"`              // of them
	Free    int    `json:"free_pairs"`        // an even port and the next one, as a call takes them
	Calls   int    `json:"calls"`             // -1: not known
	Program string `json:"program,omitempty"` // that holds the most of them
}

// notReloaded takes the range of rtp.conf through the rules where it is another
// than that of the running server.
func (o *Observed) notReloaded(ast pbx.Asterisk, parts func(pbx.Ports) []Part) {
	if ast.State == nil || ast.State.RTP.Configured == "" {
		return
	}
	set, err := pbx.ParsePorts(ast.State.RTP.Configured)
	if err != nil {
		return
	}
	o.RTPSet = &RTPSet{Range: ast.State.RTP.Configured}
	if !o.Unread {
		o.RTPSet.Parts = parts(pbx.Ports{Protocol: "udp", Set: set, Purpose: "rtp"})
	}
}

// inUse counts the ports of the RTP range that sockets hold.
func (o *Observed) inUse(open []netinfo.Socket, ast pbx.Asterisk, rtp packetfilter.NumSet) {
	if ast.State == nil || !ast.State.Running || len(open) == 0 {
		return // nothing is known, and silence proves nothing
	}
	held := map[packetfilter.Num]bool{}
	programs := map[string]int{}
	for _, s := range open {
		port := packetfilter.Num(s.Local.Port())
		if s.Protocol != "udp" || !rtp.Contains(port) {
			continue
		}
		held[port] = true
		programs[s.Program]++
	}
	u := &RTPUse{Used: len(held), Calls: ast.State.Calls}
	for name, n := range programs {
		if n > programs[u.Program] || n == programs[u.Program] && name < u.Program {
			u.Program = name
		}
	}
	for _, span := range rtp {
		u.Ports += int(span.Hi - span.Lo + 1)
		for port := span.Lo; port < span.Hi; port++ {
			if port%2 == 0 && !held[port] && !held[port+1] {
				u.Free++
			}
		}
	}
	o.RTPUse = u
}
