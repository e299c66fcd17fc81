package firewall

import (
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
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

// reloadRTP makes Asterisk read rtp.conf.
const reloadRTP = "module reload res_rtp_asterisk.so"

// rangesDiffer is about a changed rtp.conf that Asterisk has not read. To open
// the range that runs would open what nobody wants.
func rangesDiffer(o Observed) []checks.Finding {
	if o.RTPSet == nil {
		return nil
	}
	f := checks.Finding{
		ID: "firewall.rtp-not-reloaded", Severity: checks.Warning, Confidence: checks.Certain,
		Args:     words.Args{"set": o.RTPSet.Range, "running": o.RTP},
		Evidence: []checks.Evidence{checks.Proof(words.Say("firewall.evidence.range", nil), o.RTPSet.Range+" (rtp.conf)", rangeFrom(o))},
		Fixes: fixes.Build("reload-rtp", "", nil,
			command.Step{Do: []command.Command{command.New("asterisk", "-rx", reloadRTP)}}),
	}
	for _, p := range o.RTPSet.Parts {
		f.Evidence = append(f.Evidence, checks.Proof(words.Say("firewall.evidence.in-firewall", words.Args{"port": port("udp", p.Ports)}), nil, p.decides()))
	}
	return []checks.Finding{f}
}

// openAsSet reports whether the firewall opens the range of rtp.conf: then it
// is not the firewall that is wrong.
func openAsSet(o Observed) bool {
	return o.RTPSet != nil && len(o.RTPSet.Parts) > 0 && !slices.ContainsFunc(o.RTPSet.Parts, func(p Part) bool { return p.Verdict != "accept" })
}

const (
	// scarce is the share of free pairs of ports below which calls begin to fail:
	// Asterisk looks for a free one from a port it draws, and each call takes two.
	scarce = 0.1
	// portsOfCall is how many ports a call of two parties holds, with video.
	portsOfCall = 8
)

// rtpExhausted is about an RTP range of which next to nothing is free.
func rtpExhausted(u *RTPUse, rtp string) []checks.Finding {
	if u == nil || float64(u.Free) >= scarce*float64(u.Ports/2) {
		return nil
	}
	program := any(u.Program)
	if u.Program == "" {
		program = words.Say("firewall.evidence.root-knows", nil)
	}
	return []checks.Finding{{
		ID: "firewall.rtp-in-use", Severity: checks.Warning, Confidence: checks.Certain,
		Args: words.Args{"used": u.Used, "ports": u.Ports, "calls": u.Calls, "leaked": u.Calls >= 0 && u.Used > portsOfCall*(u.Calls+1)},
		Evidence: []checks.Evidence{
			checks.Proof(words.Say("firewall.evidence.free-pairs", words.Args{"range": rtp}), words.Say("firewall.evidence.at-least", words.Args{"n": int(scarce*float64(u.Ports/2)) + 1}), u.Free),
			checks.Proof(words.Say("firewall.evidence.held-by", nil), nil, program),
		},
	}}
}
