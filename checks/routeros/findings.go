package routeros

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// proof quotes the line that sets something, or says that none does.
func proof(l Line, value string, want any) checks.Evidence {
	if l.Origin == set {
		return checks.Proof(say("evidence.line", words.Args{"line": l.Line}), want, words.Raw(l.Text))
	}
	return checks.Proof(say("evidence.no-line", nil), want, say("evidence.default", words.Args{"value": tame(value), "source": tame(l.Source)}))
}

// clearSIP are the ports of SIP that a helper could read: SIP over TLS is no text.
func (o Observed) clearSIP() (list []netinfo.PortRange) {
	for _, u := range o.Need.Ports {
		if u.Purpose == "sip" {
			list = append(list, need.Ranges(need.Ports(u.Ports).Subtract(need.Ports(u.TLS)))...)
		}
	}
	return list
}

// harmedByHelper reports whether the helper sees SIP of these phones, and its provider
// does not want it. On connections without NAT it changes nothing (Linux,
// nf_conntrack_sip.c, process_sip_msg).
func (o Observed) harmedByHelper() bool {
	if o.Need.SIPALG == "on" || o.NAT != nil && !*o.NAT {
		return false
	}
	ports, ok := parsePorts(o.Helper.Ports)
	return o.Need.Profile == "" || !ok || len(ports.Intersect(need.Ports(o.clearSIP()))) > 0
}

// shownPorts is a list of ports as people write it.
func shownPorts(s string) string { return strings.ReplaceAll(s, ",", ", ") }

func parsePorts(s string) (packetfilter.NumSet, bool) {
	var list []netinfo.PortRange
	for part := range strings.SplitSeq(s, ",") {
		r, err := netinfo.ParsePortRange(part)
		if err != nil {
			return nil, false
		}
		list = append(list, r)
	}
	return need.Ports(list), true
}

// sipHelper is RouterOS's SIP ALG.
func sipHelper(o Observed) []checks.Finding {
	on := o.Helper.Enabled
	if on == nil || !*on || !o.harmedByHelper() {
		return nil
	}
	f := checks.Finding{
		ID: "routeros.sip-helper", Severity: checks.Warning, Confidence: checks.Certain,
		Args: words.Args{
			"ports": tame(shownPorts(o.Helper.Ports)), "known": o.Helper.Ports != "", "direct": o.Helper.DirectMedia != nil && *o.Helper.DirectMedia,
			"demanded": o.Need.SIPALG == "off", "profile": tame(o.Need.Profile), "default": o.Helper.Origin == standard,
		},
		Evidence: []checks.Evidence{proof(o.Helper.Line, "disabled=no", "disabled=yes")},
		Fixes:    fixes.ByID(mikrotik, "disable-sip-helper", o.sipPort()),
	}
	if o.Need.SIPALG == "off" {
		f.Severity = checks.Critical
	}
	return []checks.Finding{f}
}

// mikrotik is the router's in the catalogue of fixes.
const mikrotik = "mikrotik"

// sipPort is the port of SIP whose connections are to be ended.
func (o Observed) sipPort() map[string]string {
	if list := o.clearSIP(); len(list) > 0 {
		return map[string]string{"SIPPort": strconv.Itoa(list[0].First)}
	}
	return nil
}

// udpTimeout is the time for which the router keeps the mapping of a phone that is
// silent.
func udpTimeout(o Observed) []checks.Finding {
	if o.UDPStream.Seconds == nil {
		return nil
	}
	s := *o.UDPStream.Seconds
	least, variant := o.Need.Timeout()
	if s >= least {
		return nil
	}
	value := need.RaisedTo(least)
	list := fixes.ByID(mikrotik, "raise-udp-stream-timeout", map[string]string{"UDPTimeout": strconv.Itoa(value)})
	for i := range list {
		for k, line := range list[i].Undo {
			if command, _, ok := strings.Cut(line, "<"); ok {
				list[i].Undo[k] = command + strconv.Itoa(s) + "s"
			}
		}
	}
	return []checks.Finding{{
		ID: "routeros.udp-timeout", Variant: variant, Severity: checks.Warning, Confidence: checks.Certain,
		Args:     words.Args{"seconds": s, "least": least, "profile": tame(o.Need.Profile)},
		Evidence: []checks.Evidence{proof(o.UDPStream.Line, "udp-stream-timeout="+o.UDPStream.Shown, say("evidence.at-least", words.Args{"seconds": least}))},
		Fixes:    list,
	}}
}

// dnsOpen is a resolver that most of the Internet reaches.
func dnsOpen(o Observed) []checks.Finding {
	_, in, ev := o.opened(func(service string) bool { return service == "dns" })
	if len(ev) == 0 || o.DNS.Origin == unknown {
		return nil
	}
	return []checks.Finding{{
		ID: "routeros.dns-open", Severity: checks.Warning, Confidence: o.reachable(in), Args: words.Args{"in": o.names(in)},
		Evidence: append([]checks.Evidence{proof(o.DNS, "allow-remote-requests=yes", nil)}, ev...),
	}}
}

// managementOpen are services that manage the router, open to most of the Internet.
func managementOpen(o Observed) []checks.Finding {
	services, in, ev := o.opened(func(service string) bool { return service != "dns" && service != "sip" })
	if len(ev) == 0 {
		return nil
	}
	return []checks.Finding{{
		ID: "routeros.management-open", Severity: checks.Warning, Confidence: o.reachable(in),
		Args: words.Args{"services": o.names(services), "in": o.names(in)}, Evidence: ev,
	}}
}

// opened are services of some kind that most of the Internet reaches, the uplinks by which
// it does, and the proof.
func (o Observed) opened(kind func(service string) bool) (services, in []string, ev []checks.Evidence) {
	for _, x := range o.Open {
		if !kind(x.Service) || x.Verdict != string(packetfilter.Accepted) {
			continue
		}
		services, in = append(services, x.Service), append(in, x.In)
		name := say("evidence.from-outside", words.Args{"protocol": x.Protocol, "port": x.Port, "in": tame(x.In)})
		got := say("evidence.no-rule", nil)
		if x.Line > 0 {
			got = say("evidence.accepted-by", words.Args{"line": x.Line, "rule": words.Raw(x.Rule)})
		}
		ev = append(ev, checks.Proof(name, say("evidence.stopped", nil), got))
	}
	return services, in, ev
}

// names are the different ones of a list, as values of a message.
func (o Observed) names(list []string) (out []words.Text) {
	var seen []string
	for _, s := range list {
		if !slices.Contains(seen, s) {
			seen = append(seen, s)
			out = append(out, say("name", words.Args{"name": tame(s)}))
		}
	}
	return out
}

// reachable is how sure it is that the Internet reaches these uplinks at all: behind the
// modem of a provider their addresses are private, and an export does not tell those that
// DHCP and PPP bring.
func (o Observed) reachable(in []string) checks.Confidence {
	if slices.ContainsFunc(o.Public, func(name string) bool { return slices.Contains(in, name) }) {
		return checks.Certain
	}
	return checks.Likely
}

// tame is a name or value that strangers chose, quoted where it is no ordinary one.
func tame(s string) any {
	if isOrdinary(s) {
		return s
	}
	return words.Raw(s)
}

func isOrdinary(s string) bool { return utf8.RuneCountInString(s) <= 120 && ordinary.MatchString(s) }

// The length is not a part of it: 120 copies of these classes are 4.5 MB at every start
// of the program.
var ordinary = regexp.MustCompile(`^[\p{L}\p{N}_.:/?&=,+*#@ -]+$`)
