package asteriskconfig

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// outside reports whether a transport can serve peers beyond a NAT: WebSocket has
// its media by ICE, and IPv6 knows no NAT.
func outside(t *section) bool {
	protocol := strings.ToLower(t.Last("protocol"))
	return protocol != "ws" && protocol != "wss" && !asterisk.Bind(t.Last("bind"), protocol).Addr().Is6()
}

// externalAddresses is about the addresses that Asterisk shows to the world
// outside of local_net.
func externalAddresses(v *view) {
	var with *section
	for _, t := range v.kinds["transport"] {
		signalling, audio := t.Find("external_signaling_address"), t.Find("external_media_address")
		for _, o := range []*option{signalling, audio} {
			if o != nil {
				v.external(t, o)
				with = t
			}
		}
		v.half(t, signalling, audio)
	}
	if with == nil {
		v.noExternal()
		return
	}
	for _, t := range v.kinds["transport"] {
		if t.Last("external_media_address") == "" && t.Last("external_signaling_address") == "" && outside(t) && outside(with) && sameAddress(t, with) {
			x := Fault{ID: "transport-external", Severity: warning, Confidence: likely, Args: words.Args{"other": with.Name},
				Lines: []Line{header(t, "external_media_address="), header(with, "")}, Reload: "pjsip", Source: docsNAT}
			for _, name := range []string{"local_net", "external_signaling_address", "external_media_address"} {
				for _, value := range with.All(name) {
					x.Edits = append(x.Edits, addTo(t, name+"="+value))
				}
			}
			v.add(x, t.Name)
		}
	}
}

func sameAddress(a, b *section) bool {
	return asterisk.Bind(a.Last("bind"), "udp").Addr() == asterisk.Bind(b.Last("bind"), "udp").Addr()
}

// half is about a transport that has one of the two external addresses: Contact
// and SDP are rewritten each by its own.
func (v *view) half(t *section, signalling, audio *option) {
	if (signalling == nil) == (audio == nil) || !outside(t) {
		return
	}
	if audio == nil && slices.ContainsFunc(v.kinds["endpoint"], func(e *section) bool { return e.Last("media_address") != "" }) {
		return // endpoints have an address of their own for that
	}
	have, missing := signalling, "external_media_address"
	if have == nil {
		have, missing = audio, "external_signaling_address"
	}
	v.add(Fault{ID: "external-half", Variant: map[bool]string{true: "no-media", false: "no-signaling"}[audio == nil], Severity: critical, Confidence: likely,
		Lines: []Line{line(have, ""), header(t, missing+"="+have.Value)}, Reload: "pjsip", Source: docsNAT,
		Edits: []Edit{addTo(t, missing+"="+have.Value)}}, t.Name)
}

// external compares one external address with what is known of the machine.
func (v *view) external(s *section, o *option) {
	a, err := netip.ParseAddr(strings.Trim(o.Value, "[]"))
	if err != nil || !a.Is4() {
		return // a name is resolved by Asterisk, when it loads the file
	}
	args := words.Args{"option": o.Name, "address": a}
	reload := "pjsip"
	if v.isSIP(s) {
		reload = "sip"
	}
	switch own := v.reachedAt(); {
	case !isPublic(a):
		x := Fault{ID: "external-private", Severity: critical, Confidence: likely, key: o.Value, Args: args, Reload: reload, Source: docsNAT}
		if len(own) == 1 {
			x.Edits = []Edit{replace(s, o, o.Name+"="+own[0].String())}
		}
		x.Lines = []Line{line(o, wantAddress(o.Name, own))}
		v.add(x, s.Name)
	case len(own) > 0 && !slices.Contains(own, a):
		x := Fault{ID: "external-wrong", Severity: critical, Confidence: likely, key: o.Value, Args: args, Reload: reload, Source: docsNAT,
			Lines: []Line{line(o, wantAddress(o.Name, own))}}
		args["own"] = own
		if len(v.public) == 0 { // nobody outside was asked: a firewall may translate to another address
			x.Severity, x.Confidence = warning, possible
		}
		if len(own) == 1 {
			x.Edits = []Edit{replace(s, o, o.Name+"="+own[0].String())}
		}
		v.add(x, s.Name)
	}
}

func (v *view) isSIP(s *section) bool { return slices.Contains(v.SIP, s) }

func wantAddress(option string, own []netip.Addr) string {
	if len(own) == 0 {
		return ""
	}
	return option + "=" + own[0].String()
}

// reachedAt are the public addresses of this machine: those that somebody outside
// has seen, or its own.
func (v *view) reachedAt() (list []netip.Addr) {
	if len(v.public) > 0 {
		return v.public
	}
	for _, a := range v.o.Own {
		if a.Is4() && isPublic(a) {
			list = append(list, a)
		}
	}
	return list
}

// noExternal is about a server behind NAT that has a trunk outside and no external
// address anywhere.
func (v *view) noExternal() {
	behind, ok := v.behindNAT()
	if !ok || !behind || len(v.kinds["transport"]) == 0 {
		return
	}
	var lines []Line
	for _, s := range slices.Concat(v.kinds["registration"], v.kinds["aor"]) {
		for _, o := range s.Options {
			if name := strings.ToLower(o.Name); (name == "server_uri" || name == "contact") && publicHost(o.Value) {
				lines = append(lines, line(&o, ""))
			}
		}
	}
	if len(lines) == 0 {
		return // phones and gateways of the same network need none
	}
	x := Fault{ID: "external-missing", Severity: warning, Confidence: likely, Lines: lines, Reload: "pjsip", Source: docsNAT, Args: words.Args{"own": v.o.Own}}
	for _, t := range v.kinds["transport"] {
		if !outside(t) {
			continue
		}
		x.Lines = append([]Line{header(t, "external_media_address=")}, x.Lines...)
		if len(v.public) == 1 {
			for _, lan := range v.o.LANs {
				x.Edits = append(x.Edits, addTo(t, "local_net="+lan.Network.String()))
			}
			x.Edits = append(x.Edits, addTo(t, "external_signaling_address="+v.public[0].String()), addTo(t, "external_media_address="+v.public[0].String()))
		}
	}
	v.add(x, "")
}

// publicHost reports whether a URI names an address of the Internet. A name may
// stand for a private address, and proves nothing unless it has a public suffix.
func publicHost(uri string) bool {
	host, _, _ := asterisk.SplitURI(uri)
	if a, err := netip.ParseAddr(host); err == nil {
		return isPublic(a)
	}
	for _, suffix := range []string{".local", ".lan", ".internal", ".home", ".localdomain", ".invalid", ".test"} {
		if strings.HasSuffix(strings.ToLower(host), suffix) {
			return false
		}
	}
	return strings.Contains(host, ".")
}
