package routeros

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Facts are the stable summary. What is not known is null.
type Facts struct {
	Version   *string  `json:"version"`
	Model     *string  `json:"model"`
	Helper    SIPFacts `json:"sip_helper"`
	UDP       *int     `json:"udp_timeout_s"`
	UDPStream *int     `json:"udp_stream_timeout_s"`
	// Connections are of a router that was read live; nil of a file.
	Connections *ConnectionFacts `json:"connections,omitempty"`
	Paths       []Path           `json:"paths"` // nil: the rules were not evaluated
}

// SIPFacts are those of the helper.
type SIPFacts struct {
	Enabled     *bool   `json:"enabled"`
	Ports       *string `json:"ports"`
	DirectMedia *bool   `json:"direct_media"`
	Timeout     *int    `json:"timeout_s"`
}

// Path is a way as the check blocked has it.
type Path struct {
	Direction string         `json:"direction"` // out: from the LAN to the provider; in: its answers
	From      string         `json:"from"`
	In        string         `json:"in"`
	Out       *string        `json:"out"`
	To        []string       `json:"to"` // nil: whatever address
	Protocol  string         `json:"protocol"`
	Ports     string         `json:"ports"`
	Purpose   string         `json:"purpose"`
	Verdict   string         `json:"verdict"`
	Partly    bool           `json:"partly,omitempty"`
	Rule      string         `json:"rule"`
	Table     string         `json:"table,omitempty"`
	Line      int            `json:"line,omitempty"`
	Reasons   []words.Reason `json:"reasons,omitempty"`
}

func facts(o Observed) Facts {
	f := Facts{Version: known(o.Version), Model: known(o.Model), UDP: o.UDP.Seconds, UDPStream: o.UDPStream.Seconds,
		Helper: SIPFacts{o.Helper.Enabled, known(o.Helper.Ports), o.Helper.DirectMedia, o.Helper.Timeout}}
	f.Connections = o.connectionFacts()
	for _, w := range o.Ways {
		p := Path{Direction: w.Direction, From: w.From.String(), In: w.In, Out: known(w.Out), Protocol: w.Protocol, Ports: need.Text(w.Ports),
			Purpose: w.Purpose, Verdict: w.Verdict, Partly: w.Partly, Rule: w.Rule, Table: w.Table, Line: w.Line, Reasons: w.Reasons}
		for _, to := range w.To {
			p.To = append(p.To, to.String())
		}
		f.Paths = append(f.Paths, p)
	}
	return f
}

