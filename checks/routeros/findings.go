package routeros

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

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
	var open []Open
	var in []words.Text
	for _, x := range o.Open {
		if x.Service != "dns" || x.Verdict != string(packetfilter.Accepted) {
			continue
		}
		open = append(open, x)
		if name := say("name", words.Args{"name": tame(x.In)}); !slices.ContainsFunc(open[:len(open)-1], func(y Open) bool { return y.In == x.In }) {
			in = append(in, name)
		}
	}
	if len(open) == 0 || o.DNS.Origin == unknown {
		return nil
	}
	ev := []checks.Evidence{proof(o.DNS, "allow-remote-requests=yes", nil)}
	for _, x := range open {
		name := say("evidence.from-outside", words.Args{"protocol": x.Protocol, "port": x.Port, "in": tame(x.In)})
		got := say("evidence.no-rule", nil)
		if x.Line > 0 {
			got = say("evidence.accepted-by", words.Args{"line": x.Line, "rule": words.Raw(x.Rule)})
		}
		ev = append(ev, checks.Proof(name, say("evidence.stopped", nil), got))
	}
	return []checks.Finding{{
		ID: "routeros.dns-open", Severity: checks.Warning, Confidence: checks.Certain, Args: words.Args{"in": in}, Evidence: ev,
	}}
}

// tame is a name or value that strangers chose, quoted where it is no ordinary one.
func tame(s string) any {
	if ordinary.MatchString(s) {
		return s
	}
	return words.Raw(s)
}

var ordinary = regexp.MustCompile(`^[\p{L}\p{N}_.:/?&=,+*#@ -]{1,120}$`)
