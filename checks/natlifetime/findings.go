package natlifetime

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

const (
	// usualSilence is how long a phone may be silent where no profile says
	// otherwise, seconds: providers that publish a figure (MegaFon Multifon,
	// Ringostat) have phones register every 60 s.
	usualSilence = 60
	// usualKeepAlive is what phones are told to send, seconds: RFC 5626,
	// section 4.4.2 has 24 to 29 s, below the shortest default of routers.
	usualKeepAlive = 25
	// wantedTimeout is what RFC 4787, REQ-5 demands, seconds.
	wantedTimeout = 120
	// fixTimeout is what the remedies set at least, seconds: REQ-5 recommends
	// five minutes.
	fixTimeout = 300
)

func findings(o Observed, f Facts, host *netinfo.Host) []checks.Finding {
	var list []checks.Finding
	short := f.UDPBelow != 0
	switch {
	case short && f.UDPBelow <= o.silence():
		list = append(list, tooShort(o, f, host))
	case short && o.Need != nil && f.UDPBelow <= o.Need.TimeoutMin:
		list = append(list, belowDemand(o, f, host))
	case short && f.UDPBelow <= wantedTimeout:
		list = append(list, belowStandard(o, f, host))
	}
	// A phone that only registers lives with the timer of single exchanges.
	if f.SingleBelow != 0 && f.SingleBelow <= o.silence() && !(short && f.UDPBelow <= o.silence()) {
		list = append(list, single(o, f))
	}
	if s, ok := sipPort(o, f, host); ok {
		list = append(list, s)
	}
	for i := range list {
		// The responder said itself that it sent what did not come, and a flow
		// kept busy beside the silent ones shows when it stands still.
		list[i].Heard = true
	}
	return list
}

// silence is how long a phone is silent at most, seconds.
func (o Observed) silence() int {
	switch {
	case o.Need != nil && o.Need.KeepAlive > 0:
		return o.Need.KeepAlive
	case o.Need != nil && o.Need.Registration > 0:
		return o.Need.Registration
	}
	return usualSilence
}

// speaks says who decides how long a phone is silent.
func (o Observed) speaks() string {
	switch {
	case o.Need != nil && o.Need.KeepAlive > 0:
		return fmt.Sprintf("%s has phones send a keep-alive every %d s", o.Need.Profile, o.Need.KeepAlive)
	case o.Need != nil && o.Need.Registration > 0:
		return fmt.Sprintf("%s has phones register every %d s", o.Need.Profile, o.Need.Registration)
	}
	return fmt.Sprintf("phones commonly register every %d s or less often", usualSilence)
}

// renew is how often a phone must speak to be remembered, seconds: four fifths
// of what was survived, because phones' timers are not exact, and never more
// than fits into RFC 4787's two minutes.
func renew(atLeast, below int) int {
	held := atLeast
	if held == 0 {
		held = below / 2
	}
	return max(1, min(held*4/5, 110))
}

func tooShort(o Observed, f Facts, host *netinfo.Host) checks.Finding {
	every := renew(f.UDPAtLeast, f.UDPBelow)
	if f.SingleBelow != 0 && f.SingleBelow < f.UDPBelow {
		every = renew(f.SingleAtLeast, f.SingleBelow)
	}
	return checks.Finding{
		ID: "nat-lifetime.too-short", Severity: checks.Warning, Confidence: checks.Certain,
		Title: fmt.Sprintf("Inbound calls fail after %d s of silence: the router forgets the phone", f.UDPBelow),
		Explanation: fmt.Sprintf("A router keeps the way back to a phone open only while packets pass. This one forgets it %s; %s. "+
			"Between two of them calls from outside reach nobody, and the caller hears that the phone is not available.", within(f.UDPAtLeast, f.UDPBelow), o.speaks()),
		Evidence: append(o.evidence(kindStream), o.evidence(kindOnce)...),
		Advice: []string{
			fmt.Sprintf("Without access to the router: let every phone register, or send a NAT keep-alive, every %d s.", every),
			"TCP or TLS instead of UDP helps too: routers remember a connection for an hour and longer.",
		},
		Fixes: cures(o, host),
	}
}

func belowDemand(o Observed, f Facts, host *netinfo.Host) checks.Finding {
	return checks.Finding{
		ID: "nat-lifetime.below-demand", Severity: checks.Warning, Confidence: checks.Certain,
		Title:       fmt.Sprintf("The router remembers a UDP port for less than the %d s that %s asks for", o.Need.TimeoutMin, o.Need.Profile),
		Explanation: fmt.Sprintf("It forgets %s. Calls on hold and silent phones lose their way back.", within(f.UDPAtLeast, f.UDPBelow)),
		Evidence:    o.evidence(kindStream), Fixes: cures(o, host),
		Advice: []string{fmt.Sprintf("Without access to the router: a NAT keep-alive every %d s on every phone.", renew(f.UDPAtLeast, f.UDPBelow))},
	}
}

