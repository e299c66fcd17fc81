package render

import (
	"cmp"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Two routers in a row are drawn, the cross stands behind the one that does it, and
// the heading of a fix says which is meant.
func TestTwoRoutersInARowAreDrawn(t *testing.T) {
	modem := netip.MustParseAddr("192.168.178.1")
	for after, want := range map[string]string{
		"":              "── MikroTik hEX 192.168.88.1 ──✗── AVM 192.168.178.1 ──",
		"192.168.88.1":  "── MikroTik hEX 192.168.88.1 ──✗── AVM 192.168.178.1 ──",
		"192.168.178.1": "── MikroTik hEX 192.168.88.1 ── AVM 192.168.178.1 ──✗──",
	} {
		r := savedReports(t)["alg-mikrotik"]
		r.Beyond = &netinfo.Beyond{Addr: modem, Router: netinfo.Router{Vendor: "AVM", Platform: "fritzbox", Confidence: "certain"}}
		if after != "" {
			r.Result("sip-alg").Facts = json.RawMessage(`{"changed_at": {"after": "` + after + `", "before": "203.0.113.9"}}`)
		}
		for i := range r.Results {
			for k := range r.Results[i].Findings {
				f := &r.Results[i].Findings[k]
				f.Fixes = []fixes.Fix{{ID: "x", Title: "Turn it off", Where: "router", Platform: "mikrotik", At: modem.String(), Commands: []string{"x"}, Source: "x"}}
			}
		}
		text := strings.Join(strings.Fields(shownAs(t, "text", r)), " ")
		if !strings.Contains(text, want) || !strings.Contains(text, "On the router (MikroTik RouterOS 192.168.178.1): Turn it off") {
			t.Errorf("after %q: it does not draw %q:\n%s", after, want, shownAs(t, "text", r))
		}
		redacted, err := Redact(r)
		if err != nil {
			t.Fatal(err)
		}
		if b := redacted.Beyond; b == nil || b.Addr == modem || !b.Addr.IsPrivate() || b.Router.Vendor != "AVM" {
			t.Errorf("redacted: %+v", b)
		}
	}
	if text := shownAs(t, "text", &checks.Report{Host: &netinfo.Host{}, Beyond: &netinfo.Beyond{Addr: modem}}); strings.Contains(text, "192.168.178.1") {
		t.Errorf("a machine without an address has a path:\n%s", text)
	}
}

// pathOf is the drawn path of a report, with a question mark where the place is not
// certain.
func pathOf(r *checks.Report) string {
	list := speech{lang: words.English}.stops(r)
	line := ""
	for i, s := range list {
		switch {
		case i == 0:
		case s.broken && s.sure:
			line += " ✗ "
		case s.broken:
			line += " ✗? "
		default:
			line += " - "
		}
		line += s.role
	}
	return line
}

// What keeps phones from working is drawn where it is, whichever check found it, and
// the picture of a report that has found nothing has no cross.
func TestTheFaultIsDrawnWhereItIs(t *testing.T) {
	all := everyReport(t)
	for name, want := range map[string]string{
		"clean": "here - router - public - responder", "lossy": "here - router - public - responder", "no-nat": "here - router - responder",
		"rtp-blocked": "here - router ✗? public - responder", "rtp-return-blocked": "here - router ✗? public - responder",
		"sip-alg": "here - router ✗? public - responder", "sip-port-blocked": "here - router ✗? public - responder",
		"only-https": "here - router ✗? responder", "double-nat": "here - router - carrier - public - responder",
		"pbx-forward-gap": "pbx - router ✗? public - responder", "pbx-carrier-nat": "pbx - router - carrier ✗? public - responder",
		"udp-timeout": "here - router - public - responder",
	} {
		r := all[name+".json"]
		fillAll(r, words.English)
		if got := pathOf(r); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// found is a report of an office, in which a check failed for one reason.
func found(f checks.Finding) *checks.Report {
	check, _, _ := strings.Cut(f.ID, ".")
	f.Severity = cmp.Or(f.Severity, checks.Critical)
	r := &checks.Report{
		Host:   &netinfo.Host{Uplink: netinfo.Uplink{Local: []netip.Addr{netip.MustParseAddr("192.168.88.10")}, Gateway: netip.MustParseAddr("192.168.88.1"), Gateway6: netip.MustParseAddr("fe80::1")}},
		Inputs: checks.Inputs{Responder: "vps.example.net", SIPServers: []string{"sip.example.org"}},
		Results: []checks.Result{{Check: check, Status: checks.Fail, Findings: []checks.Finding{f}},
			{Check: "nat", Status: checks.Pass, Facts: json.RawMessage(`{"behind_nat": true, "public": ["203.0.113.1:5060"]}`)}},
	}
	fillAll(r, words.Russian)
	return r
}

// The cross stands at whoever is named: this machine, a hop, a server; and with a
// question mark where only the two ends were seen.
func TestTheCrossStandsAtWhoeverIsNamed(t *testing.T) {
	sure := func(id string, pairs ...any) checks.Finding {
		args := words.Args{}
		for i := 0; i < len(pairs); i += 2 {
			args[pairs[i].(string)] = pairs[i+1]
		}
		return checks.Finding{ID: id, Confidence: checks.Certain, Args: args}
	}
	box := func(place string) any { return words.Say("sip-alg.box", words.Args{"place": place}) }
	likely, possible, warning, here := sure("rtp-ports.local-filter"), sure("rtp-ports.blocked-outbound"), sure("signalling.refused", "server", "sip.example.org"), sure("nat.udp-blocked")
	likely.Confidence, possible.Confidence, warning.Severity, here.Variant = checks.Likely, checks.Possible, checks.Warning, "here"
	for name, c := range map[string]struct {
		finding checks.Finding
		want    string
	}{
		"no cable":                             {sure("uplink.none"), "here ✗ internet"},
		"the gateway is silent":                {sure("uplink.gateway-silent"), "here ✗ router - public - responder"},
		"the router has no route":              {sure("uplink.no-internet", "who", "gateway", "hop", netip.MustParseAddr("192.168.88.1")), "here - router ✗ public - responder"},
		"nobody outside answers":               {sure("uplink.no-internet"), "here - router ✗? public - responder"},
		"its own firewall":                     {sure("rtp-ports.local-filter"), "here ✗ router - public - responder"},
		"most likely its own firewall":         {likely, "here ✗? router - public - responder"},
		"its own firewall drops UDP":           {here, "here ✗ router - responder"},
		"somebody drops UDP":                   {sure("nat.udp-blocked"), "here - router ✗? responder"},
		"a reason out of several":              {possible, "here - router - public - responder"},
		"a warning":                            {warning, "here - router - public - responder"},
		"the router says no, over IPv6":        {sure("signalling.prohibited", "hop", "fe80::1", "server", "sip.example.org"), "here - router ✗ public - provider"},
		"a hop further on says no":             {sure("signalling.prohibited", "hop", "203.0.113.250", "server", "sip.example.org"), "here - router - public ✗ provider"},
		"a hop further on stops the provider":  {sure("allow-list.blocked-upstream"), "here - router - public ✗ provider"},
		"the server refuses":                   {sure("signalling.refused", "server", "sip2.example.org:5060"), "here - router - public ✗ provider"},
		"the server refuses the account":       {sure("signalling.account-refused"), "here - router - public ✗ provider"},
		"an ALG in the router":                 {sure("sip-alg.rewriting", "box", box("router")), "here - router ✗ public - responder"},
		"an ALG most likely in the router":     {sure("sip-alg.rewriting", "box", box("likely-router")), "here - router ✗? public - responder"},
		"an ALG on the way to the responder":   {sure("sip-alg.rewriting", "box", words.Say("sip-alg.box", words.Args{"place": "towards", "own": true, "server": "x"})), "here - router - public ✗? responder"},
		"an ALG on the way to one server":      {sure("sip-alg.rewriting", "box", words.Say("sip-alg.box", words.Args{"place": "towards", "own": false, "server": "sip.example.org"})), "here - router - public ✗? provider"},
		"DNS is on no path":                    {sure("dns.no-such-name"), "here - router - public - responder"},
		"a fault that this version knows not":  {sure("media.unheard-of"), "here - router - public - responder"},
		"values that are not what they should": {sure("signalling.refused", "server", 7, "hop", []any{1}), "here - router - public ✗ provider"},
	} {
		if got := pathOf(found(c.finding)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	explained := found(sure("rtp-ports.blocked-outbound"))
	explained.Results[0].ExplainedBy = "uplink"
	if got := pathOf(explained); strings.Contains(got, "✗") {
		t.Errorf("an effect is drawn as a fault: %s", got)
	}
	strange := found(sure("rtp-ports.blocked-outbound"))
	strange.Results[0].Findings[0].Place = "far" // which is the renderer's own
	if got := pathOf(strange); strings.Contains(got, "✗") {
		t.Errorf("a place that no check names is drawn: %s", got)
	}
}

// A second router that translates nothing is no NAT, and the carrier's is beyond it.
func TestASecondRouterIsNotYetASecondNAT(t *testing.T) {
	for facts, want := range map[string]string{
		`{"nat_layers": 0}`:                "here - router - next - responder",
		`{"nat_layers": 2}`:                "here - router - second - responder",
		`{"nat_layers": 2, "cgnat": true}`: "here - router - next - carrier - responder",
	} {
		r := found(checks.Finding{ID: "media.loss"})
		r.Beyond = &netinfo.Beyond{Addr: netip.MustParseAddr("192.168.178.1")}
		r.Results[1].Facts = json.RawMessage(facts)
		if got := pathOf(r); got != want {
			t.Errorf("%s: %s, want %s", facts, got, want)
		}
		r.Beyond = nil
		if got := pathOf(r); strings.Contains(got, "next") {
			t.Errorf("%s: %s", facts, got)
		}
	}
}

// Who hears the page read aloud is told the same as who sees the picture.
func TestThePictureIsTold(t *testing.T) {
	r := found(checks.Finding{ID: "rtp-ports.blocked-outbound", Confidence: checks.Certain})
	r.Inputs.Responder, r.Inputs.SIPServers = "", nil
	for lang, want := range map[words.Lang]string{
		"en": "phone side 192.168.88.10, router 192.168.88.1, fault?, public address 203.0.113.1, Internet",
		"ru": "сторона телефона 192.168.88.10, маршрутизатор 192.168.88.1, сбой?, внешний адрес 203.0.113.1, Интернет",
	} {
		for _, tall := range []bool{false, true} {
			if got := (speech{lang: lang}).picture(r, tall).Name; got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
	}
}

// The word beside the cross is within the picture, however narrow that is.
func TestTheWordBesideTheCrossIsWithinThePicture(t *testing.T) {
	r := found(checks.Finding{ID: "uplink.none", Confidence: checks.Certain})
	r.Host.Uplink.Local[0] = netip.MustParseAddr("::1")
	for _, lang := range words.Languages() {
		for _, tall := range []bool{false, true} {
			pic := (speech{lang: lang}).picture(r, tall)
			for _, e := range pic.Edges {
				if half := cells(e.Word.Text) * letterWidth / 2; e.Word.X-half < 0 || e.Word.X+half > pic.Width || e.Word.Y > pic.Height {
					t.Errorf("%q at %d, %d of %d by %d", e.Word.Text, e.Word.X, e.Word.Y, pic.Width, pic.Height)
				}
			}
		}
	}
}

// A name in letters that are wide stays within its box.
func TestAWideNameFitsItsBox(t *testing.T) {
	for name, letters := range map[string]int{"MikroTik": len("MikroTik 192.168.88.1"), "Маршрутизатор": 13, "华为技术有限公司路由器网关": 26} {
		r := found(checks.Finding{ID: "dns.no-such-name"})
		r.Host.Router = &netinfo.Router{Vendor: name, Confidence: "certain"}
		for _, tall := range []bool{false, true} {
			b := (speech{lang: words.English}).picture(r, tall).Boxes[1]
			if b.W < letters*letterWidth+2*boxPad || !tall && b.W > (letters+2)*letterWidth+2*boxPad {
				t.Errorf("%s: its box is %d wide", name, b.W)
			}
		}
	}
}
