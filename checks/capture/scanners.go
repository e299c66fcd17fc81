package capture

import (
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// manyNames are more accounts or numbers than the phones of one place try without
	// ever being let in.
	manyNames = 10
	// sameEnd is how many last digits make a number the same behind other prefixes.
	sameEnd = 8
)

// A stranger is one source with what it tried.
type stranger struct {
	src      netip.Addr
	list     []*exchange
	names    map[string]bool            // that it tried to register, and never proved
	ends     map[string]map[string]bool // numbers that it called, by their last digits
	agent    string                     // of a scanner
	answered int                        // exchanges that a server answered at all
	let      *transaction               // a call or registration that was accepted
	proved   bool                       // it had a password for something
}

// scanners are sources that try names, passwords or numbers: by the name of their
// program, or by what they do. A phone that knows its password is none.
func scanners(v *view) (out []checks.Finding) {
	const id = "capture.scanner"
	for _, s := range v.strangers() {
		variant := s.scans()
		if variant == "" {
			continue
		}
		f := checks.Finding{
			ID: id, Severity: checks.Info, Confidence: checks.Likely, Subject: s.src.String(), Variant: variant,
			Args: words.Args{"source": s.src, "n": len(s.list), "agent": words.Raw(s.agent), "names": len(s.names), "numbers": s.numbers(), "answered": s.answered, "let": 0},
		}
		if s.answered > 0 {
			f.Severity = checks.Warning
		}
		if variant == "agent" {
			f.Confidence = checks.Certain
		}
		for _, x := range s.list[:min(examples, len(s.list))] {
			f.Evidence = append(f.Evidence, frame(&x.Messages[0], nil))
		}
		if s.let != nil {
			f.Severity, f.Args["let"] = checks.Critical, 1
			f.Evidence = append(f.Evidence, frame(s.let.finalTo, nil))
		}
		for _, x := range s.list {
			v.found[x] = id
		}
		if len(out) < maxCases {
			out = append(out, f)
		}
	}
	return out
}

// scans tells by what a source is known for a scanner; empty for one that is none.
func (s *stranger) scans() string {
	switch {
	case s.proved && s.let != nil:
	case s.agent != "":
		return "agent"
	case s.proved || s.let != nil:
	case len(s.names) >= manyNames:
		return "names"
	case s.numbers() >= manyNames:
		return "numbers"
	}
	return ""
}

// numbers is how many forms of one number a source called, at most.
func (s *stranger) numbers() (most int) {
	for _, list := range s.ends {
		most = max(most, len(list))
	}
	return most
}

// strangers are the sources of the capture in its order, with what they tried.
func (v *view) strangers() (list []*stranger) {
	by := map[netip.Addr]*stranger{}
	for _, x := range v.calls {
		t := x.list[0]
		if t.request == nil {
			continue
		}
		s := by[t.client.Addr()]
		if s == nil {
			s = &stranger{src: t.client.Addr(), names: map[string]bool{}, ends: map[string]map[string]bool{}}
			by[s.src] = s
			list = append(list, s)
		}
		s.add(x)
	}
	return list
}

func (s *stranger) add(x *exchange) {
	s.list = append(s.list, x)
	t := x.list[0]
	if s.agent == "" && means(t.request.Agent, "scanner") {
		s.agent = t.request.Agent
	}
	answered := false
	for _, t := range x.list {
		if t.client.Addr() != s.src || t.request == nil {
			continue
		}
		answered = answered || len(t.answers) > 0
		s.proved = s.proved || t.request.Authorized != nil
		if code := t.final(); code >= 200 && code < 300 && (t.first.Method == "INVITE" || t.first.Method == "REGISTER") {
			s.let = t
		}
	}
	if answered {
		s.answered++
	}
	if len(t.answers) == 0 && t.first.Again > 0 {
		return // a phone asks again, and be it one of a banned office; a scanner goes on to the next name
	}
	switch t.first.Method {
	case "REGISTER":
		note(s.names, t.request.To.number())
	case "INVITE":
		if n := digits((Party{URI: t.request.URI}).number()); len(n) > sameEnd {
			end := n[len(n)-sameEnd:]
			if s.ends[end] == nil {
				if len(s.ends) > maxOfDialog {
					return
				}
				s.ends[end] = map[string]bool{}
			}
			note(s.ends[end], n)
		}
	}
}

// note keeps a name, of so many.
func note(set map[string]bool, name string) {
	if len(set) < maxOfDialog {
		set[name] = true
	}
}

func digits(s string) string {
	return string(slices.DeleteFunc([]byte(s), func(c byte) bool { return c < '0' || c > '9' }))
}
