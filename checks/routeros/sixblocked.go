package routeros

import (
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// sixBlocked are rules that stop the provider over IPv6. Phones may fall back to IPv4.
func sixBlocked(o Observed) (list []checks.Finding) {
	for _, x := range o.Six {
		f := checks.Finding{
			ID: "routeros.ipv6-blocked", Severity: checks.Warning, Confidence: checks.Certain, Subject: strconv.Itoa(x.Line),
			Evidence: []checks.Evidence{quoteRule(x.Place)}, Fixes: tried("accept-ipv6-before-rule", x.Fix),
		}
		var sip, rtp packetfilter.NumSet
		var in []words.Text
		for i, w := range x.Ways {
			if w.Purpose == "rtp" {
				rtp = rtp.Union(need.Ports(w.Ports))
			} else {
				sip = sip.Union(need.Ports(w.Ports))
			}
			name := say("name", words.Args{"name": tame(w.In)})
			if !slices.ContainsFunc(x.Ways[:i], func(y SixWay) bool { return y.In == w.In }) {
				in = append(in, name)
			}
			if i < maxProofs {
				way := say("evidence.way6", words.Args{"answers": w.Direction == answers, "in": tame(w.In), "to": pbx.AddressText(w.To), "protocol": w.Protocol, "ports": need.Text(w.Ports)})
				f.Evidence = append(f.Evidence, checks.Proof(way, say("evidence.verdict", words.Args{"verdict": "accept"}), say("evidence.verdict", words.Args{"verdict": "drop"})))
			}
		}
		f.Args = words.Args{"line": x.Line, "profile": tame(o.Need.Profile), "sip": textOf(sip), "rtp": textOf(rtp), "in": checks.FirstN(in, 5)}
		list = append(list, f)
	}
	return list
}
