package natlifetime

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
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
	silence, habit := o.silence()
	switch {
	case short && f.UDPBelow <= silence:
		list = append(list, tooShort(o, f, habit, host))
	case short && o.Need != nil && f.UDPBelow <= o.Need.TimeoutMin:
		list = append(list, belowDemand(o, f, host))
	case short && f.UDPBelow <= wantedTimeout:
		list = append(list, belowStandard(o, f, host))
	}
	// A phone that only registers lives with the timer of single exchanges.
	if f.SingleBelow != 0 && f.SingleBelow <= silence && !(short && f.UDPBelow <= silence) {
		list = append(list, single(o, f, habit))
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

// silence is how long a phone is silent at most, seconds, and who decides that.
func (o Observed) silence() (seconds int, habit words.Text) {
	args := words.Args{"speaks": "usual", "profile": "", "every": usualSilence}
	switch n := o.Need; {
	case n != nil && n.KeepAlive > 0:
		args = words.Args{"speaks": "keepalive", "profile": n.Profile, "every": n.KeepAlive}
	case n != nil && n.Registration > 0:
		args = words.Args{"speaks": "registration", "profile": n.Profile, "every": n.Registration}
	}
	return args["every"].(int), say("habit", args)
}

// renew is how often a phone must speak to be remembered, seconds: four fifths
// of what was survived, because phones' timers are not exact, and never more
// than fits into RFC 4787's two minutes.
func renew(atLeast, below int) int {
	return max(1, min(cmp.Or(atLeast, below/2)*4/5, 110))
}

func tooShort(o Observed, f Facts, habit words.Text, host *netinfo.Host) checks.Finding {
	every := renew(f.UDPAtLeast, f.UDPBelow)
	if f.SingleBelow != 0 && f.SingleBelow < f.UDPBelow {
		every = renew(f.SingleAtLeast, f.SingleBelow)
	}
	return checks.Finding{
		ID: "nat-lifetime.too-short", Severity: checks.Warning, Confidence: checks.Certain,
		Args:     words.Args{"below": f.UDPBelow, "span": span(f.UDPAtLeast, f.UDPBelow), "habit": habit, "every": every},
		Evidence: append(o.evidence(kindStream), o.evidence(kindOnce)...),
		Fixes:    cures(o, host),
	}
}

func belowDemand(o Observed, f Facts, host *netinfo.Host) checks.Finding {
	return checks.Finding{
		ID: "nat-lifetime.below-demand", Severity: checks.Warning, Confidence: checks.Certain,
		Args:     words.Args{"least": o.Need.TimeoutMin, "profile": o.Need.Profile, "span": span(f.UDPAtLeast, f.UDPBelow), "every": renew(f.UDPAtLeast, f.UDPBelow)},
		Evidence: o.evidence(kindStream), Fixes: cures(o, host),
	}
}

func belowStandard(o Observed, f Facts, host *netinfo.Host) checks.Finding {
	return checks.Finding{
		ID: "nat-lifetime.below-standard", Severity: checks.Info, Confidence: checks.Certain,
		Args:     words.Args{"span": span(f.UDPAtLeast, f.UDPBelow), "every": renew(f.UDPAtLeast, f.UDPBelow)},
		Evidence: o.evidence(kindStream), Fixes: cures(o, host),
	}
}

// single is about a phone that registers and is silent until the next time. It
// harms for certain only where a profile says that phones do just that.
func single(o Observed, f Facts, habit words.Text) checks.Finding {
	s := checks.Finding{
		ID: "nat-lifetime.single-exchange", Severity: checks.Info, Confidence: checks.Certain,
		Args:     words.Args{"below": f.SingleBelow, "habit": habit, "every": min(usualKeepAlive, renew(f.SingleAtLeast, f.SingleBelow))},
		Evidence: o.evidence(kindOnce),
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
		return checks.Finding{ID: "nat-lifetime.sip-timer", Severity: checks.Info, Confidence: checks.Likely, Evidence: evidence}, true
	case f.SIPPortBelow != 0 && f.SIPPortBelow <= f.UDPAtLeast:
		return checks.Finding{
			ID: "nat-lifetime.sip-port-shorter", Severity: checks.Warning, Confidence: checks.Likely,
			Args:     words.Args{"span": span(f.SIPPortAtLeast, f.SIPPortBelow), "every": renew(f.SIPPortAtLeast, f.SIPPortBelow)},
			Evidence: evidence, Fixes: cures(o, host),
		}, true
	}
	return checks.Finding{}, false
}

// evidence shows the last silence that was survived and the first that was not.
func (o Observed) evidence(kind string) []checks.Evidence {
	l := o.lifetime(kind)
	var list []checks.Evidence
	for _, g := range o.Groups {
		for _, r := range g.Rungs {
			got := "arrived"
			if r.Seconds == l.below {
				got = "nothing-arrived"
			}
			if g.Kind == kind && !r.Control && (r.Seconds == l.atLeast || r.Seconds == l.below) {
				list = append(list, checks.Proof(say("evidence.silence", words.Args{"kind": kind, "seconds": r.Seconds}),
					say("evidence.late-arrive", nil), say("evidence."+got, nil)))
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
