package conntrack

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
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
	j := checks.Judgement{Notes: words.Literals(o.Notes)}
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
		j.Summary, j.Skip = words.Literal("nothing to look at"), words.Literal("the kernel does not say that it tracks connections")
	case o.Unread && len(j.Findings) == 0:
		j.Summary, j.Inconclusive = words.Literal("whether SIP is handed to a helper was not read"), checks.NeedsRoot(words.Literal("the packet filter can be read by root only"))
	case o.Missing != "" && len(j.Findings) == 0:
		j.Summary, j.Inconclusive = words.Literal("whether SIP is handed to a helper cannot be told"), words.Literal("the packet filter could not be read whole: "+o.Missing)
	case len(j.Findings) > 0:
		j.Summary = words.Literal(strings.ToLower(j.Findings[0].Title[:1]) + j.Findings[0].Title[1:])
	default:
		j.Summary = words.Literal(fmt.Sprintf("no SIP helper, %s of %s connections, UDP remembered %s", number(s.Count), number(s.Max), seconds(s.UDPStreamTimeout)))
	}
	return j
}

func number(n int) string {
	if n < 0 {
		return "an unknown number"
	}
	return fmt.Sprint(n)
}

func seconds(n int) string {
	if n < 0 {
		return "for an unknown time"
	}
	return fmt.Sprintf("%d s", n)
}

func helperFinding(o Observed) checks.Finding {
	f := checks.Finding{
		ID: "conntrack.sip-helper", Severity: checks.Critical, Confidence: checks.Certain,
		Title: "This PBX's own kernel hands SIP to its helper (SIP ALG)",
		Explanation: "The helper reads every message on port 5060 and drops what it does not understand, an INVITE whose RTP port is taken for one; with NAT on this machine it rewrites them as well. " +
			"Asterisk knows how to handle NAT itself.",
	}
	fix := fixes.Fix{
		ID: "remove-helper-rules", Title: "Remove the rules that hand SIP to the helper", Where: "pbx", Platform: "linux-iptables",
		Verify: []string{"sipdoctor pbx conntrack"}, Source: "iptables-extensions(8), CT",
		Note: "Remove it as well from the file or program that loads the rules. Calls that are tracked already keep the helper until they end.",
	}
	var edits []packetfilter.RuleEdit
	for _, h := range o.Helpers {
		f.Evidence = append(f.Evidence, checks.Evidence{Name: h.Where, Got: h.Rule})
		edits = append(edits, h.Edits...)
	}
	steps := packetfilter.Plan(edits)
	if o.State.AutoHelper && len(o.Helpers) == 0 {
		f.Evidence = append(f.Evidence, checks.Evidence{Name: "net.netfilter.nf_conntrack_helper", Want: "0", Got: "1"})
		fix.Title = "Keep the kernel from attaching helpers by itself"
		steps = []command.Step{{
			Do:   []command.Command{command.New("sysctl", "-w", "net.netfilter.nf_conntrack_helper=0")},
			Undo: []command.Command{command.New("sysctl", "-w", "net.netfilter.nf_conntrack_helper=1")},
		}}
		fix.Source = "Linux kernel, Documentation/networking/nf_conntrack-sysctl.rst"
	}
	f.Fixes = fix.Steps(steps...)
	return f
}

func fullTable(s netinfo.ConntrackState, share float64) checks.Finding {
	f := checks.Finding{
		ID: "conntrack.table-full", Severity: checks.Warning, Confidence: checks.Certain,
		Title:       fmt.Sprintf("The connection table is %d %% full: %d of %d", int(share*100), s.Count, s.Max),
		Explanation: "When it is full the kernel drops new flows: registrations and calls fail at random, and the log says \"nf_conntrack: table full, dropping packet\".",
		Evidence:    []checks.Evidence{{Name: "nf_conntrack_count", Want: fmt.Sprintf("well below %d", s.Max), Got: fmt.Sprint(s.Count)}},
		Fixes: fixes.Fix{
			ID: "raise-conntrack-max", Title: "Double the size of the connection table", Where: "pbx", Platform: "linux-iptables",
			Verify: []string{"sipdoctor pbx conntrack"}, Note: "An entry takes some 320 bytes of kernel memory. Put it into /etc/sysctl.d to keep it.",
			Source: "Linux kernel, Documentation/networking/nf_conntrack-sysctl.rst",
		}.Steps(command.Step{Do: tableSize(s.Max * 2), Undo: tableSize(s.Max)}),
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
	f := checks.Finding{
		ID: "conntrack.trunk-forgotten", Severity: checks.Warning, Confidence: checks.Certain,
		Title: fmt.Sprintf("Calls from trunk %s (%s) are dropped after %d s of silence", t.Name, t.Addr, s.UDPStreamTimeout),
		Explanation: fmt.Sprintf("The firewall lets %s in only as an answer. The kernel remembers a UDP flow for %d s, and this PBX sends to the trunk every %d s: in between, inbound calls meet a closed door.",
			t.Addr, s.UDPStreamTimeout, t.EveryS),
		Evidence: []checks.Evidence{
			{Name: "first packet of " + t.Addr.String(), Want: "accept", Got: t.New + " by " + t.Rule},
			{Name: "nf_conntrack_udp_timeout_stream", Want: fmt.Sprintf("above %d s", t.EveryS), Got: fmt.Sprintf("%d s", s.UDPStreamTimeout)},
		},
		Advice: []string{"Or let Asterisk ask the trunk every 60 s: qualify_frequency=60 in its AOR."},
	}
	if steps := packetfilter.Plan(t.Allow); len(steps) > 0 {
		platform, source := fixes.FilterPlatform(t.Allow[0])
		f.Fixes = fixes.Fix{
			ID: "let-trunk-in", Title: "Let the trunk's address in", Where: "pbx", Platform: platform, Verify: []string{"sipdoctor why " + t.Addr.String()},
			Note: "Put it into the file or program that loads the rules as well.", Source: source,
		}.Steps(steps...)
	}
	return f
}
