package asteriskconfig

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// contexts is about parts of the dialplan that are named and do not exist, and
// extensions that nobody can dial.
func contexts(v *view) {
	if !v.Whole("extensions.conf") {
		return
	}
	for _, e := range v.kinds["endpoint"] {
		v.context(e, "pjsip")
	}
	if v.loadsChanSIP() {
		for _, p := range v.SIP {
			if isPeer(p) && p.Last("context") != "" {
				v.context(p, "sip")
			}
		}
	}
	for _, c := range v.Dialplan.Contexts {
		for _, i := range c.Includes {
			// FreePBX includes contexts for everybody to make.
			if !v.Dialplan.Has(i.Context) && !strings.Contains(i.Context, "$") && i.Context != removed && i.Context != "parkedcalls" && !strings.HasSuffix(i.Context, "-custom") {
				v.add(Fault{ID: "include-missing", Severity: info, Confidence: certain, Args: words.Args{"context": words.Raw(i.Context)}, key: i.Context,
					Lines: []Line{{At: i.At, Got: "include => " + clip(i.Context)}}, Source: docsDialplan}, c.Name)
			}
		}
		for _, x := range c.NoFirst {
			v.add(Fault{ID: "no-first-priority", Severity: warning, Confidence: certain, Args: words.Args{"context": words.Raw(c.Name)}, key: c.Name, Source: docsDialplan,
				Lines: []Line{{At: x.At, Want: "exten => " + clip(x.Name) + ",1,…", Got: "exten => " + clip(x.Name) + ",…"}}}, x.Name)
		}
	}
}

func (v *view) context(e *section, reload string) {
	name := contextOf(e)
	if v.Dialplan.Has(name) || strings.Contains(name, "$") || name == removed {
		return
	}
	o := e.Find("context")
	x := Fault{ID: "no-context", Severity: critical, Confidence: certain, Args: words.Args{"context": words.Raw(name), "nearest": "none", "set": o != nil}, key: name, Reload: reload, Source: docsTrouble}
	var names []string
	for _, c := range v.Dialplan.Contexts {
		names = append(names, c.Name)
	}
	want := ""
	if nearest := nearestName(name, names); nearest != "" {
		want, x.Args["nearest"] = "context="+nearest, words.Raw(nearest)
	}
	if o == nil {
		x.Lines = []Line{header(e, "context=")}
	} else {
		x.Lines = []Line{line(o, want)}
		if want != "" {
			x.Edits = []Edit{replace(e, o, want)}
		}
	}
	v.add(x, e.Name)
}

// dials is about channels that the dialplan calls in vain.
func dials(v *view) {
	for _, d := range v.Dialplan.Dials {
		got := Line{At: d.At, Got: d.Tech + "/" + clip(d.Target)}
		name := peerOf(d.Target)
		switch {
		case d.Tech == "SIP" && v.noChanSIP(name):
			got.Want = "PJSIP/" + clip(d.Target)
			x := Fault{ID: "dials-sip", Severity: critical, Confidence: certain, Lines: []Line{got}, Source: docsTrouble}
			if v.o.Kinds.Endpoints == 0 { // the example that Asterisk comes with
				x.Severity = info
			}
			if v.sipUnsure() { // what is not among the files may exist all the same
				x.Confidence = likely
			}
			v.add(x, name)
		case d.Tech == "PJSIP" && name != "" && v.complete("endpoint") && v.named("endpoint", name) == nil && !v.wizards[name]:
			x := Fault{ID: "dials-unknown", Severity: warning, Confidence: certain, key: name, Args: words.Args{"name": words.Raw(name)}, Lines: []Line{got}, Source: docsTrouble}
			if p := v.byName[""][name]; p != nil {
				x.Lines = append(x.Lines, header(p, "type=endpoint"))
			}
			v.add(x, name)
		}
	}
}

// peerOf is the endpoint of "201", "${EXTEN}@trunk" and "trunk/sip:…"; empty where
// a variable decides.
func peerOf(target string) string {
	name := target[strings.LastIndexByte(target, '@')+1:]
	if i := strings.IndexByte(target, '/'); i >= 0 {
		name = target[:i]
	}
	if strings.ContainsAny(name, "${}") || strings.HasSuffix(name, removed) {
		return ""
	}
	return name
}

