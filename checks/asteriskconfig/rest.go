package asteriskconfig

import (
	"slices"
	"strconv"
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

// rtpRange is about the ports of media.
func rtpRange(v *view) {
	first, last := v.rtp("rtpstart"), v.rtp("rtpend")
	r := v.o.RTP
	switch {
	case first == nil && last == nil:
		if v.Whole("rtp.conf") || !v.o.Saved && v.o.Found && !v.Has("rtp.conf") && !slices.Contains(v.Denied, "rtp.conf") {
			v.add(Fault{ID: "rtp-default", Severity: warning, Confidence: certain, Args: words.Args{"file": v.Has("rtp.conf")}, Lines: []Line{{At: "rtp.conf", Want: "rtpstart=10000 rtpend=20000"}}, Source: sampleRTP}, "")
		}
		return
	case first != nil && last != nil && number(first.Value) >= number(last.Value):
		v.add(Fault{ID: "rtp-reversed", Severity: critical, Confidence: certain, Args: words.Args{"first": first.Value, "last": last.Value},
			Lines: []Line{line(first, ""), line(last, "")}, Source: sampleRTP}, "")
		return
	}
	if first != nil && number(first.Value)%2 == 1 {
		n := number(first.Value) + 1
		want := "rtpstart=" + strconv.Itoa(n)
		v.add(Fault{ID: "rtp-odd", Severity: warning, Confidence: certain, Args: words.Args{"first": first.Value, "before": n - 2}, Lines: []Line{line(first, want)},
			Edits: []Edit{{File: first.File, Line: first.Line, Drop: first.Name, Add: want}}, Reload: "rtp", Source: sampleRTP}, "")
	}
	phones := len(v.dynamic)
	for _, p := range v.SIP {
		if isPeer(p) && strings.EqualFold(p.Last("host"), "dynamic") {
			phones++
		}
	}
	pairs := (r.Last - r.First + 1) / 2
	if first != nil && last != nil && phones > 0 && pairs < phones {
		v.add(Fault{ID: "rtp-small", Severity: warning, Confidence: likely, Args: words.Args{"range": first.Value + "-" + last.Value, "pairs": pairs, "phones": phones},
			Lines: []Line{line(first, ""), line(last, "rtpend="+strconv.Itoa(min(65535, number(first.Value)+max(1000, 8*phones)-1)))}, Source: sampleRTP}, "")
	}
}

const sampleRTP = "https://github.com/asterisk/asterisk/blob/master/configs/samples/rtp.conf.sample"

// rtp is an option of rtp.conf: the first of several counts.
func (v *view) rtp(name string) *option {
	for _, s := range v.RTP {
		if s.Template || !strings.EqualFold(s.Name, "general") {
			continue
		}
		for i := range s.Options {
			if strings.EqualFold(s.Options[i].Name, name) {
				return &s.Options[i]
			}
		}
	}
	return nil
}

// homes are the modules whose section of sorcery.conf counts for a type of object.
func homes(kind string) string {
	switch kind {
	case "identify":
		return "res_pjsip_endpoint_identifier_ip"
	case "registration":
		return "res_pjsip_outbound_registration"
	case "endpoint", "aor", "auth", "contact", "domain_alias", "transport", "global", "system":
		return "res_pjsip"
	}
	return ""
}

// databases is about objects that sorcery.conf wants from a database, in a section
// that nobody asks, or of a table that extconfig.conf does not have.
func databases(v *view) {
	for _, s := range v.Sorcery {
		if !strings.HasPrefix(strings.ToLower(s.Name), "res_pjsip") {
			continue
		}
		for i := range s.Options {
			o := &s.Options[i]
			kind, _, _ := strings.Cut(o.Name, "/")
			home := homes(kind)
			if home == "" || o.Value == removed {
				continue
			}
			if !strings.EqualFold(home, s.Name) {
				v.add(Fault{ID: "sorcery-section", Severity: critical, Confidence: certain, key: o.At(), Args: words.Args{"type": kind, "home": home, "section": s.Name}, Source: docsTrouble,
					Lines: []Line{line(o, "["+home+"]")}}, "")
				continue
			}
			table, ok := strings.CutPrefix(o.Value, "realtime,")
			if table, _, _ = strings.Cut(table, ","); ok && v.Whole("extconfig.conf") && !slices.Contains(v.External, table) {
				v.add(Fault{ID: "sorcery-table", Severity: critical, Confidence: certain, key: o.At(), Args: words.Args{"type": kind, "table": words.Raw(table)}, Source: docsTrouble,
					Lines: []Line{line(o, ""), {At: "extconfig.conf", Want: table + " => odbc"}}}, "")
			}
		}
	}
}
