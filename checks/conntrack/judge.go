package conntrack

import (
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Facts are the stable summary. Numbers are -1 where the kernel did not tell.
type Facts struct {
	Tracks           bool     `json:"tracks"`
	Count            int      `json:"count"`
	Max              int      `json:"max"`
	UDPTimeout       int      `json:"udp_timeout_s"`
	UDPStreamTimeout int      `json:"udp_stream_timeout_s"`
	SIPHelper        bool     `json:"sip_helper"` // something attaches it
	Forgotten        []string `json:"forgotten_trunks"`
}

// The shares of a full table that matter. At 95 % a burst of calls meets the
// limit: each takes four entries.
const (
	nearlyFull = 0.8
	full       = 0.95
)

func judge(o Observed, _ *netinfo.Host) checks.Judgement {
	s := o.State
	f := Facts{
		Tracks: s.Loaded, Count: s.Count, Max: s.Max, UDPTimeout: s.UDPTimeout, UDPStreamTimeout: s.UDPStreamTimeout,
		SIPHelper: len(o.Helpers) > 0 || s.AutoHelper && s.SIPHelper, Forgotten: []string{},
	}
	j := checks.Judgement{Notes: words.Texts(o.Notes)}
	if f.SIPHelper {
		j.Findings = append(j.Findings, helperFinding(o))
	}
	if share := s.Full(); share >= nearlyFull {
		j.Findings = append(j.Findings, fullTable(s, share))
	}
	if len(o.Moved) > 0 {
		j.Findings = append(j.Findings, movedPorts(o.Moved))
	}
	if len(o.Banned) > 0 {
		j.Findings = append(j.Findings, bannedFlows(o.Banned))
	}
	for _, t := range o.Trunks {
		if forgotten(t, s) {
			f.Forgotten = append(f.Forgotten, t.Name)
			j.Findings = append(j.Findings, forgottenTrunk(t, s))
		}
	}
	j.Facts = f
	switch {
	case !s.Loaded:
		j.Summary, j.Skip = words.Say("conntrack.summary.nothing", nil), words.Say("conntrack.skip.no-tracking", nil)
	case o.Unread && len(j.Findings) == 0:
		j.Summary, j.Inconclusive = words.Say("conntrack.summary.helper-unread", nil), checks.NeedsRoot(words.Say("conntrack.reason.root-only", nil))
	case o.Missing != "" && len(j.Findings) == 0:
		j.Summary = words.Say("conntrack.summary.helper-unclear", nil)
		j.Inconclusive = words.Say("conntrack.reason.partly-read", words.Args{"why": o.Missing})
	case len(j.Findings) > 0:
		j.Summary = j.Findings[0].Message()
	default:
		j.Summary = words.Say("conntrack.summary.fine", words.Args{"count": s.Count, "max": s.Max, "stream": s.UDPStreamTimeout})
	}
	return j
}

func helperFinding(o Observed) checks.Finding {
	f := checks.Finding{ID: "conntrack.sip-helper", Severity: checks.Critical, Confidence: checks.Certain}
	var edits []packetfilter.RuleEdit
	for _, h := range o.Helpers {
		f.Evidence = append(f.Evidence, checks.Proof(h.Where, nil, h.Rule))
		edits = append(edits, h.Edits...)
	}
	if o.State.AutoHelper && len(o.Helpers) == 0 {
		f.Evidence = append(f.Evidence, checks.Proof("net.netfilter.nf_conntrack_helper", 0, 1))
		f.Fixes = fixes.Build("stop-helper-assignment", "", nil, command.Step{
			Do:   []command.Command{command.New("sysctl", "-w", "net.netfilter.nf_conntrack_helper=0")},
			Undo: []command.Command{command.New("sysctl", "-w", "net.netfilter.nf_conntrack_helper=1")},
		})
		return f
	}
	f.Fixes = fixes.Build("remove-helper-rules", "", nil, packetfilter.Plan(edits)...)
	return f
}

func fullTable(s netinfo.ConntrackState, share float64) checks.Finding {
	f := checks.Finding{
		ID: "conntrack.table-full", Severity: checks.Warning, Confidence: checks.Certain,
		Args:     words.Args{"share": int(share * 100), "count": s.Count, "max": s.Max},
		Evidence: []checks.Evidence{checks.Proof("nf_conntrack_count", words.Say("conntrack.evidence.wanted", words.Args{"max": s.Max}), s.Count)},
		Fixes:    fixes.Build("raise-conntrack-max", "", nil, command.Step{Do: tableSize(s.Max * 2), Undo: tableSize(s.Max)}),
	}
	if share >= full {
		f.Severity = checks.Critical
	}
	return f
}

func tableSize(n int) []command.Command {
	return []command.Command{command.New("sysctl", "-w").Option("net.netfilter.nf_conntrack_max=", strconv.Itoa(n))}
}

// forgotten reports whether a provider's call is let in only while the kernel
// remembers the flow, and that is not always.
func forgotten(t Trunk, s netinfo.ConntrackState) bool {
	return s.UDPStreamTimeout > 0 && t.EveryS > s.UDPStreamTimeout && t.Answer == "accept" && (t.New == "drop" || t.New == "reject")
}

func forgottenTrunk(t Trunk, s netinfo.ConntrackState) checks.Finding {
	return checks.Finding{
		ID: "conntrack.trunk-forgotten", Severity: checks.Warning, Confidence: checks.Certain,
		Args: words.Args{"trunk": t.Name, "address": t.Addr, "stream": s.UDPStreamTimeout, "every": t.EveryS},
		Evidence: []checks.Evidence{
			checks.Proof(words.Say("conntrack.evidence.first-packet", words.Args{"address": t.Addr}), "accept",
				words.Say("conntrack.evidence.verdict", words.Args{"verdict": t.New, "rule": t.Rule})),
			checks.Proof("nf_conntrack_udp_timeout_stream", words.Say("conntrack.evidence.above", words.Args{"seconds": t.EveryS}),
				words.Say("conntrack.evidence.seconds", words.Args{"seconds": s.UDPStreamTimeout})),
		},
		Fixes: pbx.EditFilter("let-trunk-in", words.Args{"address": t.Addr}, t.Allow),
	}
}