// noChanSIP reports whether SIP/ cannot be dialled: chan_sip is not loaded, or is
// not there any more.
func (v *view) noChanSIP(name string) bool {
	if loads, _ := v.Modules.Loads("chan_sip"); !loads || asterisk.MajorVersion(v.o.Version) > lastWithChanSIP {
		return true
	}
	if v.Has("sip.conf") || !v.Has("pjsip.conf") {
		return false
	}
	// Without sip.conf chan_sip does not start.
	return v.named("endpoint", name) != nil || !v.o.Saved
}

func (v *view) sipUnsure() bool {
	loads, _ := v.Modules.Loads("chan_sip")
	return loads && asterisk.MajorVersion(v.o.Version) <= lastWithChanSIP && v.o.Saved
}

// mailboxes is about lamps that do not light: a mailbox that is told in both ways,
// and one whose name lacks its context.
func mailboxes(v *view) {
	for _, e := range v.kinds["endpoint"] {
		own := e.Find("mailboxes")
		for _, a := range v.aorsOf(e) {
			o := a.Find("mailboxes")
			if own == nil || o == nil {
				continue
			}
			for _, box := range asterisk.Items(o.Value) {
				if slices.Contains(asterisk.Items(own.Value), box) && !asterisk.Yes(e.Last("mwi_subscribe_replaces_unsolicited")) {
					v.add(Fault{ID: "mwi-twice", Severity: warning, Confidence: certain, Lines: []Line{line(own, ""), line(o, "")}, Reload: "pjsip", Source: docsTrouble,
						Edits: []Edit{drop(e, own)}}, e.Name)
				}
			}
		}
	}
	for _, s := range slices.Concat(v.kinds["endpoint"], v.kinds["aor"]) {
		if o := s.Find("mailboxes"); o != nil && o.Value != "" && !strings.Contains(o.Value, "@") && o.Value != removed {
			want := "mailboxes=" + strings.Join(asterisk.Items(o.Value), "@default,") + "@default"
			v.add(Fault{ID: "mailbox-context", Severity: warning, Confidence: likely, Lines: []Line{line(o, want)}, Edits: []Edit{replace(s, o, want)}, Reload: "pjsip", Source: docsTrouble}, s.Name)
		}
	}
}

// hints is about lamps of phones whose context reaches no hint, while others have
// some: their subscriptions get 404.
func hints(v *view) {
	some := slices.ContainsFunc(v.Dialplan.Contexts, func(c asterisk.Context) bool { return c.Hints > 0 })
	if !some || !v.Whole("extensions.conf") {
		return
	}
	known := map[string]bool{}
	for _, e := range v.dynamic {
		name := e.Last("subscribe_context")
		if name == "" {
			name = contextOf(e)
		}
		reaches, asked := known[name]
		if !asked {
			reaches = v.reachesHint(name)
			known[name] = reaches
		}
		if !reaches {
			x := Fault{ID: "hints-elsewhere", Severity: info, Confidence: likely, key: name, Args: words.Args{"context": words.Raw(name)}, Source: docsTrouble, Lines: []Line{header(e, "")}}
			if o := e.Find("context"); o != nil {
				x.Lines = []Line{line(o, "")}
			}
			v.add(x, e.Name)
		}
	}
}

// reachesHint follows the includes of a context. One that is not known, or comes
// from elsewhere, may have any.
func (v *view) reachesHint(name string) bool {
	seen, todo := map[string]bool{}, []string{strings.ToLower(name)}
	for len(todo) > 0 {
		at := todo[0]
		todo = todo[1:]
		if seen[at] {
			continue
		}
		seen[at] = true
		i := slices.IndexFunc(v.Dialplan.Contexts, func(c asterisk.Context) bool { return strings.EqualFold(c.Name, at) })
		if i < 0 || v.Dialplan.Contexts[i].Hints > 0 {
			return true
		}
		for _, next := range v.Dialplan.Contexts[i].Includes {
			todo = append(todo, strings.ToLower(next.Context))
		}
	}
	return false
}

// showsPhones reports whether the dialplan shows the state of phones.
func (v *view) showsPhones() bool {
	return slices.ContainsFunc(v.Dialplan.Dials, func(d asterisk.Dial) bool { return d.Hint && d.Tech == "PJSIP" })
}
