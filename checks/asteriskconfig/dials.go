package asteriskconfig

import (
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// dials is about channels that the dialplan calls in vain.
func dials(v *view) {
	reached := v.reached()
	for _, d := range v.Dialplan.Dials {
		got := Line{At: d.At, Got: d.Tech + "/" + clip(d.Target)}
		name := peerOf(d.Target)
		switch {
		case d.Tech == "SIP" && v.noChanSIP(name):
			got.Want = "PJSIP/" + clip(d.Target)
			x := Fault{ID: "dials-sip", Severity: critical, Confidence: certain, Lines: []Line{got}, Source: docsTrouble}
			switch {
			case v.o.Kinds.Endpoints == 0: // the example that Asterisk comes with
				x.Severity = info
			case !reached[strings.ToLower(d.Context)]: // it may be a left-over of that
				x.key, x.Severity, x.Confidence = "left-over", warning, possible
			case v.sipUnsure(): // what is not among the files may exist all the same
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

// reached are the contexts that calls from phones and trunks come to by includes,
// in lower case. Goto and Gosub lead to others.
func (v *view) reached() map[string]bool {
	includes := map[string][]string{}
	for _, c := range v.Dialplan.Contexts {
		for _, i := range c.Includes {
			name := strings.ToLower(c.Name)
			includes[name] = append(includes[name], strings.ToLower(i.Context))
		}
	}
	var todo []string
	for _, e := range v.kinds["endpoint"] {
		todo = append(todo, strings.ToLower(contextOf(e)))
	}
	seen := map[string]bool{}
	for len(todo) > 0 {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !seen[name] {
			seen[name] = true
			todo = append(todo, includes[name]...)
		}
	}
	return seen
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
