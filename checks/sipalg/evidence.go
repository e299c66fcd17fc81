package sipalg

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// changeEvidence shows the changes of the plainest call that was changed, each
// kind once, then kinds that only other probes met: the three that matter most
// to a phone, what the ALG forgot and which ports it touches, then the rest.
func changeEvidence(o *Observed, paths []Path, verdict string) []checks.Evidence {
	p := plainest(paths)
	if p == nil {
		return nil
	}
	kinds := changedKinds(p, paths)
	first := min(3, len(kinds))
	return slices.Concat(kinds[:first], contradictions(o, p), affected(paths, verdict), kinds[first:])
}

// changedKinds lists each kind of change once, the weightiest first.
func changedKinds(p *Path, paths []Path) []checks.Evidence {
	all := slices.Clone(p.Changes)
	for i := range paths {
		all = append(all, paths[i].Changes...)
	}
	slices.SortStableFunc(all, func(a, b Change) int {
		// "request" goes before "response"
		return cmp.Or(strings.Compare(a.Direction, b.Direction), weight(fields[a.Code].short)-weight(fields[b.Code].short))
	})
	var out []checks.Evidence
	seen := map[string]bool{}
	for _, c := range all {
		// What is undone in the answer is the other half of the same change;
		// only the fields that answers alone have are news.
		name := c.name()
		if seen[name] {
			continue
		}
		seen[name] = true
		before, after := differing(c.Before, c.After)
		if strings.HasPrefix(string(c.Code), "SDP_") {
			before, after = c.Before, c.After // a line of SDP is short and says more as a whole
		}
		what := evidenceSays("change", words.Args{"field": fieldSays(name), "direction": c.Direction})
		out = append(out, checks.Proof(what, c.shown(before), c.shown(after)))
	}
	return out
}

// name is the field of a change, or the line of SDP.
func (c Change) name() string {
	line := cmp.Or(c.Before, c.After)
	if c.Code != sip.SDPAttribute || len(line) < 2 {
		return fields[c.Code].long
	}
	if !strings.HasPrefix(line, "a=") {
		return "SDP " + line[:2]
	}
	name, _, _ := strings.Cut(line, ":")
	return "SDP " + name
}

// answeredByOthers lists the messages that were answered without ever having
// arrived.
func answeredByOthers(paths []Path) []checks.Evidence {
	var out []checks.Evidence
	seen := map[string]bool{}
	for _, p := range paths {
		name := p.name() + " " + p.Message
		if p.probe.Withheld {
			name = p.name() + " OPTIONS"
		}
		if p.Verdict == Proxying && !p.probe.Arrived && !seen[name] {
			seen[name] = true
			out = append(out, checks.Proof(name, evidenceSays("by-responder", nil), p.why.text))
		}
	}
	return out
}

// contradictions lists what the ALG left unchanged or inconsistent.
func contradictions(o *Observed, p *Path) []checks.Evidence {
	var out []checks.Evidence
	c := sip.FindContradictions(p.probe.Sent, p.probe.ArrivedAs, o.Local)
	if c.WrongLength {
		length := evidenceSays("wrong-length", words.Args{"length": c.Length, "body": c.Body})
		out = append(out, checks.Proof(evidenceSays("contradiction", nil), nil, length))
	}
	if len(c.Old) > 0 {
		old := evidenceSays("still-old", words.Args{"places": c.Old, "address": o.Local})
		out = append(out, checks.Proof(evidenceSays("not-rewritten", nil), nil, old))
	}
	return out
}

// differing cuts two values down to the words in which they differ.
func differing(before, after string) (string, string) {
	start := commonPrefix(before, after)
	for start > 0 && !separates(before[start-1]) {
		start--
	}
	b, a := before[start:], after[start:]
	end := 0
	for end < min(len(b), len(a)) && b[len(b)-1-end] == a[len(a)-1-end] {
		end++
	}
	for end > 0 && !separates(b[len(b)-end]) {
		end--
	}
	b, a = b[:len(b)-end], a[:len(a)-end]
	if b == "" || a == "" {
		return before, after // one is the other with something added: show all of it
	}
	return b, a
}

// separates reports the characters at which a SIP value is cut into words; an
// address with its port stays whole.
func separates(c byte) bool { return strings.IndexByte(" \t;,<>@=\"", c) >= 0 }

func (c Change) shown(s string) any {
	switch {
	case s == "":
		return evidenceSays("absent", nil)
	case c.Code == sip.BodyTruncated:
		return evidenceSays("bytes", words.Args{"count": s})
	}
	return s
}

// plainest is the changed path that a phone is likeliest to use: UDP before
// TCP, INVITE before the rest, no variant.
func plainest(paths []Path) *Path {
	var best *Path
	score := func(p *Path) int {
		n := 0
		for i, ok := range []bool{p.Variant == "", p.Message == "INVITE", p.Transport == "udp", p.Port == 5060, !p.Inbound} {
			if ok {
				n += 1 << i
			}
		}
		return n
	}
	for i := range paths {
		if p := &paths[i]; len(p.Changes) > 0 && (best == nil || score(p) > score(best)) {
			best = p
		}
	}
	return best
}

// affected lists the ports with that verdict and those that were clean.
func affected(paths []Path, verdict string) []checks.Evidence {
	bad := portsWith(paths, verdict, nil)
	clean := portsWith(paths, None, bad)
	out := []checks.Evidence{checks.Proof(evidenceSays("affected", nil), nil, evidenceSays("ports", words.Args{"ports": bad}))}
	if len(clean) > 0 {
		out = append(out, checks.Proof(evidenceSays("unchanged", nil), nil, evidenceSays("ports", words.Args{"ports": clean})))
	}
	return out
}

// portsWith lists each port that has a probe of that verdict and is not in
// except.
func portsWith(paths []Path, verdict string, except []string) []string {
	var out []string
	for i := range paths {
		n := paths[i].name()
		if paths[i].Verdict == verdict && !slices.Contains(out, n) && !slices.Contains(except, n) {
			out = append(out, n)
		}
	}
	return out
}
