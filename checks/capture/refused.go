package capture

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// refused are exchanges that ended with an error.
func refused(v *view) (out []checks.Finding) {
	const id = "capture.refused"
	var groups cases
	passed := map[*exchange]*exchange{} // by what became of the next leg
	for _, x := range v.calls {
		t := x.main()
		if v.found[x] != "" || x.outcome() != outcomeRejected {
			continue
		}
		if n := v.next(x); n != nil {
			passed[x] = n
			continue
		}
		cause, _ := t.finalTo.cause()
		key := t.first.Method + " " + t.finalTo.Phrase + " " + strconv.Itoa(cause) + " " + t.server.Addr().String()
		groups.add(v, id, key, x, t, append([]checks.Evidence{frame(t.finalTo, nil)}, says(t.finalTo)...)...)
	}
	for x, n := range passed {
		for range maxLegs { // a chain of PBXs ends; what is no chain must, too
			if passed[n] == nil {
				break
			}
			n = passed[n]
		}
		v.found[x] = cmp.Or(v.found[n], id)
	}
	for _, g := range groups.list {
		out = append(out, v.refusedBy(id, g))
	}
	return out
}

func (v *view) refusedBy(id string, g *group) checks.Finding {
	t := g.first()
	meaning, _ := netinfo.ExplainSIP(t.final(), t.finalTo.Phrase)
	f := checks.Finding{
		ID: id, Severity: severityOf(t.first.Method, t.final()), Confidence: checks.Certain, Subject: subject(t.server), Evidence: g.proof,
		Args: words.Args{"method": t.first.Method, "code": t.final(), "phrase": words.Raw(t.finalTo.Phrase), "n": len(g.list), "server": who(t.server),
			"meaning": meaning.Meaning, "next": meaning.Next, "hints": len(meaning.Next)},
	}
	if meaning.Vendor && f.Severity == checks.Info && !everyday(meaning.Class) {
		f.Severity = checks.Critical // 480 No Money Left is not a phone that is off
	}
	if number, ok := t.finalTo.cause(); ok {
		if list := netinfo.Explain(fmt.Sprintf("cause=%d", number)); len(list) > 0 {
			c := list[0]
			f.Variant = "cause"
			f.Args["number"], f.Args["name"], f.Args["cause"] = number, c.Names[0], c.Says
			if len(c.Next) > 0 {
				f.Args["next"], f.Args["hints"] = c.Next, len(c.Next)
			}
			if f.Severity == checks.Info && !everyday(c.Class) {
				f.Severity = checks.Warning
			}
		}
	}
	if t.request != nil && v.acceptedLater(t) {
		f.Severity = checks.Info
	}
	return f
}

// everyday reports whether a class of causes (see netinfo.SIPCode) is about people
// and numbers, and not about a fault.
func everyday(class string) bool {
	for c := range strings.SplitSeq(class, "/") {
		switch c {
		case "ok", "progress", "routing", "policy":
		default:
			return false
		}
	}
	return true
}

var (
	reasonQ850 = regexp.MustCompile(`(?i)^reason\s*:.*q\.?850\s*;.*?cause\s*=\s*"?(\d{1,3})`)
	codeField  = regexp.MustCompile(`(?i)^x-asterisk-hangupcausecode\s*:\s*(\d{1,3})`)
)

// cause is the ITU-T Q.850 cause by which a message says more than its code
// (RFC 3326; Asterisk's own header fields). ok is false where there is none, or only
// one that says nothing: normal clearing and the two that mean "something else".
func (m *Message) cause() (number int, ok bool) {
	for _, s := range m.Says {
		found := reasonQ850.FindStringSubmatch(s)
		if found == nil {
			found = codeField.FindStringSubmatch(s)
		}
		if found != nil {
			number, _ = strconv.Atoi(found[1])
		}
	}
	switch number {
	case 0, 16, 31, 127:
		return 0, false
	}
	return number, true
}

// severityOf is how bad an answer is. That somebody is busy, does not answer or is
// not there is everyday life.
func severityOf(method string, code int) checks.Severity {
	switch code {
	case 480, 486, 487, 600, 603, 302, 301, 300:
		return checks.Info
	case 423, 422, 491, 481:
		return checks.Info
	}
	if method == "INVITE" || method == "REGISTER" {
		return checks.Critical
	}
	return checks.Info
}

// says are the header fields by which an answer explains itself.
func says(m *Message) (out []checks.Evidence) {
	for _, s := range m.Says {
		name, value, _ := strings.Cut(s, ":")
		out = append(out, checks.Proof(strings.TrimSpace(name), nil, words.Raw(strings.TrimSpace(value))))
	}
	return out
}
