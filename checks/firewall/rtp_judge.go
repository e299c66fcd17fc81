package firewall

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// rangesDiffer is about a changed rtp.conf that Asterisk has not read. To open
// the range that runs would open what nobody wants.
func rangesDiffer(o Observed) checks.Finding {
	f := checks.Finding{
		ID: "firewall.rtp-not-reloaded", Severity: checks.Warning, Confidence: checks.Certain,
		Title:       "rtp.conf says " + o.RTPSet.Range + ", the running Asterisk uses " + o.RTP,
		Explanation: "rtp.conf was changed and not read since: calls get ports of the old range, and the firewall, the router and the provider may be set up for the new one.",
		Evidence:    []checks.Evidence{{Name: "RTP range", Want: o.RTPSet.Range + " (rtp.conf)", Got: o.RTP + " (" + o.RTPFrom + ")"}},
	}
	for _, p := range o.RTPSet.Parts {
		f.Evidence = append(f.Evidence, checks.Evidence{Name: "UDP " + p.Ports + " in the firewall", Got: p.Verdict + " by " + p.Table + ": " + p.Rule})
	}
	f.Fixes = fixes.Fix{
		ID: "reload-rtp", Title: "Let Asterisk read rtp.conf again", Where: "pbx", Platform: "asterisk", Persistent: true,
		Verify: []string{"sipdoctor pbx firewall"}, Source: "asterisk(8)",
		Note: "Calls that are up keep their ports.",
	}.Steps(command.Step{Do: []command.Command{command.New("asterisk", "-rx", "module reload res_rtp_asterisk.so")}})
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
	calls := "calls not known"
	if u.Calls >= 0 {
		calls = fmt.Sprintf("%d calls", u.Calls)
	}
	f := checks.Finding{
		ID: "firewall.rtp-in-use", Severity: checks.Warning, Confidence: checks.Certain,
		Title:       fmt.Sprintf("%d of %d RTP ports are in use, %s", u.Used, u.Ports, calls),
		Explanation: "A call takes an even port of the range and the one after it for each party. Where none is free, it is refused or has no sound.",
		Evidence: []checks.Evidence{
			{Name: "pairs of ports free in " + o.RTP, Want: fmt.Sprintf("at least %d", int(scarce*float64(u.Ports/2))+1), Got: fmt.Sprint(u.Free)},
			{Name: "held by", Got: cmp.Or(u.Program, "a program that only root is told")},
		},
	}
	if u.Calls >= 0 && u.Used > portsOfCall*(u.Calls+1) {
		f.Explanation += " More are held than these calls can use: they leaked."
		f.Advice = []string{"Restart Asterisk when no call is up (asterisk -rx 'core restart when convenient'): that frees them. If they fill up again, update Asterisk."}
	} else {
		f.Advice = []string{"Widen the range (rtpstart and rtpend in rtp.conf) and open the new one in the firewall: four ports a call."}
	}
	return f, true
}
