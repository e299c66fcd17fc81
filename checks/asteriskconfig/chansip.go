package asteriskconfig

import (
	"net/netip"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// isPeer reports whether a section of sip.conf is a phone or a trunk.
func isPeer(s *section) bool {
	return !s.Template && !strings.EqualFold(s.Name, "general") && !strings.EqualFold(s.Name, "authentication") && s.Last("type") != ""
}

func (v *view) general() *section {
	for _, s := range v.SIP {
		if !s.Template && strings.EqualFold(s.Name, "general") {
			return s
		}
	}
	return nil
}

// chanSIPOptions is about options that chan_sip skips, where a known one is near.
func chanSIPOptions(v *view) {
	for _, s := range v.SIP {
		for i := range s.Options {
			o := &s.Options[i]
			if asterisk.KnowsChanSIP(o.Name) || s.Template {
				continue
			}
			nearest := asterisk.NearestChanSIP(o.Name)
			if nearest == "" {
				continue
			}
			v.add(Fault{ID: "unknown-option", Variant: "chan-sip", Severity: warning, Confidence: likely, key: o.At(), Args: words.Args{"option": words.Raw(o.Name), "nearest": nearest},
				Lines: []Line{line(o, nearest+"=")}, Reload: "sip", Source: sampleSIP,
				Edits: []Edit{{File: o.File, Line: o.Line, Drop: o.Name, Rename: nearest, Object: s.Name}}}, s.Name)
		}
	}
}

const sampleSIP = "https://github.com/asterisk/asterisk/blob/20/configs/samples/sip.conf.sample"

// chanSIPNAT is about the external address of chan_sip, which counts only with a
// localnet, and about phones behind NAT.
func chanSIPNAT(v *view) {
	g := v.general()
	if g == nil {
		return
	}
	var external *option
	for _, name := range []string{"externaddr", "externip", "externhost"} {
		if o := g.Find(name); o != nil {
			external = o
		}
	}
	if external != nil && !strings.EqualFold(external.Name, "externhost") {
		v.external(g, external)
	}
	var nets []netip.Prefix
	for i := range g.Options {
		if o := &g.Options[i]; strings.EqualFold(o.Name, "localnet") {
			nets = append(nets, v.localNet(g, o, external != nil, "sip")...)
		}
	}
	switch {
	case external == nil:
	case len(nets) == 0:
		want := "localnet=" + v.ownLAN()
		v.add(Fault{ID: "external-useless", Severity: critical, Confidence: certain, Args: words.Args{"option": external.Name}, Lines: []Line{line(external, ""), header(g, want)},
			Edits: []Edit{addTo(g, want)}, Reload: "sip", Source: sampleSIP}, "")
	default:
		v.lansLeft(g, nets, "localnet=", "sip")
	}
	for _, p := range v.SIP {
		if isPeer(p) && strings.EqualFold(p.Last("host"), "dynamic") {
			v.peerNAT(g, p, external != nil)
		}
	}
}

// peerNAT is about one phone of chan_sip.
func (v *view) peerNAT(g, p *section, outside bool) {
	o := p.Find("nat")
	if o == nil {
		o = g.Find("nat")
	}
	value := "auto_force_rport" // what chan_sip takes since 11
	if o != nil {
		value = strings.ToLower(o.Value)
	}
	x := Fault{ID: "nat-options", Variant: "chan-sip", Severity: warning, Confidence: possible, key: value, Args: words.Args{"nat": value}, Reload: "sip", Source: sampleSIP}
	const want = "nat=force_rport,comedia"
	switch {
	case value == "no" || value == "never" || value == "route":
		x.ID, x.Variant, x.Confidence, x.Args = "rport-off", "chan-sip", likely, words.Args{"nat": value}
	case !outside || strings.Contains(value, "comedia") || value == "yes":
		return
	}
	if o != nil {
		x.Lines, x.Edits = []Line{line(o, want)}, []Edit{{File: o.File, Line: o.Line, Drop: o.Name, Add: want, Object: p.Name}}
	} else {
		x.Lines, x.Edits = []Line{header(g, want)}, []Edit{addTo(g, want)}
	}
	v.add(x, p.Name)
}

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
