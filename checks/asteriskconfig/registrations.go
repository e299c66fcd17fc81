package asteriskconfig

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// registrations is about this server registering with others.
func registrations(v *view) {
	for _, r := range v.kinds["registration"] {
		for _, name := range []string{"server_uri", "client_uri"} {
			v.uri(r, name)
		}
		if asterisk.Yes(r.Last("line")) && r.Last("endpoint") == "" {
			v.add(Fault{ID: "registration-line", Severity: critical, Confidence: certain, Lines: []Line{line(r.Find("line"), ""), header(r, "endpoint=")}, Reload: "pjsip", Source: docsSections}, r.Name)
		}
		if r.Find("outbound_auth") == nil && v.complete("registration") {
			x := Fault{ID: "registration-no-auth", Severity: warning, Confidence: possible, Lines: []Line{header(r, "outbound_auth=")}, Reload: "pjsip", Source: docsSections}
			if v.named("auth", r.Name) != nil {
				x.Lines[0].Want, x.Edits = "outbound_auth="+r.Name, []Edit{addTo(r, "outbound_auth="+r.Name)}
			}
			v.add(x, r.Name)
		}
		v.callsComeIn(r)
	}
}

// uri is about an address that PJSIP does not take for one.
func (v *view) uri(r *section, name string) {
	o := r.Find(name)
	x := Fault{ID: "registration-uri", Severity: critical, Confidence: certain, Args: words.Args{"option": name}, key: name, Reload: "pjsip", Source: docsTrouble}
	switch {
	case o == nil || o.Value == "":
		x.Variant, x.Lines = "missing", []Line{header(r, name+"=sip:")}
	case !isSIP(o.Value):
		want := name + "=sip:" + o.Value
		x.Lines, x.Edits = []Line{line(o, want)}, []Edit{replace(r, o, want)}
	default:
		return
	}
	v.add(x, r.Name)
}

// callsComeIn is about a provider that this server registers with, and whose calls
// no endpoint takes: Asterisk answers them with a challenge that nobody can meet.
func (v *view) callsComeIn(r *section) {
	if asterisk.Yes(r.Last("line")) || !v.complete("identify") || !v.complete("endpoint") {
		return
	}
	host, _, _ := asterisk.SplitURI(r.Last("server_uri"))
	if host == "" || slices.ContainsFunc(v.kinds["endpoint"], isAnonymous) || v.wizards[r.Name] {
		return
	}
	addr, err := netip.ParseAddr(host)
	for _, i := range v.kinds["identify"] {
		if i.Last("match_header") != "" || i.Last("match_request_uri") != "" || i.Last("match") == "" {
			return
		}
		for _, item := range asterisk.Items(i.All("match")...) {
			p, ok := asterisk.Prefix(item)
			if err != nil || !ok || p.Contains(addr) || strings.EqualFold(item, host) {
				return // a name on one side: they may be the same
			}
		}
	}
	x := Fault{ID: "trunk-unmatched", Severity: warning, Confidence: likely, key: host, Args: words.Args{"host": words.Raw(host)}, Reload: "pjsip", Source: docsTrouble,
		Lines: []Line{line(r.Find("server_uri"), ""), header(r, "match="+host)}}
	v.add(x, r.Name)
}
