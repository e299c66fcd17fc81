package sipalg

import (
	"slices"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// fate is what became of a port: the worst of its probes.
type fate struct {
	state  string    // clean opened unclear blocked dropped rewritten proxied answered
	source string    // of blocked: "fresh" or "5060", where the other passes
	fields [3]string // short names of what was changed, the weightiest first
}

// summary says it in one line, ports with the same fate together.
func summary(o *Observed, f *Facts) words.Text {
	if o.Responder == nil {
		return serversSummary(f)
	}
	var parts []words.Text
	for _, g := range fates(f.probed) {
		parts = append(parts, g.says())
	}
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
	return all(parts)
}

// ports are those that share a fate.
type ports struct {
	fate
	names []string
}

func fates(paths []Path) []ports {
	var out []ports
	seen := map[string]bool{}
	for i := range paths {
		p := &paths[i]
		if seen[p.name()] || p.Plain {
			continue
		}
		seen[p.name()] = true
		f := fateOf(paths, p.name())
		if k := len(out) - 1; k >= 0 && out[k].fate == f && f.state == "clean" {
			out[k].names = append(out[k].names, p.name())
			continue
		}
		out = append(out, ports{f, []string{p.name()}})
	}
	return out
}

func (p ports) says() words.Text {
	args := words.Args{"ports": p.names, "state": p.state, "source": p.source}
	var changed []words.Text
	for _, f := range p.fields {
		if f != "" {
			changed = append(changed, fieldSays(f))
		}
	}
	args["fields"] = changed
	return words.Say("sip-alg.summary.ports", args)
}

func fateOf(paths []Path, name string) (f fate) {
	worst, changed, blocked, opened := None, []string{}, false, false
	rank := []string{None, Inconclusive, Dropping, Rewriting, Proxying}
	for i := range paths {
		p := &paths[i]
		if p.name() != name {
			continue
		}
		opened = opened || p.probe.TLSForeign != ""
		if !p.matters() {
			continue
		}
		worst = rank[max(slices.Index(rank, p.Verdict), slices.Index(rank, worst))]
		if p.Blocked {
			blocked, f.source = true, p.blockedFrom(paths).from
		}
		for _, c := range p.Changes {
			if short := fieldOf(c.Code).short; !slices.Contains(changed, short) {
				changed = append(changed, short)
			}
		}
	}
	slices.SortStableFunc(changed, func(a, b string) int { return weight(a) - weight(b) })
	switch {
	case worst == Proxying && len(changed) == 0:
		return fate{state: "answered"}
	case worst == Proxying:
		f = fate{state: "proxied"}
		copy(f.fields[:], changed)
		return f
	case worst == Rewriting:
		f = fate{state: "rewritten"}
		copy(f.fields[:], changed)
		return f
	case worst == Dropping:
		return fate{state: "dropped"}
	case blocked:
		return fate{state: "blocked", source: f.source}
	case worst == Inconclusive:
		return fate{state: "unclear"}
	case opened:
		return fate{state: "opened"}
	}
	return fate{state: "clean"}
}

// A source is a port with the source port from which it is blocked, where what
// leaves from another one is answered.
type source struct{ port, from string }

// blockedFrom tells whether the source port is what is blocked.
func (p *Path) blockedFrom(paths []Path) source {
	if slices.ContainsFunc(paths, func(q Path) bool { return q.name() == p.name() && q.probe.Answered }) {
		return source{p.name(), p.probe.Source}
	}
	return source{p.name(), "any"}
}

func (s source) says() words.Text {
	return words.Say("sip-alg.port", words.Args{"port": s.port, "source": s.from})
}
