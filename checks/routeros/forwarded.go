package routeros

import (
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/fixes"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// tried is a fix of commands that were tried on a copy of this router; none if there
// are no such commands.
func tried(id string, list []ros.Edit) []fixes.Fix {
	var lines []string
	args := words.Args{}
	for _, x := range list {
		line, ok := x.Line()
		verify, ok2 := x.Verify()
		if !ok || !ok2 {
			return nil
		}
		lines, args["verify"] = append(lines, line), verify
	}
	return fixes.Typed(id, args, lines, undoEdits(list))
}

// quoteRule is the evidence of a rule in the export.
func quoteRule(p Place) checks.Evidence {
	return checks.Proof(say("evidence.rule", words.Args{"line": p.Line, "table": tame(p.Table)}), nil, words.Raw(p.Text))
}

// sipOpen is SIP that is forwarded for everybody.
func sipOpen(o Observed) []checks.Finding {
	var list []Forward
	for _, fw := range o.Forwards {
		if fw.openSIP() {
			list = append(list, fw)
		}
	}
	if len(list) == 0 {
		return nil
	}
	f := checks.Finding{
		ID: "routeros.sip-open", Severity: checks.Warning, Confidence: checks.Certain,
		Args:  words.Args{"to": tame(list[0].To), "line": list[0].By.Line, "fixed": len(o.SIPOnly) > 0, "profile": tame(o.Need.Profile)},
		Fixes: tried("restrict-sip-forward", o.SIPOnly),
	}
	var seen []Place
	for _, fw := range list {
		if !slices.Contains(seen, fw.By) {
			seen = append(seen, fw.By)
			f.Evidence = append(f.Evidence, quoteRule(fw.By))
		}
		f.Evidence = append(f.Evidence, checks.Proof(say("evidence.from-outside", words.Args{"protocol": fw.Protocol, "port": need.Text(fw.Ports), "in": tame(fw.In)}), nil, say("evidence.forwarded", words.Args{"to": tame(fw.To)})))
	}
	return []checks.Finding{f}
}

// mediaForward is media from outside that does not come to the PBX, or to other ports
// of it.
func mediaForward(o Observed) (list []checks.Finding) {
	strayed, arrives := false, false
	for _, fw := range o.Forwards {
		switch {
		case fw.Purpose == "sip" && o.PBXNamed && !o.isPBX(fw) && fw.passes() && !o.sipForwarded():
			list = append(list, o.media("sip-elsewhere", checks.Likely, fw, nil))
		case fw.Purpose != "rtp":
		case o.isPBX(fw) && fw.ToPorts != "":
			arrives = true
			list = append(list, o.media("shifted", checks.Certain, fw, tried("keep-forwarded-ports", fw.Fix)))
		case o.isPBX(fw) && fw.Stop.Line > 0 && fw.Open:
			arrives = true
			list = append(list, o.media("filtered", checks.Certain, fw, tried("accept-forwarded-media", fw.Fix)))
		case o.isPBX(fw):
			arrives = true
		case o.strays(fw) && !strayed:
			strayed = true
			list = append(list, o.media("elsewhere", checks.Likely, fw, tried("forward-media-to-pbx", fw.Fix)))
		}
	}
	if i := slices.IndexFunc(o.Forwards, func(fw Forward) bool { return fw.openSIP() && o.isPBX(fw) }); i >= 0 && !arrives && !strayed && o.helperIsOff() {
		list = append(list, o.media("", checks.Likely, o.Forwards[i], fixes.ByID(mikrotik, "forward-media-ports", map[string]string{"PBX": o.PBX.String()})))
	}
	return oncePerRule(list)
}

// helperIsOff reports whether the helper, which opens ports for media itself, is known
// to be off.
func (o Observed) helperIsOff() bool { return o.Helper.Enabled != nil && !*o.Helper.Enabled }

func (o Observed) media(variant string, c checks.Confidence, fw Forward, list []fixes.Fix) checks.Finding {
	f := checks.Finding{
		ID: "routeros.media-forward", Variant: variant, Severity: checks.Warning, Confidence: c, Subject: strconv.Itoa(fw.By.Line), Fixes: list,
		Args: words.Args{
			"line": fw.By.Line, "ports": need.Text(fw.Ports), "to": tame(fw.To), "shifted": tame(fw.ToPorts), "pbx": o.PBX.String(), "stop": fw.Stop.Line,
		},
		Evidence: []checks.Evidence{quoteRule(fw.By)},
	}
	if fw.Stop.Line > 0 {
		f.Evidence = append(f.Evidence, quoteRule(fw.Stop))
	}
	return f
}

// oncePerRule leaves out what another uplink, or another part of the same rule's
// ports, says again.
func oncePerRule(list []checks.Finding) (out []checks.Finding) {
	for _, f := range list {
		if !slices.ContainsFunc(out, func(x checks.Finding) bool { return x.Subject == f.Subject && x.Variant == f.Variant }) {
			out = append(out, f)
		}
	}
	return out
}

// masqueradeInside are rules that hide phones, or the provider, from a PBX behind this
// router.
func masqueradeInside(o Observed) (list []checks.Finding) {
	for _, x := range o.Inside {
		f := checks.Finding{
			ID: "routeros.masquerade-inside", Severity: checks.Info, Confidence: checks.Certain, Subject: strconv.Itoa(x.Line),
			Args: words.Args{"line": x.Line, "pbx": o.PBX.String(), "vpn": false}, Evidence: []checks.Evidence{quoteRule(x.Place)},
			Fixes: tried("exempt-inside", x.Fix),
		}
		var pairs []words.Text
		for i, w := range x.Ways {
			outside, from := !w.From.IsValid(), ""
			if !outside {
				from = w.From.String()
			}
			switch {
			case outside:
				f.Variant, f.Severity = "outside", checks.Warning
			case w.VPN:
				f.Args["vpn"] = true
			case o.PBX.IsValid() && w.To.Contains(o.PBX):
				f.Severity = checks.Warning
			}
			pair := say("evidence.from-to", words.Args{"outside": outside, "from": from, "to": pbx.AddressText(w.To)})
			if pairs = append(pairs, pair); i < maxProofs {
				f.Evidence = append(f.Evidence, checks.Proof(pair, say("evidence.untranslated", nil), say("evidence.translated", words.Args{"line": x.Line})))
			}
		}
		f.Args["pairs"] = checks.FirstN(pairs, 4)
		list = append(list, f)
	}
	return list
}
