package asteriskconfig

import (
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// chanSIPPeers is about peers that ask nobody for a password, guess-worthy
// passwords, codecs and tones.
func chanSIPPeers(v *view) {
	groups := map[int][]*section{}
	for _, p := range v.SIP {
		if !isPeer(p) {
			continue
		}
		v.codecsOf(p, "peer", "sip", true)
		if o := p.Find("dtmfmode"); o != nil {
			v.dtmf(p, o, "dtmfmode=rfc2833", "sip")
		}
		secret := p.Find("secret")
		dynamic := strings.EqualFold(p.Last("host"), "dynamic")
		switch {
		case !dynamic: // the password of a trunk is the provider's choice
		case secret != nil && secret.Secret != nil && secret.Secret.Weak != asterisk.SecretEmpty:
			v.weak(p, secret)
			if g := secret.Secret.Group; g > 0 {
				groups[g] = append(groups[g], p)
			}
		case p.Find("md5secret") == nil && p.Find("permit") == nil && p.Find("deny") == nil && p.Find("acl") == nil:
			v.add(Fault{ID: "open", Variant: "chan-sip", Severity: critical, Confidence: certain, Lines: []Line{header(p, "secret=")}}, p.Name)
		}
	}
	v.shared(groups, "secret")
	v.guests()
}

// guests is about strangers whose calls chan_sip takes where phones dial.
func (v *view) guests() {
	g := v.general()
	if g == nil {
		return
	}
	if o := g.Find("allowguest"); o != nil && !asterisk.Yes(o.Value) {
		return
	}
	for _, p := range v.SIP {
		if isPeer(p) && strings.EqualFold(p.Last("host"), "dynamic") && contextOf(p) == contextOf(g) {
			x := Fault{ID: "guests", Severity: critical, Confidence: certain, Args: words.Args{"context": words.Raw(contextOf(g))}, Reload: "sip", Source: sampleSIP}
			if o := g.Find("allowguest"); o != nil {
				x.Lines, x.Edits = []Line{line(o, "allowguest=no")}, []Edit{replace(g, o, "allowguest=no")}
			} else {
				x.Lines, x.Edits = []Line{header(g, "allowguest=no")}, []Edit{addTo(g, "allowguest=no")}
			}
			if o := g.Find("context"); o != nil {
				x.Lines = append(x.Lines, line(o, ""))
			}
			v.add(x, p.Name)
		}
	}
}

// chanSIPTransports is about phones and trunks that are to use TCP or TLS, which
// chan_sip takes only where it is switched on.
func chanSIPTransports(v *view) {
	g := v.general()
	if g == nil {
		return
	}
	for _, protocol := range []string{"tcp", "tls"} {
		enable := protocol + "enable"
		on := g.Find(enable)
		if on != nil && asterisk.Yes(on.Value) {
			continue
		}
		x := Fault{ID: "sip-transport-off", Severity: critical, Confidence: certain, key: protocol, Args: words.Args{"protocol": strings.ToUpper(protocol), "option": enable}, Reload: "sip", Source: sampleSIP}
		if on != nil {
			x.Lines, x.Edits = []Line{line(on, enable+"=yes")}, []Edit{replace(g, on, enable+"=yes")}
		} else {
			x.Lines, x.Edits = []Line{header(g, enable+"=yes")}, []Edit{addTo(g, enable+"=yes")}
		}
		for i := range g.Options {
			if o := &g.Options[i]; strings.EqualFold(o.Name, "register") && strings.HasSuffix(o.Value, protocol+"://") {
				y := x
				y.Lines = append([]Line{line(o, "")}, x.Lines...)
				v.add(y, "register")
			}
		}
		for _, p := range v.SIP {
			if o := p.Find("transport"); o != nil && isPeer(p) && only(o.Value, protocol) {
				y := x
				y.Lines = append([]Line{line(o, "")}, x.Lines...)
				v.add(y, p.Name)
			}
		}
	}
}

// only reports whether a list of transports has nothing but one.
func only(list, protocol string) bool {
	items := asterisk.Items(list)
	return len(items) == 1 && strings.EqualFold(items[0], protocol)
}
