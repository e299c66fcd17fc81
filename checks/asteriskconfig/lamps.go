package asteriskconfig

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

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
		c := v.contexts[at]
		if c.At == "" || c.Hints > 0 {
			return true
		}
		for _, next := range c.Includes {
			todo = append(todo, strings.ToLower(next.Context))
		}
	}
	return false
}

// showsPhones reports whether the dialplan shows the state of phones.
func (v *view) showsPhones() bool {
	return slices.ContainsFunc(v.Dialplan.Dials, func(d asterisk.Dial) bool { return d.Hint && d.Tech == "PJSIP" })
}
