package packetfilter

// Evaluate takes the packets of a class through all tables in the order of the
// kernel and says what becomes of them. A class may be split on the way; the
// outcomes' regions never overlap and together are the class.
func (r *Ruleset) Evaluate(c Class) Result {
	e := newEvaluation(r, c)
	e.run()
	return Result{Outcomes: e.finish()}
}
