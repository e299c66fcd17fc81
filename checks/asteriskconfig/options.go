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
	for _, s := range v.PJSIP {
		kind := s.Find("type")
		switch {
		case s.Template || len(s.Options) == 0:
		case kind == nil && parents[strings.ToLower(s.Name)]: // a template without its mark
		case kind == nil:
			x := Fault{ID: "no-type", Severity: warning, Confidence: certain, key: s.At(), Args: words.Args{"guess": "none"}, Lines: []Line{header(s, "type=")}, Reload: "pjsip", Source: docsTrouble}
			if v.wanted(s.Name) {
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

// wanted reports whether an object of that name is referred to.
func (v *view) wanted(name string) bool {
	for _, kind := range []string{"endpoint", "registration", "identify"} {
		for _, s := range v.kinds[kind] {
			for _, option := range []string{"aors", "auth", "outbound_auth", "transport", "endpoint"} {
				for _, item := range asterisk.Items(s.Last(option)) {
					if item == name {
						return true
					}
				}
			}
		}
	}
	return false
}

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

// values are the only ones that some options take.
func values(kind, option string) []string {
	switch kind + "/" + option {
	case "endpoint/dtmf_mode":
		return []string{"rfc4733", "inband", "info", "auto", "auto_info", "none"}
	case "endpoint/media_encryption":
		return []string{"no", "sdes", "dtls"}
	case "auth/auth_type":
		return []string{"userpass", "md5", "digest", "google_oauth"}
	case "transport/protocol":
		return []string{"udp", "tcp", "tls", "ws", "wss", "flow"}
	case "endpoint/direct_media_method", "endpoint/connected_line_method":
		return []string{"invite", "reinvite", "update"}
	}
	return nil
}

// numeric are the options that take a number and nothing else.
func numeric(kind, option string) bool {
	switch kind + "/" + option {
	case "aor/max_contacts", "aor/qualify_frequency", "aor/default_expiration", "aor/minimum_expiration", "aor/maximum_expiration",
		"registration/expiration", "registration/retry_interval", "registration/max_retries", "registration/forbidden_retry_interval",
		"endpoint/rtp_timeout", "endpoint/rtp_timeout_hold", "endpoint/rtp_keepalive", "endpoint/timers_min_se", "endpoint/timers_sess_expires":
		return true
	}
	return false
}

// badValues is about values for which Asterisk refuses the object.
func badValues(v *view) {
	for _, s := range v.PJSIP {
		kind := s.Last("type")
		if s.Template {
			continue
		}
		for i := range s.Options {
			o := &s.Options[i]
			name, want, bad := strings.ToLower(o.Name), "", false
			switch {
			case !asterisk.KnowsPJSIP(kind, name):
			case values(kind, name) != nil:
				want = name + "=" + strings.Join(values(kind, name), "|")
				bad = !oneOf(o.Value, values(kind, name))
			case numeric(kind, name):
				want, bad = name+"=60", o.Value == "" || strings.Trim(o.Value, "0123456789") != ""
				if name == "max_contacts" {
					want = name + "=1"
				}
			case name == "local_net" || name == "permit" || name == "deny" || name == "contact_permit" || name == "contact_deny":
				want, bad = name+"=192.168.0.0/16", !networks(o.Value)
			case kind == "aor" && name == "contact":
				want, bad = name+"=sip:"+o.Value, !isSIP(o.Value)
			case kind == "endpoint" && (name == "allow" || name == "disallow"):
				want, bad = goodCodecs(name, o.Value)
			case kind == "identify" && name == "match":
				want, bad = name+"=192.0.2.0/24", badMask(o.Value)
			}
			if !bad {
				continue
			}
			x := Fault{ID: "bad-value", Severity: critical, Confidence: certain, key: o.At(), Reload: "pjsip", Source: docsTrouble,
				Args: words.Args{"option": name, "value": words.Raw(clip(o.Value)), "type": kind}, Lines: []Line{line(o, want)}}
			if name == "allow" || name == "disallow" {
				x.Edits = []Edit{replace(s, o, want)}
			} else if fixed := corrected(name, o.Value); fixed != "" {
				x.Edits = []Edit{replace(s, o, name+"="+fixed)}
			}
			v.add(x, s.Name)
		}
	}
}

// goodCodecs is the line as it was meant, where one of its codecs is not known and
// nearly one that is. Others may be those of a module.
func goodCodecs(option, value string) (want string, bad bool) {
	items := asterisk.Items(value)
	for i, item := range items {
		name, frames, timed := strings.Cut(strings.TrimPrefix(strings.ToLower(item), "!"), ":")
		nearest := asterisk.NearestCodec(name)
		if nearest == "" || nearest == name {
			continue
		}
		bad = true
		if strings.HasPrefix(item, "!") {
			nearest = "!" + nearest
		}
		if timed {
			nearest += ":" + frames
		}
		items[i] = nearest
	}
	return option + "=" + strings.Join(items, ","), bad
}

// corrected is what somebody meant by a value that Asterisk refuses; empty when
// that cannot be told.
func corrected(option, value string) string {
	switch {
	case option == "dtmf_mode" && strings.EqualFold(value, "rfc2833"):
		return "rfc4733"
	case option == "media_encryption" && (strings.EqualFold(value, "yes") || strings.EqualFold(value, "srtp")):
		return "sdes"
	case option == "auth_type" && asterisk.Nearest(strings.ToLower(value), values("auth", "auth_type")) == "userpass":
		return "userpass"
	case option == "contact" && value != "" && !strings.ContainsAny(value, " <>\"';"):
		return "sip:" + value
	}
	return ""
}

func oneOf(value string, list []string) bool {
	for _, x := range list {
		if strings.EqualFold(value, x) {
			return true
		}
	}
	return false
}

func networks(value string) bool {
	for _, item := range asterisk.Items(value) {
		if _, ok := asterisk.Prefix(strings.TrimPrefix(item, "!")); !ok {
			return false
		}
	}
	return true
}

// badMask reports a match that begins like an address and has a mask that is none;
// anything else is the name of a host.
func badMask(value string) bool {
	for _, item := range asterisk.Items(value) {
		addr, _, masked := strings.Cut(strings.TrimPrefix(item, "!"), "/")
		if _, ok := asterisk.Prefix(addr); ok && masked && !networks(item) {
			return true
		}
	}
	return false
}

func isSIP(uri string) bool {
	for _, item := range asterisk.Items(uri) {
		lower := strings.ToLower(strings.TrimLeft(item, "<\" "))
		if !strings.HasPrefix(lower, "sip:") && !strings.HasPrefix(lower, "sips:") && !strings.Contains(lower, "<sip") {
			return false
		}
	}
	return true
}
