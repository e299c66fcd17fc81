package rtpports

import (
	"fmt"
	"math"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// findings are what is wrong, the worst first.
func (v view) findings(f Facts, host *netinfo.Host) []checks.Finding {
	out := []checks.Finding{}
	switch {
	case count(v.verdicts, stateLocal) > 0:
		out = append(append(out, v.localFilter(f)), v.blockedWays(f, host)...)
	case v.blocked() > 0 && v.nothingOpen():
		out = append(out, v.allBlocked(f, host))
	default:
		out = append(out, v.blockedWays(f, host)...)
	}
	if v.sessions() > 0 {
		out = append(out, v.fullTable())
	}
	if p := v.o.Plain; p != nil && p.BlockedAnswered > 0 {
		out = append(out, v.contentDecides())
	}
	if p := v.o.Plain; p != nil && p.OpenAsked >= plainPorts && p.OpenAnswered == 0 {
		out = append(out, v.onlyRTP())
	}
	if n := len(v.o.Sources); n > 1 && v.o.Sources[n-1].Answered > 0 {
		out = append(out, v.sourceBlocked())
	}
	return out
}

// common is the evidence of every finding about blocked ports.
func (v view) common(f Facts) []checks.Evidence {
	ev := []checks.Evidence{
		{Name: "at a glance", Got: bar(v.whole, v.verdicts)},
		{Name: "open", Got: orNone(f.Open)},
	}
	for _, i := range v.o.ICMP {
		ev = append(ev, checks.Evidence{Name: "said by " + i.Hop.String(), Got: fmt.Sprintf("%s, about %s of the ports, %s", i.Meaning, thousands(i.Ports), span{i.First, i.Last})})
	}
	if f.Source != "" {
		ev = append(ev, checks.Evidence{Name: "asked from", Got: f.Source})
	}
	if v.o.Canaries > 0 {
		ev = append(ev, checks.Evidence{Name: "control", Got: fmt.Sprintf("known-open ports answered %s of %s times in between",
			thousands(v.o.Canaries-v.o.CanariesLost), thousands(v.o.Canaries))})
	}
	return ev
}

func orNone(ranges []string) string {
	if len(ranges) == 0 {
		return "none"
	}
	return some(ranges)
}

// legend explains the bar.
const legend = " In the bar # is open, . stopped on the way out, < stopped on the way back, ? unknown."

// blockedWays are up to two findings, one a direction.
func (v view) blockedWays(f Facts, host *netinfo.Host) []checks.Finding {
	var out []checks.Finding
	f.BlockedOutbound = list(v.verdicts, stateOutbound) // this computer's own filter has a finding of its own
	if len(f.BlockedOutbound) > 0 {
		out = append(out, checks.Finding{
			ID: "rtp-ports.blocked-outbound", Severity: checks.Critical, Confidence: checks.Certain,
			Title: "RTP to UDP " + some(f.BlockedOutbound) + " does not get out",
			Explanation: "Packets to these ports never reached the responder, while other ports passed in the same moments. When a provider picks one of them for a call, the other side hears nothing: " +
				v.calls() + "." + legend,
			Evidence: append([]checks.Evidence{{Name: "never arrived", Got: some(f.BlockedOutbound)}}, v.common(f)...),
			Fixes:    v.cures(host),
		})
	}
	if len(f.BlockedReturn) > 0 {
		out = append(out, checks.Finding{
			ID: "rtp-ports.blocked-return", Severity: checks.Critical, Confidence: checks.Certain,
			Title: "Answers from UDP " + some(f.BlockedReturn) + " do not come back",
			Explanation: "The responder received the packets to these ports, but its answers were stopped on their way back. Calls over them have one-way audio, and nobody here hears the other side: " +
				v.calls() + "." + legend,
			Evidence: append([]checks.Evidence{{Name: "arrived, answer lost", Got: some(f.BlockedReturn)}}, v.common(f)...),
			Fixes:    v.cures(host),
		})
	}
	return out
}

// cures open the whole range: every port of it has to pass.
func (v view) cures(host *netinfo.Host) []fixes.Fix {
	return fixes.For(fixes.RTPPorts, host, map[string]string{"RTPRange": v.o.Range, "PBX": v.o.Target.String()})
}

// allBlocked needs care: a responder whose own firewall is closed looks like
// an office whose is.
func (v view) allBlocked(f Facts, host *netinfo.Host) checks.Finding {
	out := checks.Finding{
		ID: "rtp-ports.all-blocked", Severity: checks.Critical, Confidence: checks.Likely,
		Title:    "No RTP port passes",
		Evidence: v.common(f),
		Advice:   []string{"Look at the responder's own firewall first: it must let in UDP " + f.Range + "."},
		Fixes:    v.cures(host),
	}
	var tried []string
	for _, s := range v.o.Sources {
		tried = append(tried, fmt.Sprint(s.Local.Port()))
	}
	out.Evidence = append(out.Evidence, checks.Evidence{Name: "source ports tried", Got: strings.Join(tried, ", ")})
	if len(f.BlockedReturn) > 0 {
		out.Explanation = "Packets reached the responder, but not one answer came back, whichever source port was used. Nobody in this network would hear anything in calls."
		return out
	}
	out.Explanation = "Not one packet to any of the ports reached the responder, whichever source port was used, though the responder was there all the time. No call would have audio."
	return out
}

func (v view) localFilter(f Facts) checks.Finding {
	refused := some(list(v.verdicts, stateLocal))
	return checks.Finding{
		ID: "rtp-ports.local-filter", Severity: checks.Critical, Confidence: checks.Certain, Heard: true,
		Title:       "This computer's own firewall stops RTP to UDP " + refused,
		Explanation: "The system refused to send to these ports before anything left this computer. That says nothing about the network behind it." + legend,
		Evidence: append([]checks.Evidence{{Name: "refused by the system", Got: fmt.Sprintf("%s packets", thousands(v.o.LocalFilter))}},
			v.common(f)...),
		Advice: []string{"Let UDP " + refused + " out in this computer's firewall, then run the test again."},
	}
}

// fullTable names the router's limit.
func (v view) fullTable() checks.Finding {
	var t Trip
	for _, t = range v.o.Trips {
		if t.Step {
			break
		}
	}
	held := about(t.Answered)
	return checks.Finding{
		ID: "rtp-ports.router-table", Severity: checks.Warning, Confidence: checks.Likely,
		Title: "Your router holds about " + held + " sessions",
		Explanation: "After that many new connections no more passed, on any port, while those that existed went on. These are no blocked ports: the router's connection table was full. " +
			"Phones and computers of the office share it; when it is full, calls fail at random.",
		Evidence: []checks.Evidence{
			{Name: "new connections before", Got: held + " passed"},
			{Name: "new connections after", Got: fmt.Sprintf("%s in a row failed, %s a second", thousands(t.Failed), thousands(t.Rate))},
		},
		Advice: []string{fmt.Sprintf("Run without --fast, or with --router-entries %d, so that the test leaves room for others.", max(t.Answered/4, 256))},
	}
}

// about rounds to two digits.
func about(n int) string {
	unit := 1
	for n/unit >= 100 {
		unit *= 10
	}
	return thousands(int(math.Round(float64(n)/float64(unit))) * unit)
}

func (v view) contentDecides() checks.Finding {
	p := v.o.Plain
	return checks.Finding{
		ID: "rtp-ports.rtp-dropped", Severity: checks.Critical, Confidence: checks.Certain,
		Title:       "Something on the way drops RTP by its content",
		Explanation: "On blocked ports, packets of the same length that are no RTP were answered. The ports are open; a device looks into the packets.",
		Evidence:    []checks.Evidence{{Name: "no RTP, same ports", Got: fmt.Sprintf("%d of %d answered", p.BlockedAnswered, p.BlockedAsked)}},
	}
}

func (v view) onlyRTP() checks.Finding {
	return checks.Finding{
		ID: "rtp-ports.only-rtp", Severity: checks.Info, Confidence: checks.Likely,
		Title:       "Only RTP passes on the RTP ports",
		Explanation: "RTP was answered, packets of the same length that are no RTP were not: a device looks into the packets. Encrypted media that is keyed in-band (DTLS, ZRTP) may not pass.",
		Evidence:    []checks.Evidence{{Name: "no RTP, open ports", Got: fmt.Sprintf("0 of %d answered", v.o.Plain.OpenAsked)}},
	}
}

func (v view) sourceBlocked() checks.Finding {
	last := v.o.Sources[len(v.o.Sources)-1]
	var silent []string
	for _, s := range v.o.Sources[:len(v.o.Sources)-1] {
		silent = append(silent, fmt.Sprint(s.Local.Port()))
	}
	return checks.Finding{
		ID: "rtp-ports.source-port", Severity: checks.Warning, Confidence: checks.Likely,
		Title:       "Media does not work from some of our own ports",
		Explanation: "Nothing came back to the source ports " + strings.Join(silent, ", ") + ", but everything did to " + fmt.Sprint(last.Local.Port()) + ". A phone that picks such a port for a call has no audio.",
		Evidence:    []checks.Evidence{{Name: "asked from", Want: strings.Join(silent, ", "), Got: last.Local.String()}},
	}
}
