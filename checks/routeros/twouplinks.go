package routeros

import (
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// twoUplinks is what becomes of the phones' connections where there are several
// uplinks.
//
// RouterOS 6 keeps the source address of a connection whatever uplink it leaves by.
// The kernel of version 7 ends a masqueraded connection that changes its interface
// (Linux 3.8, nf_nat_oif_changed), but not one of src-nat; MikroTik describes the old
// way for both.
func twoUplinks(o Observed) []checks.Finding {
	r := o.Routing
	if len(r.Routes) < 2 || !r.Translated || r.Ends {
		return nil
	}
	old := !o.isVersion7()
	f := checks.Finding{ID: "routeros.two-uplinks", Severity: checks.Warning, Confidence: checks.Likely, Args: words.Args{
		"first": tame(r.Routes[0].Interface), "second": tame(r.Routes[1].Interface), "command": ros.EndConnections(o.Need.SIPPort()), "old": old,
	}}
	for _, d := range r.Routes[:min(len(r.Routes), maxProofs)] {
		if d.Interface != r.Routes[0].Interface {
			f.Args["second"] = tame(d.Interface)
		}
		f.Evidence = append(f.Evidence, checks.Proof(say("evidence.default-route", words.Args{"line": d.Line, "in": tame(d.Interface), "distance": d.Distance}), nil, words.Raw(d.Text)))
	}
	switch spread := r.spread(); {
	case spread && r.Marked:
		return nil // rules choose, and the routes are what remains
	case spread:
		f.Variant = "spread"
		if !old {
			f.Severity, f.Confidence = checks.Info, checks.Possible
		}
		return []checks.Finding{f}
	case !old && r.Masquerade:
		f.Severity, f.Confidence = checks.Info, checks.Possible
	}
	if r.Watch.Is4() {
		x := ros.Failover{Gateway: r.Watch, Port: o.Need.SIPPort()}
		f.Fixes = fixes.Typed("end-sip-on-failover", words.Args{"gateway": r.Watch, "verify": x.Verify()}, []string{x.Line()}, []string{x.Undo()})
	}
	f.Args["fixed"] = len(f.Fixes) > 0
	return []checks.Finding{f}
}

// splitPhones are rules that send the packets of one phone by several uplinks.
func splitPhones(o Observed) []checks.Finding {
	s := o.Split
	if s == nil || len(s.Rules) == 0 || len(s.Uplinks) < 2 {
		return nil
	}
	f := checks.Finding{
		ID: "routeros.split", Variant: s.By, Severity: checks.Warning, Confidence: checks.Likely, Subject: strconv.Itoa(s.Rules[0].Line),
		Args:  words.Args{"line": s.Rules[0].Line, "first": tame(s.Uplinks[0]), "second": tame(s.Uplinks[1])},
		Fixes: tried("keep-phone-on-one-uplink", s.Fix),
	}
	switch s.By {
	case byPacket:
		f.Severity = checks.Critical
	case byDestination: // many providers take media from any address
		f.Severity, f.Confidence = checks.Info, checks.Possible
	case byPort:
	default:
		return nil // of another version
	}
	for _, p := range s.Rules {
		f.Evidence = append(f.Evidence, quoteRule(p))
	}
	return []checks.Finding{f}
}

// isVersion7 reports whether the router runs RouterOS 7.
func (o Observed) isVersion7() bool { return strings.HasPrefix(o.Version, "7.") }

// spread reports whether two uplinks are used at once.
func (r Routing) spread() bool {
	for _, d := range r.Routes {
		if d.Distance == r.Routes[0].Distance && d.Interface != r.Routes[0].Interface {
			return true
		}
	}
	return false
}
