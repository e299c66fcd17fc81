package asteriskconfig

import (
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// refusedKinds are the types of which a missing object stops calls.
func refusedKinds(kind string) bool {
	switch kind {
	case "endpoint", "aor", "auth", "transport", "identify", "registration":
		return true
	}
	return false
}

// unknownOptions is about options that Asterisk does not know: it refuses the
// whole object.
func unknownOptions(v *view) {
	for _, s := range v.PJSIP {
		kind := s.Last("type")
		if s.Template || !asterisk.IsPJSIPType(kind) {
			continue
		}
		for i := range s.Options {
			o := &s.Options[i]
			since := asterisk.Since(kind, o.Name, v.o.Version)
			if asterisk.KnowsPJSIP(kind, o.Name) && since == "" {
				continue
			}
			if v.full("unknown-option", "") {
				v.add(Fault{ID: "unknown-option", key: o.At()}, s.Name)
				continue
			}
			x := Fault{ID: "unknown-option", Severity: warning, Confidence: certain, key: o.At(), Reload: "pjsip", Source: docsTrouble,
				Args: words.Args{"option": words.Raw(o.Name), "type": kind, "nearest": "none"}}
			if refusedKinds(kind) {
				x.Severity = critical
			}
			want := ""
			switch nearest := asterisk.NearestPJSIP(kind, o.Name); {
			case since != "":
				x.Variant, x.Args = "newer", words.Args{"option": o.Name, "type": kind, "since": since, "version": v.o.Version}
				x.Edits = []Edit{drop(s, o)}
			case nearest != "" && nearest != "type":
				want, x.Args["nearest"] = nearest+"=", nearest
				if takesSameValue(strings.ToLower(o.Name), nearest) {
					x.Edits = []Edit{{File: o.File, Line: o.Line, Drop: o.Name, Rename: nearest, Object: s.Name, Type: kind}}
				}
			default:
				x.Confidence = likely // a build may have options of its own
				x.Edits = []Edit{drop(s, o)}
			}
			x.Lines = []Line{line(o, want)}
			v.add(x, s.Name)
		}
	}
}

// wizardOptions is the same for "endpoint/allow" and its like in pjsip_wizard.conf.
func wizardOptions(v *view) {
	for _, s := range v.Wizard {
		for i := range s.Options {
			o := &s.Options[i]
			kind, name, ok := strings.Cut(o.Name, "/")
			if s.Template || !ok {
				continue
			}
			of := kind
			if kind == "inbound_auth" || kind == "outbound_auth" {
				of = "auth"
			}
			if !asterisk.IsPJSIPType(of) || asterisk.KnowsPJSIP(of, name) {
				continue
			}
			x := Fault{ID: "unknown-option", Severity: critical, Confidence: certain, key: o.At(), Args: words.Args{"option": words.Raw(o.Name), "type": of, "nearest": "none"}, Lines: []Line{line(o, "")}, Source: docsTrouble}
			if nearest := asterisk.NearestPJSIP(of, name); nearest != "" {
				x.Args["nearest"], x.Lines[0].Want = kind+"/"+nearest, kind+"/"+nearest+"="
			}
			v.add(x, s.Name)
		}
	}
}

// takesSameValue reports whether the value of a wrong name fits the right one:
// not where chan_sip had another notion.
func takesSameValue(from, to string) bool {
	switch from {
	case "nat", "host", "secret", "username", "qualify", "canreinvite", "directmedia", "encryption", "server", "client", "auth", "dtmfmode":
		return from == "secret" && to == "password" || from == "username" && to == "username"
	}
	return true
}
