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
	add := func(id string, s checks.Severity, c checks.Confidence, args words.Args, cures []fixes.Fix, kinds ...string) {
		var ev []checks.Evidence
		for _, kind := range kinds {
			ev = append(ev, o.evidence(kind)...)
		}
		// The responder said itself that it sent what did not come, and a flow
		// kept busy beside the silent ones shows when it stands still.
		list = append(list, checks.Finding{ID: "nat-lifetime." + id, Severity: s, Confidence: c, Args: args, Evidence: ev, Fixes: cures, Heard: true})
	}
	cure := cures(o, host)
	short, between, every := f.UDPBelow != 0, span(f.UDPAtLeast, f.UDPBelow), renew(f.UDPAtLeast, f.UDPBelow)
	silence, habit := o.silence()
	switch {
	case short && f.UDPBelow <= silence:
		if f.SingleBelow != 0 && f.SingleBelow < f.UDPBelow {
			every = renew(f.SingleAtLeast, f.SingleBelow)
		}
		add("too-short", checks.Warning, checks.Certain, words.Args{"below": f.UDPBelow, "span": between, "habit": habit, "every": every}, cure, kindStream, kindOnce)
	case short && o.Need != nil && f.UDPBelow <= o.Need.TimeoutMin:
		add("below-demand", checks.Warning, checks.Certain,
			words.Args{"least": o.Need.TimeoutMin, "profile": o.Need.Profile, "span": between, "every": every}, cure, kindStream)
	case short && f.UDPBelow <= wantedTimeout:
		add("below-standard", checks.Info, checks.Certain, words.Args{"span": between, "every": every}, cure, kindStream)
	}
	// A phone that only registers lives with the timer of single exchanges. It
	// harms for certain only where a profile says that phones do just that.
	if f.SingleBelow != 0 && f.SingleBelow <= silence && !(short && f.UDPBelow <= silence) {
		severity := checks.Info
		if o.Need != nil && o.Need.KeepAlive == 0 && o.Need.Registration >= f.SingleBelow {
			severity = checks.Warning
		}
		add("single-exchange", severity, checks.Certain,
			words.Args{"below": f.SingleBelow, "habit": habit, "every": min(usualKeepAlive, renew(f.SingleAtLeast, f.SingleBelow))}, nil, kindOnce)
	}
	// Nobody but a SIP helper knows the SIP port from the plain one.
	switch {
	case short && f.SIPPortAtLeast >= f.UDPBelow:
		add("sip-timer", checks.Info, checks.Likely, nil, nil, kindStream, kindSIP)
	case f.SIPPortBelow != 0 && f.SIPPortBelow <= f.UDPAtLeast:
		add("sip-port-shorter", checks.Warning, checks.Likely,
			words.Args{"span": span(f.SIPPortAtLeast, f.SIPPortBelow), "every": renew(f.SIPPortAtLeast, f.SIPPortBelow)}, cure, kindStream, kindSIP)
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