func belowStandard(o Observed, f Facts, host *netinfo.Host) checks.Finding {
	return checks.Finding{
		ID: "nat-lifetime.below-standard", Severity: checks.Info, Confidence: checks.Certain,
		Title: fmt.Sprintf("The router forgets a UDP port %s", within(f.UDPAtLeast, f.UDPBelow)),
		Explanation: "RFC 4787 (REQ-5) forbids less than two minutes and recommends five or more. " +
			"Phones that speak often enough are not harmed; others cannot be called.",
		Evidence: o.evidence(kindStream), Fixes: cures(o, host),
		Advice: []string{fmt.Sprintf("Let every phone register, or send a NAT keep-alive, every %d s.", renew(f.UDPAtLeast, f.UDPBelow))},
	}
}

// single is about a phone that registers and is silent until the next time. It
// harms for certain only where a profile says that phones do just that.
func single(o Observed, f Facts) checks.Finding {
	s := checks.Finding{
		ID: "nat-lifetime.single-exchange", Severity: checks.Info, Confidence: checks.Certain,
		Title: fmt.Sprintf("After a registration alone the router forgets the phone within %d s", f.SingleBelow),
		Explanation: fmt.Sprintf("Routers have two timers: one for flows that were answered once, a longer one for flows that go on for more than two seconds. "+
			"A phone that registers and is silent until the next time never gets the longer one; %s.", o.speaks()),
		Evidence: o.evidence(kindOnce), Fixes: []fixes.Fix{},
		Advice: []string{fmt.Sprintf("Set a NAT keep-alive of %d s on every phone: it also earns the longer timer.", min(usualKeepAlive, renew(f.SingleAtLeast, f.SingleBelow)))},
	}
	if o.Need != nil && o.Need.KeepAlive == 0 && o.Need.Registration >= f.SingleBelow {
		s.Severity = checks.Warning
	}
	return s
}

// sipPort compares the SIP port with the plain one: nobody but a SIP helper
// knows the difference.
func sipPort(o Observed, f Facts, host *netinfo.Host) (checks.Finding, bool) {
	evidence := append(o.evidence(kindStream), o.evidence(kindSIP)...)
	switch {
	case f.UDPBelow != 0 && f.SIPPortAtLeast >= f.UDPBelow:
		return checks.Finding{
			ID: "nat-lifetime.sip-timer", Severity: checks.Info, Confidence: checks.Likely,
			Title: "The router remembers SIP flows longer than others: a SIP helper (ALG) is at work",
			Explanation: "A router that only translates addresses has one timer for all UDP ports. A SIP helper sets its own for port 5060 (an hour with the Linux kernel's). " +
				"It keeps phones reachable, and it is the same helper that rewrites SIP; without it the shorter time holds.",
			Evidence: evidence, Fixes: []fixes.Fix{},
			Advice: []string{"See what else it does: sipdoctor check sip-alg", "Raise the UDP timeout before you switch the helper off."},
		}, true
	case f.SIPPortBelow != 0 && f.SIPPortBelow <= f.UDPAtLeast:
		return checks.Finding{
			ID: "nat-lifetime.sip-port-shorter", Severity: checks.Warning, Confidence: checks.Likely,
			Title:       fmt.Sprintf("The router forgets flows to the SIP port sooner than others: %s", within(f.SIPPortAtLeast, f.SIPPortBelow)),
			Explanation: "Something on the way treats port 5060 by rules of its own (a SIP helper with a timer of its own, or a policy for that port). Phones on that port are forgotten first.",
			Evidence:    evidence, Fixes: cures(o, host),
			Advice: []string{fmt.Sprintf("Let every phone register, or send a NAT keep-alive, every %d s, or use another port.", renew(f.SIPPortAtLeast, f.SIPPortBelow))},
		}, true
	}
	return checks.Finding{}, false
}

// evidence shows the last silence that was survived and the first that was not.
func (o Observed) evidence(kind string) []checks.Evidence {
	name := map[string]string{kindStream: "a stream", kindOnce: "a single exchange", kindSIP: "the SIP port"}[kind]
	l := o.lifetime(kind)
	var list []checks.Evidence
	for _, g := range o.Groups {
		for _, r := range g.Rungs {
			at := fmt.Sprintf("%s, silent for %d s", name, r.Seconds)
			switch {
			case g.Kind != kind || r.Control:
			case r.Seconds == l.atLeast:
				list = append(list, checks.Evidence{Name: at, Want: "late messages arrive", Got: "arrived"})
			case r.Seconds == l.below:
				list = append(list, checks.Evidence{Name: at, Want: "late messages arrive", Got: "nothing arrived, although the responder sent it"})
			}
		}
	}
	return list
}

// cures are the catalogue's for the router, with a timeout that is enough for
// the profile. Its advice for phones names usual intervals; ours names the
// measured one, and the two would contradict each other.
func cures(o Observed, host *netinfo.Host) []fixes.Fix {
	want := fixTimeout
	if o.Need != nil {
		want = max(want, o.Need.TimeoutMin)
	}
	list := fixes.For(fixes.UDPTimeout, host, map[string]string{"UDPTimeout": strconv.Itoa(want)})
	return slices.DeleteFunc(list, func(f fixes.Fix) bool { return f.Where == "phone" })
}
