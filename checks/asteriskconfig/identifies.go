package asteriskconfig

import (
	"net/netip"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// matched is one address or network of an identify object.
type matched struct {
	net netip.Prefix
	o   *option
	s   *section
}

// maxMatched bounds the networks that are compared with each other.
const maxMatched = 2000

// identifies is about endpoints that are recognised by address.
func identifies(v *view) {
	var seen []matched
	for _, i := range v.kinds["identify"] {
		if i.Last("endpoint") == "" {
			v.add(Fault{ID: "identify-endpoint", Severity: critical, Confidence: certain, Lines: []Line{header(i, "endpoint=")}, Reload: "pjsip", Source: docsTrouble}, i.Name)
		}
		if i.Last("match") == "" && i.Last("match_header") == "" && i.Last("match_request_uri") == "" {
			v.add(Fault{ID: "identify-nothing", Severity: critical, Confidence: certain, Lines: []Line{header(i, "match=")}, Reload: "pjsip", Source: docsTrouble}, i.Name)
		}
		for k := range i.Options {
			o := &i.Options[k]
			if !strings.EqualFold(o.Name, "match") {
				continue
			}
			for _, item := range asterisk.Items(o.Value) {
				if p, ok := v.match(i, o, item); ok && i.Last("match_header") == "" && len(seen) < maxMatched {
					v.overlaps(seen, matched{p, o, i})
					seen = append(seen, matched{p, o, i})
				}
			}
		}
	}
}

// match judges one address, network or name of an identify object; ok is false
// where it is no network, or all.
func (v *view) match(i *section, o *option, item string) (p netip.Prefix, ok bool) {
	p, ok = asterisk.Prefix(item)
	switch {
	case !ok && !strings.ContainsAny(item, "/!") && item != removed:
		major := asterisk.MajorVersion(v.o.Version)
		v.add(Fault{ID: "identify-name", Severity: info, Confidence: certain, Args: words.Args{"old": major > 0 && major < firstWithNames},
			Lines: []Line{line(o, "")}, Source: docsTrouble}, i.Name)
	case ok && p.Bits() == 0:
		v.add(Fault{ID: "identify-everyone", Severity: critical, Confidence: certain, key: o.At(), Lines: []Line{line(o, "")}, Args: words.Args{"endpoint": words.Raw(i.Last("endpoint"))},
			Edits: []Edit{drop(i, o)}, Reload: "pjsip", Source: docsTrouble}, i.Name)
		return p, false
	}
	return p, ok
}

// overlaps is about an address that two endpoints claim.
func (v *view) overlaps(seen []matched, m matched) {
	for _, old := range seen {
		if old.net.Overlaps(m.net) && old.s.Last("endpoint") != m.s.Last("endpoint") {
			v.add(Fault{ID: "identify-overlap", Severity: warning, Confidence: certain, key: m.o.At() + old.o.At(), Lines: []Line{line(old.o, ""), line(m.o, "")},
				Args: words.Args{"first": words.Raw(old.s.Last("endpoint")), "second": words.Raw(m.s.Last("endpoint"))}, Source: docsTrouble}, m.s.Name)
		}
	}
}

// firstWithNames is the release from which on "match" takes names of hosts (13.0
// had addresses alone).
const firstWithNames = 14
