package asteriskconfig

import (
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// natOptions is about phones that register from behind a NAT of their own, without
// what Asterisk needs for that.
func natOptions(v *view) {
	outside := v.phonesOutside()
	for _, e := range v.dynamic {
		if o := e.Find("force_rport"); o != nil && !asterisk.Yes(o.Value) {
			v.add(Fault{ID: "rport-off", Severity: warning, Confidence: likely, key: o.At(), Lines: []Line{line(o, "force_rport=yes")},
				Edits: []Edit{replace(e, o, "force_rport=yes")}, Reload: "pjsip", Source: docsNAT}, e.Name)
		}
		if !outside || asterisk.Yes(e.Last("webrtc")) {
			continue
		}
		var missing []string
		x := Fault{ID: "nat-options", Severity: warning, Confidence: possible, Reload: "pjsip", Source: docsNAT}
		for _, want := range []struct {
			option, value string
			unset         bool // what Asterisk takes where nothing is set
		}{{"rewrite_contact", "yes", false}, {"rtp_symmetric", "yes", false}, {"direct_media", "no", true}} {
			o, right := e.Find(want.option), want.value == "yes"
			if o == nil && want.unset == right || o != nil && asterisk.Yes(o.Value) == right {
				continue
			}
			should := want.option + "=" + want.value
			missing = append(missing, should)
			if o != nil {
				x.Lines, x.Edits = append(x.Lines, line(o, should)), append(x.Edits, replace(e, o, should))
			} else {
				at := v.origin(e)
				x.Lines, x.Edits = append(x.Lines, header(at, should)), append(x.Edits, addTo(at, should))
			}
		}
		if len(missing) == 0 {
			continue
		}
		x.Args = words.Args{"missing": missing}
		x.key = missing[0] + missing[len(missing)-1]
		v.add(x, e.Name)
	}
}

const (
	// natLifetime is how long a NAT must remember a UDP mapping at least (RFC 4787,
	// REQ-5: two minutes); many remember 30 s to 3 min, so what is sent less often
	// than this comes too late for some.
	natLifetime = 120
	// goodQualify is below the shortest of them with room for a lost packet.
	goodQualify = 25
)

// qualify is about phones whose NAT forgets them between two OPTIONS.
func qualify(v *view) {
	if !v.phonesOutside() {
		return
	}
	for _, e := range v.dynamic {
		for _, a := range v.aorsOf(e) {
			o := a.Find("qualify_frequency")
			want := "qualify_frequency=" + strconv.Itoa(goodQualify)
			x := Fault{Severity: warning, Confidence: possible, Reload: "pjsip", Source: docsNAT}
			switch {
			case !takesContacts(a):
				continue
			case o == nil:
				at := v.origin(a)
				x.ID, x.Severity, x.Lines, x.Edits = "qualify-off", info, []Line{header(at, want)}, []Edit{addTo(at, want)}
			case number(o.Value) == 0:
				x.ID, x.Severity, x.Lines, x.Edits = "qualify-off", info, []Line{line(o, want)}, []Edit{replace(a, o, want)}
			case number(o.Value) > natLifetime:
				x.ID, x.key, x.Lines, x.Edits = "qualify-slow", o.Value, []Line{line(o, want)}, []Edit{replace(a, o, want)}
				x.Args = words.Args{"seconds": number(o.Value), "lifetime": natLifetime}
			default:
				continue
			}
			v.add(x, e.Name)
		}
	}
}

// aors is about places to register to that refuse every registration, or that no
// phone finds.
func aors(v *view) {
	for _, e := range v.kinds["endpoint"] {
		list := v.aorsOf(e)
		o := e.Find("aors")
		if o == nil {
			v.noAORs(e)
			continue
		}
		for _, a := range list {
			v.aor(e, a, o)
		}
	}
}

func (v *view) noAORs(e *section) {
	if len(v.identified[e.Name]) > 0 || isAnonymous(e) || !v.complete("endpoint") || v.wizards[e.Name] {
		return // calls come in; nobody calls it
	}
	x := Fault{ID: "no-aors", Severity: warning, Confidence: certain, Lines: []Line{header(e, "aors="+e.Name)}, Reload: "pjsip", Source: docsTrouble}
	if a := v.named("aor", e.Name); a != nil {
		x.Severity, x.Lines, x.Edits = critical, append(x.Lines, header(a, "")), []Edit{addTo(e, "aors="+e.Name)}
	}
	v.add(x, e.Name)
}

func (v *view) aor(e, a *section, aors *option) {
	static, most := a.Last("contact") != "", a.Find("max_contacts")
	if !static && !takesContacts(a) && (most == nil || most.Value != "") {
		x := Fault{ID: "no-max-contacts", Severity: critical, Confidence: certain, Reload: "pjsip", Source: docsTrouble}
		if most == nil {
			at := v.origin(a)
			x.Lines, x.Edits = []Line{header(at, "max_contacts=1")}, []Edit{addTo(at, "max_contacts=1")}
		} else {
			x.Lines, x.Edits = []Line{line(most, "max_contacts=1")}, []Edit{replace(a, most, "max_contacts=1")}
		}
		v.add(x, a.Name)
		return
	}
	v.crowded(e, a)
	// A phone registers to the name that it calls itself by (the user of To), and
	// is recognised by the same name (the user of From).
	if takesContacts(a) && !static && a.Name != e.Name && byName(e) && len(asterisk.Items(aors.Value)) == 1 && len(v.kinds["domain_alias"]) == 0 {
		v.add(Fault{ID: "aor-name", Severity: warning, Confidence: likely, Lines: []Line{line(aors, "aors="+e.Name), header(a, "["+e.Name+"]")}, Source: docsTrouble,
			Args: words.Args{"aor": words.Raw(a.Name)}, key: a.Name}, e.Name)
	}
}

// crowded is about a phone that comes back from another address or port, as after a
// power cut or behind NAT: its old contact fills the place until it expires.
func (v *view) crowded(e, a *section) {
	if n := number(a.Last("max_contacts")); n == 0 || n > 1 || asterisk.Yes(a.Last("remove_existing")) || asterisk.Yes(a.Last("remove_unavailable")) {
		return
	}
	const want = "remove_existing=yes"
	at := v.origin(a)
	x := Fault{ID: "remove-existing", Severity: info, Confidence: possible, Lines: []Line{header(at, want)}, Edits: []Edit{addTo(at, want)}, Reload: "pjsip", Source: docsTrouble}
	if o := a.Find("remove_existing"); o != nil {
		x.Lines, x.Edits = []Line{line(o, want)}, []Edit{replace(a, o, want)}
	}
	if v.phonesOutside() {
		x.Severity = warning
	}
	v.add(x, e.Name)
}

// byName reports whether an endpoint is recognised by the user of From alone.
func byName(e *section) bool {
	o := e.Find("identify_by")
	return o == nil || slices.Contains(asterisk.Items(o.Value), "username") && !slices.Contains(asterisk.Items(o.Value), "auth_username")
}

// isAnonymous reports the endpoint that takes the calls of everybody.
func isAnonymous(e *section) bool {
	return e.Name == "anonymous" || len(e.Name) > 10 && e.Name[:10] == "anonymous@"
}
