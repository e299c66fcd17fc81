package routeros

import (
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// The command that lets the router follow connections again, as RouterOS does by itself,
// and its undo.
const (
	trackAgain = "/ip firewall connection tracking set enabled=auto"
	trackNone  = "/ip firewall connection tracking set enabled=no"
)

// withoutNAT are phones' packets that need NAT and do not get it: connection tracking is
// off or is kept from them, or no rule of NAT takes them.
func withoutNAT(o Observed) (list []checks.Finding) {
	if o.Untracking.Line > 0 {
		return []checks.Finding{{
			ID: "routeros.untracked", Variant: "off", Severity: checks.Critical, Confidence: checks.Certain,
			Evidence: []checks.Evidence{proof(o.Untracking, "enabled=no", "enabled=auto")},
			Fixes:    fixes.Typed("track-connections", nil, []string{trackAgain}, []string{trackNone}),
		}}
	}
	for _, u := range o.Untracked {
		f := checks.Finding{
			ID: "routeros.untracked", Severity: checks.Critical, Confidence: checks.Certain, Subject: strconv.Itoa(u.Line),
			Evidence: append([]checks.Evidence{quoteRule(u.Place)}, wayProofs(u.Ways)...), Fixes: tried("track-phones", u.Fix),
		}
		f.Args = portsAndLANs(u.Ways)
		f.Args["line"] = u.Line
		list = append(list, f)
	}
	for _, u := range o.Untranslated {
		f := checks.Finding{
			ID: "routeros.untranslated", Severity: checks.Critical, Confidence: checks.Certain, Subject: u.From.String() + " " + u.Out,
			Evidence: wayProofs([]Way{u.Way}), Args: portsAndLANs([]Way{u.Way}),
		}
		f.Args["out"], f.Args["web"], f.Args["by"] = tame(u.Out), u.Web.Line, u.By.Line
		if u.Purpose == "web" {
			f.Variant, f.Severity, f.Confidence = "uplink", checks.Warning, checks.Likely
		} else {
			f.Evidence = append(f.Evidence, quoteRule(u.Web))
		}
		if u.By.Line > 0 {
			f.Evidence = append(f.Evidence, quoteRule(u.By))
		}
		list = append(list, f)
	}
	return oncePerSubject(list)
}

// oncePerSubject joins findings about the same network and uplink: SIP and media.
func oncePerSubject(list []checks.Finding) (out []checks.Finding) {
	for _, f := range list {
		if n := len(out); n > 0 && f.ID == out[n-1].ID && f.Words() == out[n-1].Words() && f.Subject == out[n-1].Subject {
			out[n-1].Evidence = append(out[n-1].Evidence, f.Evidence...)
			for _, name := range []string{"sip", "rtp"} {
				if f.Args[name] != "none" {
					out[n-1].Args[name] = f.Args[name]
				}
			}
			continue
		}
		out = append(out, f)
	}
	return out
}

// portsAndLANs are the ports and networks of ways.
func portsAndLANs(ways []Way) words.Args {
	var sip, rtp packetfilter.NumSet
	var lans []words.Text
	seen := map[LAN]bool{}
	for _, w := range ways {
		switch w.Purpose {
		case "sip":
			sip = sip.Union(need.Ports(w.Ports))
		case "rtp":
			rtp = rtp.Union(need.Ports(w.Ports))
		}
		if lan := (LAN{Prefix: w.From, Interface: w.In}); !seen[lan] {
			seen[lan] = true
			lans = append(lans, say("lan", words.Args{"prefix": w.From, "in": tame(w.In)}))
		}
	}
	return words.Args{"lans": checks.FirstN(lans, 5), "sip": textOf(sip), "rtp": textOf(rtp)}
}

// wayProofs say of ways that they leave with the phones' own addresses.
func wayProofs(ways []Way) (list []checks.Evidence) {
	for _, w := range ways[:min(len(ways), maxProofs)] {
		name := say("evidence.way", words.Args{"answers": w.Direction == answers, "from": w.From, "to": w.To, "protocol": w.Protocol, "ports": need.Text(w.Ports)})
		list = append(list, checks.Proof(name, say("evidence.nat", nil), say("evidence.no-nat", nil)))
	}
	return list
}
