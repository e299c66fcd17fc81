package firewall

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Facts are the stable summary.
type Facts struct {
	RTPRange   string     `json:"rtp_range"`
	RTPFrom    string     `json:"rtp_from"`
	RTPOpen    []string   `json:"rtp_open"`
	RTPClosed  []string   `json:"rtp_closed"`
	RTPUnknown []string   `json:"rtp_unknown"`
	SIP        []SIPFacts `json:"sip"`
}

// SIPFacts are one SIP port.
type SIPFacts struct {
	Protocol  string `json:"protocol"`
	Ports     string `json:"ports"`
	Strangers string `json:"strangers"` // accept drop reject maybe
}

func judge(o Observed, _ *netinfo.Host) checks.Judgement {
	f := Facts{RTPRange: o.RTP, RTPFrom: o.RTPFrom, RTPOpen: []string{}, RTPClosed: []string{}, RTPUnknown: []string{}, SIP: []SIPFacts{}}
	var closed []Part
	for _, p := range o.Parts {
		switch {
		case p.Purpose != "rtp":
			f.SIP = append(f.SIP, SIPFacts{p.Protocol, p.Ports, p.Verdict})
		case p.Verdict == "accept":
			f.RTPOpen = append(f.RTPOpen, split(p.Ports)...)
		case p.Verdict == "maybe":
			f.RTPUnknown = append(f.RTPUnknown, split(p.Ports)...)
		default:
			f.RTPClosed = append(f.RTPClosed, split(p.Ports)...)
			closed = append(closed, p)
		}
	}
	j := checks.Judgement{Notes: words.Texts(o.Notes), Facts: f, Findings: unheard(o)}
	rtp := words.Args{"range": o.RTP}
	switch {
	case o.Unread:
		j.Summary = words.Say("firewall.summary.unread", nil)
		j.Inconclusive = checks.NeedsRoot(words.Say("firewall.reason.root-only", nil))
		if !o.Denied && o.Missing != "" { // older reports have neither
			j.Inconclusive = o.Missing.Text()
		}
	case len(f.RTPOpen)+len(f.RTPClosed)+len(f.RTPUnknown) == 0:
		j.Summary, j.Inconclusive = words.Say("firewall.summary.no-rtp", nil), words.Say("firewall.reason.no-rtp", nil)
		if o.Missing != "" {
			j.Inconclusive = o.Missing.Text()
		}
	case len(closed) > 0 && openAsSet(o):
		j.Summary = words.Say("firewall.summary.open-as-set", words.Args{"range": o.RTP, "set": o.RTPSet.Range})
	case len(closed) > 0:
		j.Findings = append(j.Findings, rtpClosed(o, f, closed))
		j.Summary = words.Say("firewall.summary.closed", words.Args{"range": o.RTP, "closed": share(f.RTPClosed, o.RTP), "open": f.RTPOpen})
	case len(f.RTPUnknown) > 0 && o.Missing != "":
		j.Summary = words.Say("firewall.summary.partly-read", rtp)
		j.Inconclusive = words.Say("firewall.reason.partly-read", words.Args{"why": o.Missing})
	case len(f.RTPUnknown) > 0:
		j.Summary = words.Say("firewall.summary.undecided", rtp)
		j.Inconclusive = words.Say("firewall.reason.undecided", words.Args{"reasons": reasons(o.Parts)})
	default:
		j.Summary = words.Say("firewall.summary.open", words.Args{"range": o.RTP, "sip": sipPorts(f)})
	}
	switch {
	case len(j.Findings) > 0 && len(closed) == 0:
		j.Summary = j.Findings[0].Message()
	case o.At.IsValid():
		j.Summary = words.Say("firewall.summary.at", words.Args{"summary": j.Summary, "address": o.At})
	}
	j.Findings = slices.Concat(j.Findings, rangesDiffer(o), rtpExhausted(o.RTPUse, o.RTP), limited(o.Limits))
	if !o.Asterisk && !o.Unread {
		j.Summary = words.Say("firewall.summary.no-asterisk", words.Args{"summary": j.Summary})
	}
	return j
}

