package asteriskconfig

import (
	"strings"

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
			if !v.dialled(i.Context) && !strings.Contains(i.Context, "$") && i.Context != removed && i.Context != "parkedcalls" && !strings.HasSuffix(i.Context, "-custom") {
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
	if v.dialled(name) || strings.Contains(name, "$") || name == removed {
		return
	}
	o := e.Find("context")
	x := Fault{ID: "no-context", Severity: critical, Confidence: certain, Args: words.Args{"context": words.Raw(name), "nearest": "none", "set": o != nil}, key: name, Reload: reload, Source: docsTrouble}
	want := ""
	if nearest := v.nearestContext(name); nearest != "" {
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

// nearestContext is the context that was meant by a name, for the first names that are
// asked about.
func (v *view) nearestContext(name string) string {
	nearest, known := v.meant[name]
	if known || len(v.meant) >= mostAlike {
		return nearest
	}
	var names []string
	for _, c := range v.Dialplan.Contexts {
		names = append(names, c.Name)
	}
	v.meant[name] = nearestName(name, names)
	return v.meant[name]
}
