package asteriskconfig

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// codecs is about endpoints that no call can be made with, because no codec is
// left, and about those that need one that Asterisk cannot translate.
func codecs(v *view) {
	for _, e := range v.kinds["endpoint"] {
		v.codecsOf(e, "endpoint", "pjsip", false)
	}
}

// codecsOf takes the allow and disallow lines in their order: each changes what
// those before left. lenient is chan_sip, which has a list of its own to start from.
func (v *view) codecsOf(e *section, kind, reload string, lenient bool) {
	var left []string
	var denied *option // the last that took away everything
	seen := false
	for i := range e.Options {
		o := &e.Options[i]
		allow := strings.EqualFold(o.Name, "allow")
		if !allow && !strings.EqualFold(o.Name, "disallow") {
			continue
		}
		seen = seen || allow
		for _, item := range asterisk.Items(o.Value) {
			name, not := strings.CutPrefix(strings.ToLower(item), "!")
			name, _, _ = strings.Cut(name, ":")
			switch takes := allow != not; {
			case name == "all" && takes:
				left = []string{"all"}
			case name == "all":
				if len(left) > 0 {
					denied = o
				}
				left = nil
			case takes:
				left = append(left, name)
			default:
				left = slices.DeleteFunc(left, func(x string) bool { return x == name })
			}
		}
	}
	switch {
	case denied != nil && len(left) == 0:
		v.add(Fault{ID: "codec-order", Severity: critical, Confidence: certain, key: denied.At(), Lines: v.codecLines(e, denied), Reload: reload, Source: docsSections,
			Edits: []Edit{drop(e, denied)}}, e.Name)
	case !lenient && !seen && len(left) == 0 && (e.Find("disallow") != nil || !v.wizards[e.Name]):
		at := v.origin(e)
		v.add(Fault{ID: "no-codec", Severity: critical, Confidence: likely, Lines: []Line{header(at, "allow=alaw,ulaw")}, Reload: reload, Source: docsSections,
			Edits: []Edit{addTo(at, "allow=alaw,ulaw")}}, e.Name)
	case untranslated(left):
		v.add(Fault{ID: "untranslated", Severity: info, Confidence: possible, Args: words.Args{"codecs": left}, key: strings.Join(left, ","), Lines: allowLines(e)}, e.Name)
	}
}

func allowLines(e *section) (list []Line) {
	for i := range e.Options {
		if strings.EqualFold(e.Options[i].Name, "allow") {
			list = append(list, line(&e.Options[i], ""))
		}
	}
	return list
}

func (v *view) codecLines(e *section, denied *option) []Line {
	return append(allowLines(e), line(denied, ""))
}

// untranslated reports whether all audio codecs are ones for which Asterisk brings
// no translator.
func untranslated(list []string) bool {
	if len(list) == 0 {
		return false
	}
	for _, c := range list {
		if !slices.Contains([]string{"g729", "g723", "g729a", "siren7", "siren14", "silk"}, c) {
			return false
		}
	}
	return true
}

// media is about tones and encryption.
func media(v *view) {
	for _, e := range v.kinds["endpoint"] {
		if o := e.Find("dtmf_mode"); o != nil {
			v.dtmf(e, o, "dtmf_mode=rfc4733", "pjsip")
		}
		v.srtp(e)
	}
}

// dtmf is about tones that the far end does not understand: inside the speech they
// are lost in a compressing codec, and some turn them off.
func (v *view) dtmf(e *section, o *option, want, reload string) {
	x := Fault{Severity: warning, key: o.Value, Confidence: possible, Lines: []Line{line(o, want)}, Args: words.Args{"mode": strings.ToLower(o.Value)},
		Edits: []Edit{replace(e, o, want)}, Reload: reload, Source: docsSections, ID: "dtmf"}
	switch strings.ToLower(o.Value) {
	case "none":
		x.Confidence = certain
	case "inband":
		if compresses(e) {
			x.Confidence = certain
		}
	case "info", "shortinfo":
		x.Severity = info
	default:
		return
	}
	v.add(x, e.Name)
}

// compresses reports whether an endpoint may use a codec that spoils tones.
func compresses(e *section) bool {
	for _, l := range allowLines(e) {
		for _, c := range []string{"g729", "g723", "gsm", "ilbc", "speex", "opus"} {
			if strings.Contains(strings.ToLower(l.Got), c) {
				return true
			}
		}
	}
	return false
}

// srtp is about keys of encrypted speech that cross the network in the clear.
func (v *view) srtp(e *section) {
	o := e.Find("media_encryption")
	if o == nil || !strings.EqualFold(o.Value, "sdes") || !v.complete("transport") {
		return
	}
	name := e.Last("transport")
	if t := v.named("transport", name); t != nil {
		if protocol := strings.ToLower(t.Last("protocol")); protocol == "tls" || protocol == "wss" {
			return
		}
		v.add(Fault{ID: "plain-srtp", Severity: warning, Confidence: certain, Lines: []Line{line(o, ""), header(t, "protocol=tls")}, Source: docsSections}, e.Name)
		return
	}
	secure := slices.ContainsFunc(v.kinds["transport"], func(t *section) bool {
		p := strings.ToLower(t.Last("protocol"))
		return p == "tls" || p == "wss"
	})
	if name == "" && !secure && len(v.kinds["transport"]) > 0 {
		v.add(Fault{ID: "plain-srtp", Severity: warning, Confidence: certain, Lines: []Line{line(o, ""), header(v.kinds["transport"][0], "protocol=tls")}, Source: docsSections}, e.Name)
	}
}
