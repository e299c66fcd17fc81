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
			if asterisk.KnowsChanSIP(o.Name) || s.Template || v.full("unknown-option", "chan-sip") {
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
