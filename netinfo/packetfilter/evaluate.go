package packetfilter

// Evaluate takes the packets of a class through all tables in the order of the
// kernel and says what becomes of them. A class may be split on the way; the
// outcomes' regions never overlap and together are the class.
func (r *Ruleset) Evaluate(c Class) Result {
	whole := newEvaluation(r, c)
	whole.run()
	list := whole.finish()
	if c.Fragments {
		later := newEvaluation(r, c)
		later.later = true
		later.run()
		list = bothArrive(list, later.finish())
	}
	return Result{Outcomes: list}
}

// bothArrive is what becomes of packets in pieces: the first fares as a and all
// others as b, and one that is missing is the loss of all.
func bothArrive(a, b []Outcome) (list []Outcome) {
	for _, x := range a {
		for _, y := range b {
			in, _, ok := x.Region.cut(y.Region)
			if !ok {
				continue
			}
			o := x
			if x.Verdict == Accepted || x.Verdict == Maybe && y.Verdict != Accepted {
				o = y
			}
			o.Region = in
			list = append(list, o)
		}
	}
	return joinOutcomes(list)
}

// inPieces reports whether the rules see a packet that came in pieces piece by
// piece where it now is, and this is not the first: such a piece has no ports.
// Connection tracking puts packets together, and so does the kernel before the
// rules for its own.
func (e *evaluation) inPieces() bool {
	switch {
	case !e.later || e.class.Hook == HookOutput || e.hook == HookInput:
		return false
	case e.hook == HookIngress:
		return true
	}
	return !e.rules.tracks
}