func known(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func judge(o Observed, _ *netinfo.Host) checks.Judgement {
	switch {
	case o.Files == 0:
		return checks.Judgement{Summary: say("summary.nothing", nil), Skip: say("skip.no-file", nil)}
	case o.Unread != "":
		return checks.Judgement{Summary: say("summary.unread", nil), Inconclusive: say("reason.unread", words.Args{"why": o.Unread})}
	}
	j := checks.Judgement{Facts: facts(o), Notes: notes(o)}
	for _, look := range []func(Observed) []checks.Finding{providerBlocked, refused, phonesDiverted, withoutNAT, sipHelper, udpTimeout, dnsOpen, managementOpen, sipOpen, mediaForward, masqueradeInside, twoUplinks, splitPhones, banned, neverMatches, portChanged, quality, sixBlocked} {
		j.Findings = append(j.Findings, look(o)...)
	}
	j.Findings = append(j.Findings, slices.Concat(helperConnections(o), tableFull(o))...)
	checks.WorstFirst(j.Findings)
	args := words.Args{"version": tame(cmp.Or(o.Version, "none")), "model": tame(o.Model), "named": o.Model != "", "timeout": -1, "helper": "unknown"}
	if o.UDPStream.Seconds != nil {
		args["timeout"] = *o.UDPStream.Seconds
	}
	if o.Helper.Enabled != nil {
		args["helper"] = map[bool]string{true: "on", false: "off"}[*o.Helper.Enabled]
	}
	j.Summary = say("summary.fine", args)
	if len(j.Findings) > 0 && j.Findings[0].Severity != checks.Info {
		j.Summary = j.Findings[0].Message()
	}
	if parts := unclear(o); len(parts) > 0 {
		j.Inconclusive = say("reason.unclear", words.Args{"parts": parts})
		if len(j.Findings) > 0 && j.Findings[0].Severity == checks.Critical {
			j.Notes = append(j.Notes, j.Inconclusive)
		}
	}
	return j
}

func say(id string, args words.Args) words.Text { return words.Say("routeros."+id, args) }

// unclear is what the export does not tell of that which matters.
func unclear(o Observed) (parts []words.Text) {
	if o.Helper.Enabled == nil {
		parts = append(parts, say("unclear.helper", nil))
	}
	if o.UDPStream.Seconds == nil {
		parts = append(parts, say("unclear.timeout", nil))
	}
	switch open := undecided(o); {
	case o.RulesUnread:
		parts = append(parts, say("unclear.rules", words.Args{"script": o.Script}))
	case o.Cut:
		parts = append(parts, say("unclear.cut", nil))
	case len(o.LANs) == 0:
		parts = append(parts, say("unclear.no-lan", nil))
	case len(open) > 0:
		parts = append(parts, say("unclear.maybe", words.Args{"reasons": reasonsOf(open)}))
	}
	return append(parts, o.notTold()...)
}

// undecided are ways of which it is not known whether the provider's packets pass.
// Where nobody knows the provider's address, some address that is reached will do.
func undecided(o Observed) (list []Way) {
	for _, w := range o.Ways {
		if w.Verdict != string(packetfilter.Maybe) {
			continue
		}
		passes := func(x Way) bool {
			return x.Verdict == string(packetfilter.Accepted) && x.alike(w) && x.Out == w.Out
		}
		if len(w.To) > 0 || !slices.ContainsFunc(o.Ways, passes) {
			list = append(list, w)
		}
	}
	return list
}

// alike reports whether two ways are for the same packets, whatever the uplink.
func (w Way) alike(o Way) bool { return w.Direction == o.Direction && w.isFor(o) }

// isFor reports whether two ways are for the same packets or the answers to them.
func (w Way) isFor(o Way) bool {
	return w.From == o.From && w.In == o.In && w.Purpose == o.Purpose && w.Protocol == o.Protocol && overlap(w, o)
}

func overlap(w, o Way) bool {
	ports := len(need.Ports(w.Ports).Intersect(need.Ports(o.Ports))) > 0
	for _, to := range w.To {
		if len(o.To) == 0 || slices.Contains(o.To, to) {
			return ports
		}
	}
	return ports && len(w.To) == 0
}

// notes are what is worth knowing besides the findings.
func notes(o Observed) (list []words.Text) {
	if o.Files > 1 {
		list = append(list, say("note.more-files", words.Args{"n": o.Files - 1}))
	}
	if o.Faults > 0 {
		list = append(list, say("note.faults", words.Args{"n": o.Faults, "lines": o.FaultLines, "more": o.Faults - len(o.FaultLines)}))
	}
	switch on := o.Helper.Enabled; {
	case on == nil || !*on || o.harmedByHelper():
	case o.NAT != nil && !*o.NAT:
		list = append(list, say("note.helper-no-nat", words.Args{"ports": tame(shownPorts(o.Helper.Ports))}))
	default:
		list = append(list, say("note.helper-elsewhere", words.Args{"ports": tame(shownPorts(o.Helper.Ports)), "wanted": o.Need.SIPALG == "on", "profile": tame(o.Need.Profile)}))
	}
	if o.MoreRules > 0 {
		list = append(list, say("note.more-rules", words.Args{"n": o.MoreRules}))
	}
	closed := map[netip.Prefix]bool{} // once a network
	for _, w := range o.Ways {
		if why := o.excused(w); why != "" && !(why == "closed" && closed[w.From]) {
			closed[w.From] = closed[w.From] || why == "closed"
			list = append(list, say("note.blocked", words.Args{
				"why": why, "answers": w.Direction == answers, "from": w.From, "purpose": w.Purpose, "protocol": w.Protocol, "ports": need.Text(w.Ports), "line": w.Line,
				"out": tame(w.Out), "reasons": w.Reasons,
			}))
		}
	}
	list = slices.Concat(list, o.noHairpin(), o.hotspots())
	if len(list) > maxNotes {
		list = append(list[:maxNotes], say("note.more", words.Args{"n": len(list) - maxNotes}))
	}
	return list
}

// maxNotes bounds the notes.
const maxNotes = 12
