package sipalg

import (
	"slices"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// fate is what became of a port: the worst of its probes.
type fate struct {
	state  string    // clean decrypted unclear blocked dropped rewritten proxied answered
	source string    // of blocked: "fresh" or "5060", where the other one passes
	fields [3]string // short names of what was changed, the weightiest first
}

// summary says it in one line, ports with the same fate together.
func summary(o *Observed, f *Facts) words.Text {
	if o.Responder == nil {
		return serversSummary(f)
	}
	parts := fates(f.probed)
	if len(parts) == 0 {
		return words.Say("sip-alg.summary.untested", nil)
	}
	if slices.ContainsFunc(o.Pinholes, opened) {
		parts = append(parts, words.Say("sip-alg.summary.pinhole", nil))
	}
	for i := range f.Servers {
		if s := &f.Servers[i]; f.onlyThere(s.Server) {
			parts = append(parts, s.says())
		}
	}
	return apart(parts)
}

// fates says what became of the SIP ports, in the order in which they were
// tried.
func fates(paths []Path) (out []words.Text) {
	var order []fate
	ports := map[fate][]string{}
	seen := map[string]bool{}
	for _, p := range paths {
		if seen[p.name()] || p.Plain {
			continue
		}
		seen[p.name()] = true
		f := fateOf(paths, p.name())
		if !slices.Contains(order, f) {
			order = append(order, f)
		}
		ports[f] = append(ports[f], p.name())
	}
	for _, f := range order {
		var fields []words.Text
		for _, name := range f.fields {
			if name != "" {
				fields = append(fields, fieldSays(name))
			}
		}
		out = append(out, words.Say("sip-alg.summary.ports", words.Args{
			"ports": ports[f], "state": f.state, "source": f.source, "fields": fields,
		}))
	}
	return out
}

func fateOf(paths []Path, name string) fate {
	worst, changed, blocked, decrypted := None, []string{}, "", false
	rank := []string{None, Inconclusive, Dropping, Rewriting, Proxying}
	for _, p := range paths {
		if p.name() != name {
			continue
		}
		decrypted = decrypted || p.probe.TLSForeign != ""
		if !p.matters() {
			continue
		}
		worst = rank[max(slices.Index(rank, p.Verdict), slices.Index(rank, worst))]
		if p.Blocked {
			blocked = p.blockedFrom(paths).from
		}
		for _, c := range p.Changes {
			if short := fields[c.Code].short; !slices.Contains(changed, short) {
				changed = append(changed, short)
			}
		}
	}
	slices.SortStableFunc(changed, func(a, b string) int { return weight(a) - weight(b) })
	f := fate{state: map[string]string{None: "clean", Inconclusive: "unclear", Dropping: "dropped", Rewriting: "rewritten", Proxying: "proxied"}[worst]}
	switch {
	case worst == Proxying && len(changed) == 0:
		f.state = "answered"
	case worst == Proxying, worst == Rewriting:
		copy(f.fields[:], changed)
	case worst == Dropping:
	case blocked != "":
		f.state, f.source = "blocked", blocked
	case worst == None && decrypted:
		f.state = "decrypted"
	}
	return f
}

// A source is a port with the source port from which it is blocked: "fresh",
// "5060" or "any".
type source struct{ port, from string }

// blockedFrom names the source port where what leaves from another one is
// answered.
func (p *Path) blockedFrom(paths []Path) source {
	if slices.ContainsFunc(paths, func(q Path) bool { return q.name() == p.name() && q.probe.Answered }) {
		return source{p.name(), p.probe.Source}
	}
	return source{p.name(), "any"}
}

func (s source) says() words.Text {
	return words.Say("sip-alg.port", words.Args{"port": s.port, "source": s.from})
}
