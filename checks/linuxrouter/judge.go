package linuxrouter

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Facts are the stable summary. Numbers are -1 where the kernel did not tell.
type Facts struct {
	Platform  string `json:"platform"`
	Version   string `json:"version"`
	SIPHelper bool   `json:"sip_helper"` // something attaches it
	UDP       int    `json:"udp_timeout_s"`
	UDPStream int    `json:"udp_stream_timeout_s"`
	Paths     []Path `json:"paths"` // that do not pass; nil: the rules were not evaluated
}

// Path is a kind of packet that a rule stops.
type Path struct {
	Direction string `json:"direction"` // out: from the LAN to the provider; in: its answers
	From      string `json:"from"`
	In        string `json:"in"`
	Out       string `json:"out"`
	Protocol  string `json:"protocol"`
	Ports     string `json:"ports"`
	Purpose   string `json:"purpose"`
	Verdict   string `json:"verdict"`
	Rule      string `json:"rule"`
}

func say(id string, args words.Args) words.Text { return words.Say("linux-router."+id, args) }

func judge(o Observed, _ *netinfo.Host) checks.Judgement {
	f := Facts{
		Platform: o.System.Platform, Version: o.System.Version, SIPHelper: o.helped(), UDP: o.State.UDPTimeout, UDPStream: o.State.UDPStreamTimeout,
	}
	if o.Asked > 0 {
		f.Paths = []Path{}
	}
	for _, s := range o.Stops {
		direction := "out"
		if s.Answers {
			direction = "in"
		}
		f.Paths = append(f.Paths, Path{direction, s.LAN.Prefix.String(), s.LAN.Interface, s.Out, s.Proto, need.Text(s.Ports), s.Purpose, s.Verdict, s.Rule})
	}
	j := checks.Judgement{Facts: f, Notes: append(words.Texts(o.Notes), o.harmless()...)}
	j.Findings = slices.Concat(o.blocked(), o.helper(), o.timeout())
	checks.WorstFirst(j.Findings)
	j.Summary = say("summary.fine", words.Args{"system": words.Raw(cmp.Or(o.System.Name, "Linux")), "stream": o.State.UDPStreamTimeout})
	j.Inconclusive = o.unclear()
	switch {
	case len(j.Findings) > 0:
		j.Summary = j.Findings[0].Message()
	case !j.Inconclusive.IsZero():
		j.Summary = say("summary.unclear", words.Args{"system": words.Raw(cmp.Or(o.System.Name, "Linux"))})
	}
	return j
}

// unclear is why not all could be told; zero if all could.
func (o Observed) unclear() words.Text {
	switch {
	case o.Unread:
		return checks.NeedsRoot(say("reason.root-only", nil))
	case o.Missing != "":
		return say("reason.unread", words.Args{"why": o.Missing})
	case len(o.LANs) == 0 || len(o.Uplinks) == 0:
		return say("reason.no-router", words.Args{"lan": len(o.LANs) > 0})
	case len(o.Maybe) > 0:
		return say("reason.maybe", words.Args{"reasons": o.Maybe})
	case o.Cut:
		return say("reason.cut", nil)
	case o.NAT && o.State.UDPStreamTimeout < 0:
		return say("reason.timeout", nil)
	}
	return words.Text{}
}

// helped reports whether something attaches the SIP helper to connections.
func (o Observed) helped() bool { return len(o.Helpers) > 0 || o.State.AutoHelper && o.State.SIPHelper }

// helper is the kernel's SIP ALG. Without NAT it changes nothing (Linux,
// nf_conntrack_sip.c, process_sip_msg).
func (o Observed) helper() []checks.Finding {
	if !o.helped() || !o.NAT || o.Need.SIPALG == "on" {
		return nil
	}
	f := checks.Finding{
		ID: "linux-router.sip-helper", Severity: checks.Warning, Confidence: checks.Certain,
		Args: words.Args{"demanded": o.Need.SIPALG == "off", "profile": words.Raw(o.Need.Profile)},
	}
	if o.Need.SIPALG == "off" {
		f.Severity = checks.Critical
	}
	var edits []packetfilter.RuleEdit
	for _, h := range o.Helpers {
		f.Evidence = append(f.Evidence, checks.Proof(h.Where, nil, words.Raw(h.Rule)))
		edits = append(edits, h.Edits...)
	}
	if o.System.Platform != plainLinux { // what its own configuration says stays
		f.Fixes = fixes.On(fixes.SIPALG, o.System.Platform, nil)
	}
	if o.State.AutoHelper && o.State.SIPHelper {
		f.Evidence = append(f.Evidence, checks.Proof("net.netfilter.nf_conntrack_helper", 0, 1))
		f.Fixes = append(f.Fixes, fixes.EndHelped(fixes.Build("stop-router-helper-assignment", "linux-modules", nil, command.Step{
			Do:   []command.Command{command.New("sysctl", "-w", "net.netfilter.nf_conntrack_helper=0")},
			Undo: []command.Command{command.New("sysctl", "-w", "net.netfilter.nf_conntrack_helper=1")},
		}))...)
	}
	if len(edits) > 0 {
		f.Fixes = append(f.Fixes, fixes.EndHelped(fixes.Build("remove-router-helper-rules", fixes.FilterPlatform(edits[0]), nil, packetfilter.Plan(edits)...))...)
	}
	return []checks.Finding{f}
}

// timeout is the time for which the router keeps the mapping of a phone that is silent.
func (o Observed) timeout() []checks.Finding {
	s := o.State.UDPStreamTimeout
	least, variant := o.Need.Timeout()
	if !o.State.Loaded || s < 0 || s >= least || !o.NAT {
		return nil
	}
	return []checks.Finding{{
		ID: "linux-router.udp-timeout", Variant: variant, Severity: checks.Warning, Confidence: checks.Certain,
		Args:     words.Args{"seconds": s, "least": least, "profile": words.Raw(o.Need.Profile)},
		Evidence: []checks.Evidence{checks.Proof("nf_conntrack_udp_timeout_stream", say("evidence.at-least", words.Args{"seconds": least}), s)},
		Fixes:    fixes.On(fixes.UDPTimeout, catalogued(o.System.Platform), map[string]string{"UDPTimeout": strconv.Itoa(need.RaisedTo(least))}),
	}}
}

// catalogued is the platform whose fixes of the kernel's settings fit.
func catalogued(platform string) string {
	if platform == plainLinux {
		return "linux-modules"
	}
	return platform
}
