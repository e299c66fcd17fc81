package packetfilter

import "strings"

// iface compares the interface with one name. Interfaces that are not known
// are asked once: what was assumed is remembered.
func (e *evaluation) iface(f *frag, out bool, name string) answer {
	have, side := e.class.In, "in:"
	if out {
		have, side = e.class.Out, "out:"
		if f.out != "" {
			have = f.out
		}
	}
	if out && (e.hook == HookPrerouting || e.hook == HookInput || e.hook == HookIngress) ||
		!out && (e.hook == HookOutput || e.hook == HookPostrouting && e.class.Hook == HookOutput) {
		return certain(name == "*" || name == "+") // there is none here: an empty name
	}
	if have != "" {
		return certain(fitsPattern(have, name))
	}
	if name == "lo" && !e.fromHere(f, out) {
		return certain(false)
	}
	if name == "+" || name == "*" {
		return certain(true)
	}
	for p := f.assumed; p != nil; p = p.before {
		a := &p.entry
		was, ok := strings.CutPrefix(a.key, side)
		switch {
		case !ok:
		case a.holds && fitsPattern(was, name), !a.holds && fitsPattern(name, was):
			return certain(a.holds)
		case a.holds && !fitsPattern(name, was):
			return certain(false)
		}
	}
	what := because("comes-in", "interface", name)
	if out {
		what = because("leaves-by", "interface", name)
	}
	return answer{kind: answerFork, key: side + name, reason: what}
}

// fromHere reports whether packets can be this machine's own talk to itself.
func (e *evaluation) fromHere(f *frag, out bool) bool {
	own := e.local.Union(loopback(e.ipv6))
	if out {
		return f.dst.overlap(own) != coverNone || f.newDst.on
	}
	return f.src.overlap(own) != coverNone
}

func trimStar(pattern string) (string, bool) {
	if s, ok := strings.CutSuffix(pattern, "+"); ok {
		return s, true
	}
	return strings.CutSuffix(pattern, "*")
}

// fitsPattern reports whether all names that fit the first pattern, which may be a
// name, fit the second.
func fitsPattern(narrow, wide string) bool {
	n, _ := trimStar(narrow)
	w, star := trimStar(wide)
	if star {
		return strings.HasPrefix(n, w)
	}
	return narrow == wide
}
