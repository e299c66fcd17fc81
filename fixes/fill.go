package fixes

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// defaultValues are sensible on every network.
func defaultValues() map[string]string {
	return map[string]string{
		"SIPPort": "5060",
		// RFC 4787, REQ-5 recommends five minutes or more for UDP mappings, and
		// the providers that publish a figure ask for no more than that.
		"UDPTimeout": "300",
	}
}

var variablePattern = regexp.MustCompile(`\{\{\.([A-Za-z]+)\}\}`)

// isPlaceholder reports whether v is for the reader to replace: "<address>".
func isPlaceholder(v string) bool {
	return len(v) > 2 && v[0] == '<' && v[len(v)-1] == '>' && !strings.ContainsAny(v[1:len(v)-1], "<>{}\n\r`$")
}

// hostValues are the variables that the host itself answers.
func hostValues(h *netinfo.Host) map[string]string {
	m := map[string]string{}
	if h == nil {
		return m
	}
	if h.Uplink.Gateway.IsValid() {
		m["Router"] = h.Uplink.Gateway.String()
	}
	for _, a := range h.Uplink.Local {
		if a.Is4() {
			m["Phone"] = a.String()
			break
		}
	}
	return m
}

// values merges what is known, the best source last. Empty and unsafe values
// of the caller count as unknown.
func values(r row, h *netinfo.Host, vars map[string]string) map[string]string {
	m := defaultValues()
	maps.Copy(m, r.Defaults)
	for _, src := range []map[string]string{hostValues(h), vars} {
		for k, v := range src {
			if command.IsPlain(v) {
				m[k] = v
			}
		}
	}
	// Some boxes write a range in another way than "10000-20000".
	if first, last, ok := strings.Cut(vars["RTPRange"], "-"); ok && m["RTPRange"] == vars["RTPRange"] && vars["RTPFirst"] == "" {
		m["RTPFirst"], m["RTPLast"] = first, last
	}
	return m
}

// build makes the Fix of a row, in English. ok is false when a variable of it is
// unknown.
func (r row) build(platform string, vals map[string]string) (f Fix, ok bool) {
	f = Fix{
		ID: r.ID, Where: r.Where, Platform: platform, Form: r.Form, Persistent: r.Persistent, Unverified: r.Unverified,
		Source: r.Source, Choice: r.Problem == ExemptAddress, ReliesOn: r.ReliesOn, IfProven: r.IfProven,
	}
	x := filling{vals: vals, lang: words.English, ok: true, used: words.Args{}}
	f.UnverifiedLines = x.all(r.UnverifiedLines)
	x.say(&f, r)
	if len(x.used) > 0 {
		f.Args = x.used
	}
	return f, x.ok
}

// filling fills the lines of a row with values.
type filling struct {
	vals    map[string]string
	lang    words.Lang
	ok      bool // all values are known; otherwise the lines must not be shown
	used    words.Args
	replace []string // values that the reader must replace
}

// say writes the words and lines of r into f.
func (x *filling) say(f *Fix, r row) {
	r = r.in(x.lang)
	f.Title = x.one(r.Title)
	f.Commands, f.Undo = x.all(r.Commands), x.all(r.Undo)
	f.Verify = slices.Concat(x.all(r.Verify), x.all(checkCommand(r.Problem)))
	f.Makers = slices.Clone(r.makers)
	f.Note = x.one(r.Note)
	slices.Sort(x.replace)
	if list := slices.Compact(x.replace); len(list) > 0 {
		f.Note = sentence(f.Note, say(x.lang, "fixes.own-values", words.Args{"values": list}))
	}
}

func (x *filling) one(line string) string {
	out := variablePattern.ReplaceAllStringFunc(line, func(m string) string {
		name := strings.TrimSuffix(strings.TrimPrefix(m, "{{."), "}}")
		v, known := x.vals[name]
		x.ok = x.ok && known
		x.used[name] = v
		if isPlaceholder(v) {
			x.replace = append(x.replace, phraseIn(v, x.lang))
		}
		return v
	})
	return placeholdersIn(out, x.lang)
}

func (x *filling) all(list []string) (out []string) {
	for _, s := range list {
		out = append(out, x.one(s))
	}
	return out
}

// in is the row in another language, as far as it is translated.
func (r row) in(l words.Lang) row {
	t := r.Translations[l]
	r.Title, r.Note = cmp.Or(t.Title, r.Title), cmp.Or(t.Note, r.Note)
	for _, lines := range []struct {
		into *[]string
		from []string
	}{{&r.Commands, t.Commands}, {&r.Undo, t.Undo}, {&r.Verify, t.Verify}, {&r.makers, t.makers}} {
		if len(lines.from) > 0 {
			*lines.into = lines.from
		}
	}
	return r
}

// sentence joins two sentences, either of which may be empty.
func sentence(a, b string) string { return strings.TrimSpace(a + " " + b) }

// checkCommand is how the program itself verifies a cure.
func checkCommand(problem string) []string {
	switch problem {
	case SIPALG, SIPPortBlocked:
		return []string{"sipdoctor check sip-alg"}
	case SymmetricNAT, DoubleNAT:
		return []string{"sipdoctor check nat"}
	case RTPPorts:
		return []string{"sipdoctor check rtp-ports"}
	case UDPTimeout:
		return []string{"sipdoctor check nat-lifetime"}
	case DNSServer, DNSRedirect, DNSRebind, DNSRecords:
		return []string{"sipdoctor check dns"}
	case TLSCertificate, Clock:
		return []string{"sipdoctor check signalling"}
	case ExemptAddress, LetIn:
		return []string{"sipdoctor why {{.Address}}"}
	case Fragments, TCPMSS:
		return []string{"sipdoctor check fragments"}
	case RTPForward:
		return []string{"sipdoctor check rtp-ports --inbound"}
	}
	return nil
}
