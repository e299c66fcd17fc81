package asteriskconfig

import (
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// need is a module that something in the settings cannot do without.
type need struct {
	module string
	object *section // that needs it
	what   string   // as words.yaml names it
}

// needs are the modules that the objects of pjsip.conf cannot do without.
func (v *view) needs() (list []need) {
	first := func(kind string, has func(*section) bool) *section {
		for _, s := range v.kinds[kind] {
			if has == nil || has(s) {
				return s
			}
		}
		return nil
	}
	with := func(option string) func(*section) bool {
		return func(s *section) bool { return s.Last(option) != "" }
	}
	add := func(module, what string, s *section) {
		if s != nil {
			list = append(list, need{module, s, what})
		}
	}
	endpoint := first("endpoint", nil)
	add("chan_pjsip", "calls", endpoint)
	add("res_pjsip_session", "calls", endpoint)
	add("res_pjsip_sdp_rtp", "media", endpoint)
	add("res_rtp_asterisk", "media", endpoint)
	add("res_pjsip_registrar", "phones", first("aor", takesContacts))
	add("res_pjsip_authenticator_digest", "passwords", first("endpoint", with("auth")))
	add("res_pjsip_outbound_registration", "registrations", first("registration", nil))
	add("res_pjsip_outbound_authenticator_digest", "provider-passwords", first("registration", with("outbound_auth")))
	add("res_pjsip_endpoint_identifier_ip", "by-address", first("identify", nil))
	add("res_pjsip_endpoint_identifier_user", "by-name", first("endpoint", func(e *section) bool { return e.Last("auth") != "" && len(v.identified[e.Name]) == 0 }))
	add("res_pjsip_endpoint_identifier_anonymous", "anonymous", first("endpoint", isAnonymous))
	add("res_pjsip_nat", "nat", first("transport", with("external_signaling_address")))
	add("res_pjsip_mwi", "mailboxes", first("endpoint", with("mailboxes")))
	add("res_pjsip_mwi", "mailboxes", first("aor", with("mailboxes")))
	add("res_pjsip_mwi_body_generator", "mailboxes", first("aor", with("mailboxes")))
	add("res_pjsip_pubsub", "mailboxes", first("aor", with("mailboxes")))
	add("res_srtp", "encryption", first("endpoint", func(e *section) bool {
		m := strings.ToLower(e.Last("media_encryption"))
		return m == "sdes" || m == "dtls" || asterisk.Yes(e.Last("webrtc"))
	}))
	add("res_pjsip_transport_websocket", "websocket", first("transport", func(t *section) bool {
		p := strings.ToLower(t.Last("protocol"))
		return p == "ws" || p == "wss"
	}))
	add("res_pjsip_acl", "acl", first("acl", nil))
	add("res_pjsip_dtmf_info", "tones", first("endpoint", func(e *section) bool { return strings.Contains(strings.ToLower(e.Last("dtmf_mode")), "info") }))
	if v.showsPhones() && endpoint != nil {
		add("res_pjsip_exten_state", "lamps", endpoint)
		add("res_pjsip_pubsub", "lamps", endpoint)
		add("res_pjsip_dialog_info_body_generator", "lamps", endpoint)
		add("res_pjsip_pidf_body_generator", "lamps", endpoint)
	}
	return list
}

// modules is about modules that the settings need and modules.conf leaves out.
func modules(v *view) {
	if !v.Whole("modules.conf") {
		return
	}
	told := map[string]bool{}
	for _, n := range v.needs() {
		loads, at := v.Modules.Loads(n.module)
		if loads || told[n.module] {
			continue
		}
		told[n.module] = true
		x := Fault{ID: "module-missing", Severity: critical, Confidence: certain, key: n.module, Args: words.Args{"module": n.module + ".so", "what": n.what, "noload": at != nil}, Source: docsModules}
		switch n.what {
		case "lamps", "mailboxes", "tones", "anonymous":
			x.Severity = warning
		}
		if at != nil {
			x.Lines = []Line{{At: at.At, Want: "load => " + n.module + ".so", Got: clip(at.Text)}}
		} else {
			x.Confidence = likely // what it depends on loads others as well
			x.Lines = []Line{{At: "modules.conf", Want: "load => " + n.module + ".so"}}
		}
		x.Lines = append(x.Lines, header(n.object, ""))
		v.add(x, "")
	}
}
