package firewall

import (
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// reloadRTP makes Asterisk read rtp.conf.
const reloadRTP = "module reload res_rtp_asterisk.so"

// rangesDiffer is about a changed rtp.conf that Asterisk has not read. To open
// the range that runs would open what nobody wants.
func rangesDiffer(o Observed) checks.Finding {
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
	return f
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
func rtpExhausted(o Observed) (checks.Finding, bool) {
	u := o.RTPUse
	if u == nil || float64(u.Free) >= scarce*float64(u.Ports/2) {
		return checks.Finding{}, false
	}
	program := any(u.Program)
	if u.Program == "" {
		program = words.Say("firewall.evidence.root-knows", nil)
	}
	return checks.Finding{
		ID: "firewall.rtp-in-use", Severity: checks.Warning, Confidence: checks.Certain,
		Args: words.Args{"used": u.Used, "ports": u.Ports, "calls": u.Calls, "leaked": u.Calls >= 0 && u.Used > portsOfCall*(u.Calls+1)},
		Evidence: []checks.Evidence{
			checks.Proof(words.Say("firewall.evidence.free-pairs", words.Args{"range": o.RTP}), words.Say("firewall.evidence.at-least", words.Args{"n": int(scarce*float64(u.Ports/2)) + 1}), u.Free),
			checks.Proof(words.Say("firewall.evidence.held-by", nil), nil, program),
		},
	}, true
}
