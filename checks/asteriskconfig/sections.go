package asteriskconfig

import (
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// notLoaded is about files that Asterisk refuses as a whole.
func notLoaded(v *view) {
	for _, b := range v.Broken {
		v.add(Fault{ID: "not-loaded", Severity: critical, Confidence: certain, key: b.File, Args: words.Args{"file": b.File}, Lines: []Line{{At: b.File, Why: b.Why}}}, "")
	}
}

// sectionTypes is about sections of pjsip.conf that Asterisk skips, because they
// have no type or one that there is not.
func sectionTypes(v *view) {
	parents := map[string]bool{}
	for _, s := range v.PJSIP {
		for _, name := range s.Inherits {
			parents[strings.ToLower(name)] = true
		}
	}
	wanted := v.wanted()
	for _, s := range v.PJSIP {
		kind := s.Find("type")
		switch {
		case s.Template || len(s.Options) == 0:
		case kind == nil && parents[strings.ToLower(s.Name)]: // a template without its mark
		case kind == nil:
			x := Fault{ID: "no-type", Severity: warning, Confidence: certain, key: s.At(), Args: words.Args{"guess": "none"}, Lines: []Line{header(s, "type=")}, Reload: "pjsip", Source: docsTrouble}
			if wanted[s.Name] {
				x.Severity = critical
			}
			guess := asterisk.GuessType(s.Options)
			if guess == "" && (s.Name == "global" || s.Name == "system") {
				guess = s.Name
			}
			if guess != "" {
				x.Args["guess"] = guess
				x.Edits = []Edit{{File: s.File, Line: s.Line, Add: "type=" + guess, Object: s.Name}}
			}
			v.add(x, s.Name)
		case asterisk.IsPJSIPType(kind.Value) || kind.Value == "contact":
		default:
			x := Fault{ID: "unknown-type", Severity: critical, Confidence: certain, key: kind.At(), Args: words.Args{"type": words.Raw(kind.Value), "guess": "none"}, Reload: "pjsip", Source: docsTrouble}
			guess := asterisk.Nearest(strings.ToLower(kind.Value), asterisk.PJSIPTypes())
			if asterisk.IsPJSIPType(strings.ToLower(kind.Value)) {
				guess = strings.ToLower(kind.Value)
			}
			if guess == "" { // a module of somebody's own may have types of its own
				x.Severity, x.Confidence = warning, likely
			}
			want := ""
			if guess != "" {
				want, x.Args["guess"] = "type="+guess, guess
				x.Edits = []Edit{replace(s, kind, want)}
			}
			x.Lines = []Line{line(kind, want)}
			v.add(x, s.Name)
		}
	}
}

// wanted are the names of objects that are referred to.
func (v *view) wanted() map[string]bool {
	names := map[string]bool{}
	for _, kind := range []string{"endpoint", "registration", "identify"} {
		for _, s := range v.kinds[kind] {
			for _, option := range []string{"aors", "auth", "outbound_auth", "transport", "endpoint"} {
				for _, item := range asterisk.Items(s.Last(option)) {
					names[item] = true
				}
			}
		}
	}
	return names
}
