package asteriskconfig

import (
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

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
				bad = !oneOf(o.Value, values(kind, name)) || name == "auth_type" && strings.EqualFold(o.Value, "digest") && v.o.Version != "" && !v.digests()
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
