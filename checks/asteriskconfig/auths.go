package asteriskconfig

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
)

// auths is about passwords: those that Asterisk refuses, and those that strangers
// guess. None of them is shown.
func auths(v *view) {
	inbound := v.inbound()
	groups := map[int][]*section{}
	for _, a := range v.kinds["auth"] {
		v.incomplete(a, inbound[a.Name])
		o := a.Find("password")
		if o == nil || o.Secret == nil || !inbound[a.Name] { // the password of a trunk is the provider's choice
			continue
		}
		v.weak(a, o)
		if g := o.Secret.Group; g > 0 {
			groups[g] = append(groups[g], a)
		}
	}
	v.shared(groups, "password")
	v.loginCase()
}

// loginCase is about a login that differs from the name of its endpoint by the case
// of its letters alone: phones send the one, and Asterisk wants the other.
func (v *view) loginCase() {
	for _, e := range v.kinds["endpoint"] {
		for _, name := range asterisk.Items(e.Last("auth")) {
			a := v.named("auth", name)
			if a == nil {
				continue
			}
			if o := a.Find("username"); o != nil && o.Value != e.Name && strings.EqualFold(o.Value, e.Name) {
				want := "username=" + e.Name
				v.add(Fault{ID: "login-case", Severity: warning, Confidence: likely, Lines: []Line{line(o, want)}, Edits: []Edit{replace(a, o, want)}, Reload: "pjsip", Source: docsTrouble}, e.Name)
			}
		}
	}
}

// inbound are the auth objects that phones are asked for.
func (v *view) inbound() map[string]bool {
	names := map[string]bool{}
	for _, e := range v.kinds["endpoint"] {
		for _, name := range asterisk.Items(e.Last("auth")) {
			names[name] = true
		}
	}
	return names
}

// incomplete is about auth objects that Asterisk refuses, or with which nobody can
// log in.
func (v *view) incomplete(a *section, inbound bool) {
	kind := strings.ToLower(a.Last("auth_type"))
	user, password, digest := a.Find("username"), a.Find("password"), a.Find("md5_cred")
	x := Fault{ID: "auth-incomplete", Severity: critical, Confidence: certain, Reload: "pjsip", Source: docsTrouble}
	switch {
	case kind == "google_oauth" || kind == "digest":
		return
	case user == nil || user.Value == "":
		x.Variant, x.Lines = "username", []Line{header(a, "username=")}
		if inbound { // that of a trunk is the provider's choice
			x.Lines[0].Want, x.Edits = "username="+a.Name, []Edit{addTo(a, "username="+a.Name)}
		}
	case kind == "md5" && digest == nil:
		x.Variant, x.Lines = "digest", []Line{header(a, "md5_cred=")}
	case digest != nil && digest.Secret != nil && digest.Secret.Weak == asterisk.SecretLength && kind == "md5":
		x.Variant, x.Lines = "digest", []Line{line(digest, "")}
	case digest != nil && (kind == "" || kind == "userpass") && password == nil:
		if v.o.Version == "" {
			x.Severity, x.Confidence = warning, likely // releases with password_digest take it as it is
		} else if v.digests() {
			return
		}
		x.Variant, x.Lines, x.Edits = "type", []Line{line(digest, ""), header(a, "auth_type=md5")}, []Edit{addTo(a, "auth_type=md5")}
	case (kind == "" || kind == "userpass") && (password == nil || password.Secret != nil && password.Secret.Weak == asterisk.SecretEmpty):
		x.Variant, x.Lines = "password", []Line{header(a, "password=")}
		if a.Find("password_digest") != nil {
			return
		}
	default:
		return
	}
	v.add(x, a.Name)
}

// digests reports whether the server has the option password_digest, and takes a
// digest for what it is.
func (v *view) digests() bool {
	return v.o.Version != "" && asterisk.Since("auth", "password_digest", v.o.Version) == ""
}

// weak is about one password that is easily guessed.
func (v *view) weak(s *section, o *option) {
	severity := warning
	switch o.Secret.Weak {
	case "", asterisk.SecretEmpty, asterisk.SecretLength:
		return
	case asterisk.SecretSame, asterisk.SecretCommon:
		severity = critical
	}
	v.add(Fault{ID: "weak-password", Variant: string(o.Secret.Weak), Severity: severity, Confidence: certain, Lines: []Line{line(o, "")}}, s.Name)
}

// shared is about one password of several accounts.
func (v *view) shared(groups map[int][]*section, option string) {
	for _, g := range slices.Sorted(maps.Keys(groups)) {
		list := groups[g]
		if len(list) < 2 {
			continue
		}
		for _, s := range list {
			o := s.Find(option)
			v.add(Fault{ID: "shared-password", Severity: warning, Confidence: certain, key: strconv.Itoa(g), Lines: []Line{line(o, "")}}, s.Name)
		}
	}
}
