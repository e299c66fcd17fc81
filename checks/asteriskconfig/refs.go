package asteriskconfig

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// reference is an option that names objects of a type.
type reference struct{ from, option, to string }

// references is about names of objects that do not exist.
func references(v *view) {
	for _, r := range []reference{
		{"endpoint", "aors", "aor"}, {"endpoint", "auth", "auth"}, {"endpoint", "outbound_auth", "auth"}, {"endpoint", "transport", "transport"},
		{"registration", "outbound_auth", "auth"}, {"registration", "transport", "transport"}, {"registration", "endpoint", "endpoint"}, {"identify", "endpoint", "endpoint"},
	} {
		if !v.complete(r.to) {
			continue
		}
		for _, s := range v.kinds[r.from] {
			o := s.Find(r.option)
			if o == nil {
				continue
			}
			for _, name := range asterisk.Items(o.Value) {
				if name == removed || v.named(r.to, name) != nil || r.to != "transport" && v.wizards[name] {
					continue
				}
				v.missing(s, o, r, name)
			}
		}
	}
}

// removed stands in a support bundle for what may be a password.
const removed = "[removed]"

func (v *view) missing(s *section, o *option, r reference, name string) {
	x := Fault{ID: "missing-object", Severity: critical, Confidence: certain, key: o.At(), Reload: "pjsip", Source: docsTrouble, Lines: []Line{line(o, "")},
		Args: words.Args{"option": r.option, "to": r.to, "name": words.Raw(name), "nearest": "none"}}
	nearest := ""
	if !v.full("missing-object", "") {
		var names []string
		for _, k := range v.kinds[r.to] {
			names = append(names, k.Name)
		}
		nearest = nearestName(name, names)
	}
	if nearest != "" && !strings.Contains(o.Value, ",") {
		x.Args["nearest"] = words.Raw(nearest)
		x.Lines[0].Want = r.option + "=" + nearest
		x.Edits = []Edit{replace(s, o, r.option+"="+nearest)}
	}
	// The object may be there, and not be one: its section lacks the type.
	if p := v.byName[""][name]; p != nil {
		x.Lines = append(x.Lines, header(p, "type="+r.to))
	}
	v.add(x, s.Name)
}

// nearestName is a name that was most likely meant: one that differs by the case
// of its letters, or by a letter.
func nearestName(name string, list []string) string {
	i := slices.IndexFunc(list, func(x string) bool { return strings.EqualFold(x, name) })
	if i >= 0 {
		return list[i]
	}
	if len(name) < 5 || strings.Trim(name, "0123456789") == "" {
		return "" // one digit more is another extension
	}
	return asterisk.Nearest(name, list)
}

// openEndpoints is about endpoints that ask nobody for a password.
func openEndpoints(v *view) {
	for _, e := range v.kinds["endpoint"] {
		if e.Find("auth") != nil {
			continue
		}
		guarded := e.Find("permit") != nil || e.Find("deny") != nil || e.Find("acl") != nil || len(v.kinds["acl"]) > 0
		dynamic := slices.ContainsFunc(v.aorsOf(e), takesContacts)
		byAddress := len(v.identified[e.Name]) > 0
		x := Fault{Confidence: certain, Lines: []Line{header(e, "auth=")}, Reload: "pjsip", Source: docsTrouble}
		switch {
		case guarded || v.wizards[e.Name]:
			continue
		case isAnonymous(e):
			if !v.sharesContext(e) {
				continue
			}
			x.ID, x.Severity = "anonymous", critical
			if o := e.Find("context"); o != nil {
				x.Lines = append(x.Lines, line(o, ""))
			}
		case dynamic && !byAddress:
			x.ID, x.Severity = "open", critical
			if !v.complete("identify") { // it may be recognised by its address
				x.Severity, x.Confidence = warning, likely
			}
			if a := v.named("auth", e.Name); a != nil {
				x.Lines[0].Want = "auth=" + e.Name
				x.Edits = []Edit{addTo(e, "auth="+e.Name)}
			}
		case !byAddress && v.complete("identify") && byName(e) && len(v.aorsOf(e)) > 0:
			x.ID, x.Severity, x.Lines[0].Want = "open-trunk", warning, "type=identify"
		default:
			continue
		}
		v.add(x, e.Name)
	}
}

// sharesContext reports whether strangers who come in by an endpoint dial where
// phones do.
func (v *view) sharesContext(e *section) bool {
	for _, o := range v.dynamic {
		if o != e && contextOf(o) == contextOf(e) {
			return true
		}
	}
	return false
}

func contextOf(e *section) string {
	if c := e.Last("context"); c != "" {
		return c
	}
	return "default"
}
