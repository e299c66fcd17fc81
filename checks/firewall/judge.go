package firewall

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
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
	j := checks.Judgement{Notes: words.Literals(o.Notes), Facts: f}
	deaf := unheard(o)
	j.Findings = deaf
	switch {
	case o.Unread:
		j.Summary = words.Literal("the packet filter was not read")
		j.Inconclusive = checks.NeedsRoot(words.Literal("the packet filter can be read by root only"))
		if !o.Denied && o.Missing != "" { // reports of before have neither
			j.Inconclusive = words.Literal(o.Missing)
		}
	case len(f.RTPOpen)+len(f.RTPClosed)+len(f.RTPUnknown) == 0:
		j.Summary, j.Inconclusive = words.Literal("no RTP port was asked about"), words.Literal(cmp.Or(o.Missing, "the rules were not asked about any RTP port"))
	case len(closed) > 0 && openAsSet(o):
		j.Summary = words.Literal(fmt.Sprintf("RTP %s: the firewall opens what rtp.conf says, %s", o.RTP, o.RTPSet.Range))
	case len(closed) > 0:
		j.Findings = append(j.Findings, rtpClosed(o, f, closed))
		j.Summary = words.Literal(fmt.Sprintf("RTP %s: %s closed%s", o.RTP, share(f.RTPClosed, o.RTP), openPart(f)))
	case len(f.RTPUnknown) > 0 && o.Missing != "":
		j.Summary = words.Literal("RTP " + o.RTP + ": it cannot be told from the rules that were read")
		j.Inconclusive = words.Literal("the packet filter could not be read whole: " + o.Missing)
	case len(f.RTPUnknown) > 0:
		j.Summary = words.Literal("RTP " + o.RTP + ": it hangs on what the rules do not tell")
		j.Inconclusive = words.Literal(reasons(o.Parts))
	default:
		j.Summary = words.Literal("RTP " + o.RTP + " is open, SIP " + sipWords(f))
	}
	if o.At.IsValid() {
		j.Summary = words.Literal(j.Summary.Literal() + " at " + o.At.String())
	}
	if len(deaf) > 0 && len(closed) == 0 {
		j.Summary = words.Literal(deaf[0].Title)
	}
	if o.RTPSet != nil {
		j.Findings = append(j.Findings, rangesDiffer(o))
	}
	if x, ok := rtpExhausted(o); ok {
		j.Findings = append(j.Findings, x)
	}
	j.Findings = append(j.Findings, limited(o.Limits)...)
	if !o.Asterisk && !o.Unread {
		j.Summary = words.Literal(j.Summary.Literal() + "; no Asterisk here, so its usual ports")
	}
	return j
}

func split(ports string) []string { return strings.Split(ports, ",") }

func openPart(f Facts) string {
	if len(f.RTPOpen) == 0 {
		return ""
	}
	return ", " + strings.Join(f.RTPOpen, ",") + " open"
}

func sipWords(f Facts) string {
	var words []string
	for _, s := range f.SIP {
		word := map[string]string{"accept": "open", "maybe": "conditional"}[s.Strangers]
		words = append(words, fmt.Sprintf("%s %s %s", strings.ToUpper(s.Protocol), s.Ports, cmp.Or(word, "for listed addresses only")))
	}
	return strings.Join(words, ", ")
}

func reasons(parts []Part) string {
	for _, p := range parts {
		if len(p.Reasons) > 0 {
			return "the rules hang on " + strings.Join(p.Reasons, "; ")
		}
	}
	return "the rules hang on what cannot be known"
}

// share words how much of the range is closed.
func share(closed []string, whole string) string {
	n, all := 0, count(whole)
	for _, c := range closed {
		n += count(c)
	}
	if n >= all {
		return "all"
	}
	return fmt.Sprintf("%s (%d %%)", strings.Join(closed, ","), max(1, (n*100+all/2)/all))
}

func count(ports string) int {
	first, last, ranged := strings.Cut(ports, "-")
	a, err := strconv.Atoi(first)
	if err != nil {
		return 0
	}
	if !ranged {
		return 1
	}
	b, err := strconv.Atoi(last)
	if err != nil {
		return 0
	}
	return b - a + 1
}

// rtpClosed is about media ports that strangers cannot reach.
func rtpClosed(o Observed, f Facts, closed []Part) checks.Finding {
	x := checks.Finding{
		ID: "firewall.rtp-closed", Severity: checks.Warning, Confidence: checks.Certain,
		Title: "The firewall closes the RTP range " + o.RTP + " to everyone who is not listed",
		Explanation: "Audio of phones behind NAT comes from an address and port nobody knows beforehand, so its packets are no answers to anything. " +
			"Phones that are listed, and providers that answer from the address they named, are heard.",
	}
	if len(f.RTPOpen) > 0 {
		x.Severity = checks.Critical
		x.Title = "The firewall opens only a part of Asterisk's RTP range: " + share(f.RTPClosed, o.RTP) + " is closed"
		x.Explanation = "Asterisk takes a port of " + o.RTP + " for each call, so calls that get a closed one are silent in one direction, seemingly at random. " +
			"Open the whole range, or set rtpstart and rtpend in rtp.conf to what is open."
	}
	for _, p := range closed {
		x.Evidence = append(x.Evidence, checks.Evidence{Name: "UDP " + p.Ports, Want: "accept", Got: p.Verdict + " by " + p.Table + ": " + p.Rule})
	}
	x.Evidence = append(x.Evidence, checks.Evidence{Name: "RTP range", Got: o.RTP + " (" + cmp.Or(o.RTPFrom, "Asterisk's default") + ")"})
	if slices.Contains(o.Managers, "freepbx") {
		x.Advice = append(x.Advice, "FreePBX opens the range that Settings, Asterisk SIP Settings names: set it there and apply, or its firewall closes the rest again.")
	}
	x.Fixes = openFixes(closed)
	return x
}

func openFixes(closed []Part) []fixes.Fix {
	f := fixes.Fix{
		ID: "open-rtp", Title: "Open the closed part of the RTP range", Where: "pbx",
		Verify: []string{"sipdoctor pbx firewall"}, Note: "Put it into the file or program that loads the rules as well.",
	}
	var edits []packetfilter.RuleEdit
	for _, p := range closed {
		edits = append(edits, p.Allow...)
	}
	if len(edits) == 0 {
		return nil
	}
	f.Platform, f.Source = fixes.FilterPlatform(edits[0])
	return f.Steps(packetfilter.Plan(edits)...)
}

// unheard are SIP ports that Asterisk is set to and does not listen on.
func unheard(o Observed) (list []checks.Finding) {
	for _, s := range o.Sockets {
		if s.Listening || !o.Running {
			continue
		}
		port := fmt.Sprintf("%s %d", strings.ToUpper(s.Protocol), s.Port)
		list = append(list, checks.Finding{
			ID: "firewall.not-listening", Severity: checks.Critical, Confidence: checks.Certain,
			Title: "Asterisk does not listen on " + port,
			Explanation: "It is set to (" + cmp.Or(s.At, "its configuration") + "), but no such socket is open: the transport failed to start, or was changed since. " +
				"Transports are read at the start only, unless allow_reload is set.",
			Evidence: []checks.Evidence{{Name: port, Want: "a listening socket", Got: "none"}},
			Advice:   []string{"Look for the transport's error in the log, then restart Asterisk when no call is up (core restart when convenient)."},
		})
	}
	return list
}