func split(ports string) []string { return strings.Split(ports, ",") }

// sipPorts are the SIP ports with what becomes of strangers there.
func sipPorts(f Facts) (list []words.Text) {
	for _, s := range f.SIP {
		list = append(list, words.Say("firewall.summary.sip-port", words.Args{"port": port(s.Protocol, s.Ports), "verdict": s.Strangers}))
	}
	return list
}

// port names ports as people do: UDP 5060.
func port(protocol, ports string) string { return strings.ToUpper(protocol) + " " + ports }

// reasons are why the rules do not decide about the first part that they leave
// open.
func reasons(parts []Part) []words.Reason {
	for _, p := range parts {
		if len(p.Reasons) > 0 {
			return p.Reasons
		}
	}
	return nil
}

// share is how much of the range is closed.
func share(closed []string, whole string) words.Text {
	n, all := count(strings.Join(closed, ",")), count(whole)
	args := words.Args{"all": n >= all, "ports": closed, "share": words.Percent(0)}
	if n < all {
		args["share"] = words.Percent(max(1, (n*100+all/2)/all))
	}
	return words.Say("firewall.share", args)
}

// count is how many ports a list has, such as "5060,10000-20000".
func count(ports string) (n int) {
	set, _ := pbx.ParsePorts(ports) // what is not a list, in a report that may be forged, has none
	for _, x := range set {
		n += int(x.Hi-x.Lo) + 1
	}
	return n
}

// rtpClosed is about media ports that strangers cannot reach.
func rtpClosed(o Observed, f Facts, closed []Part) checks.Finding {
	x := checks.Finding{
		ID: "firewall.rtp-closed", Severity: checks.Warning, Confidence: checks.Certain,
		Args: words.Args{"range": o.RTP, "freepbx": slices.Contains(o.Managers, "freepbx")},
	}
	if len(f.RTPOpen) > 0 {
		x.Severity, x.Variant = checks.Critical, "partly"
		x.Args["closed"] = share(f.RTPClosed, o.RTP)
	}
	var edits []packetfilter.RuleEdit
	for _, p := range closed {
		x.Evidence = append(x.Evidence, checks.Proof(port("udp", p.Ports), "accept", p.decides()))
		edits = append(edits, p.Allow...)
	}
	x.Fixes = pbx.EditFilter("open-rtp", nil, edits)
	x.Evidence = append(x.Evidence, checks.Proof(words.Say("firewall.evidence.range", nil), nil, rangeFrom(o)))
	return x
}

// decides is the verdict on a part, with the rule that decides.
func (p Part) decides() words.Text {
	rule := cmp.Or(p.Why, words.Quote(p.Rule))
	return words.Say("firewall.evidence.verdict", words.Args{"verdict": p.Verdict, "table": p.Table, "rule": rule})
}

// rangeFrom is the RTP range, with where it is set.
func rangeFrom(o Observed) words.Text {
	return words.Say("firewall.evidence.range-from", words.Args{"range": o.RTP, "from": cmp.Or(o.RTPFrom, "default")})
}

// unheard are SIP ports that Asterisk is set to and does not listen on.
func unheard(o Observed) (list []checks.Finding) {
	for _, s := range o.Sockets {
		if s.Listening || !o.Running {
			continue
		}
		name := port(s.Protocol, strconv.Itoa(int(s.Port)))
		list = append(list, checks.Finding{
			ID: "firewall.not-listening", Severity: checks.Critical, Confidence: checks.Certain,
			Args:     words.Args{"port": name, "at": cmp.Or(s.At, "unknown")},
			Evidence: []checks.Evidence{checks.Proof(name, words.Say("firewall.evidence.socket", nil), words.Say("firewall.evidence.none", nil))},
		})
	}
	return list
}
