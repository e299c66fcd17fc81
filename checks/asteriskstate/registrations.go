package asteriskstate

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// givenUp is how many seconds after its next try was due a registration of PJSIP
// has been given up: a try ends 32 s after it began (timer F, RFC 3261, section
// 17.1.2.2), and the next is due only then.
const givenUp = 35

// renewing is how many seconds a renewal may be without an answer: by then REGISTER
// was sent four times (after 0, 0.5, 1.5 and 3.5 s; RFC 3261, section 17.1.2.1).
const renewing = 4

// justStarted is how long after its start a server may not have tried yet: PJSIP
// spreads its first tries over some seconds.
const justStarted = 60

// whyOf tells what the state of a registration means; empty: nothing is wrong, or
// it is being tried for the first time.
//
// chan_sip: sip_reg_timeout and handle_response_register of channels/chan_sip.c. A
// wrong password that is answered with another 401 stays in "Auth. Sent", one that
// is answered with 403 becomes "No Authentication". PJSIP: schedule_retry and
// handle_registration_response of res_pjsip_outbound_registration.c say "Rejected"
// for a refusal as well as for no answer.
func whyOf(g asterisk.ShownRegistration, uptime int) string {
	status := strings.ToLower(g.Status)
	if g.Driver != "pjsip" {
		switch status {
		case requestSent, "timeout":
			return "unanswered"
		case "auth. sent":
			return "auth-sent"
		case noAuthentication:
			return "forbidden"
		case "rejected":
			return "refused"
		case "failed":
			return "stopped"
		case "unregistered":
			return "unsent"
		}
		return ""
	}
	switch {
	case status == "rejected" && g.Dated && g.Next < -givenUp, status == "stopped", status == "failed":
		return "stopped"
	case status == "rejected":
		return "rejected"
	case status == "registered" && g.Dated && g.Next < -givenUp:
		return "expired"
	case status == "registered" && g.Dated && g.Next <= -renewing:
		return "renewing"
	case status == "unregistered" && g.Dated && g.Next < 0 && g.Next >= -givenUp:
		return "unanswered"
	case status == "unregistered" && g.Dated && g.Next >= 0 && uptime <= justStarted:
		return "" // the first try is still to come
	case status == "unregistered":
		return "idle"
	}
	return ""
}

// registrations are this server's own with providers.
func registrations(v *view) (out []checks.Finding) {
	groups := map[string][]asterisk.ShownRegistration{}
	for _, g := range v.s.Registrations {
		if why := whyOf(g, v.s.UptimeS); why != "" {
			groups[why] = append(groups[why], g)
		}
	}
	servers := map[string]bool{}
	for _, g := range v.s.Registrations {
		servers[g.Server] = true
	}
	for _, why := range []string{"forbidden", "refused", "stopped", "auth-sent", "unanswered", "rejected", "unsent", "expired", "idle", "renewing"} {
		if list := groups[why]; len(list) > 0 {
			out = append(out, v.registration(why, list, len(list) == len(v.s.Registrations) && len(servers) > 1))
		}
	}
	return out
}

func (v *view) registration(why string, list []asterisk.ShownRegistration, all bool) checks.Finding {
	f := checks.Finding{
		ID: "asterisk-state.registration", Variant: why, Severity: checks.Critical, Confidence: checks.Likely,
		Args: words.Args{"n": len(list), "trunks": trunkNames(list), "server": named(list[0].Server), "servers": serverNames(list), "all": all},
	}
	for _, g := range list[:min(len(list), mostRows)] {
		f.Evidence = append(f.Evidence, v.quote(registryOf(g), g.Row)...)
	}
	switch why {
	case "forbidden", "refused", "stopped":
		f.Confidence = checks.Certain
		f.Fixes = registerAgain(list)
	case "idle", "renewing", "unsent":
		f.Severity = checks.Warning
	}
	if len(list) == 1 {
		f.Subject = list[0].Name
	}
	return f
}

// trunkNames names registrations as people do: by the user and the server.
func trunkNames(list []asterisk.ShownRegistration) words.Text {
	var names []string
	for _, g := range list {
		switch {
		case g.Driver == "pjsip":
			names = append(names, g.Name)
		case strings.HasSuffix(g.Name, "@"):
			names = append(names, g.Name+g.Server)
		default:
			names = append(names, g.Name+"@"+g.Server)
		}
	}
	return some(names)
}

// serverNames names the servers of registrations, each once.
func serverNames(list []asterisk.ShownRegistration) words.Text {
	var names []string
	for _, g := range list {
		if !slices.Contains(names, g.Server) {
			names = append(names, g.Server)
		}
	}
	return some(names)
}

// simple is a name that Asterisk's command line takes as one word.
func simple(name string) bool { return tame.MatchString(name) && !strings.ContainsAny(name, "/;") }

// registerAgain has Asterisk try again, once the cause is removed. PJSIP does so
// by name, chan_sip for all.
func registerAgain(list []asterisk.ShownRegistration) []fixes.Fix {
	var steps []command.Step
	reload := false
	for _, g := range list {
		switch {
		case g.Driver != "pjsip":
			reload = true
		case simple(g.Name) && len(steps) < mostRows:
			steps = append(steps, command.Step{Do: []command.Command{command.New("asterisk", "-rx").Option(sendRegister, g.Name)}})
		}
	}
	if reload {
		steps = append(steps, command.Step{Do: []command.Command{command.New("asterisk", "-rx", reloadSIP)}})
	}
	if len(steps) == 0 {
		return nil
	}
	return fixes.Build("register-again", "", nil, steps...)
}
