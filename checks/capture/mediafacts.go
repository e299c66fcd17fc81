package capture

import "slices"

// callsOf tells which call a stream belongs to.
func (v *view) callsOf() map[*Stream]*exchange {
	out := map[*Stream]*exchange{}
	for _, x := range v.calls {
		for _, g := range slices.Concat(v.stretches(x)...) {
			for _, p := range append(g.up[:len(g.up):len(g.up)], g.down...) {
				if out[p.Stream] == nil {
					out[p.Stream] = x
				}
			}
		}
	}
	return out
}

// callID is that of a call; empty without one.
func (x *exchange) callID() string {
	if x == nil {
		return ""
	}
	return x.CallID
}

// callMOS is that of the worst stream of a call that says something; 0 without any.
func (v *view) callMOS(x *exchange) (worst float64) {
	for _, g := range slices.Concat(v.stretches(x)...) {
		for _, p := range append(g.up[:len(g.up):len(g.up)], g.down...) {
			if mos := v.mos(p.Stream); p.Packets >= leastStream && (worst == 0 || mos < worst) {
				worst = mos
			}
		}
	}
	return worst
}

func (v *view) keyFacts(x *exchange) *Keys {
	caller, called := v.keys(x)
	k := Keys{Events: caller.events + called.events, INFO: caller.infos + called.infos}
	if k == (Keys{}) {
		return nil
	}
	return &k
}

func (s *Stream) reported() *Reported {
	h := s.Far
	if h == nil || h.Expected == 0 || !s.plausible() {
		return nil
	}
	return &Reported{LossPct: twoDigits(100 * float64(h.Lost) / float64(h.Expected)), JitterMS: h.JitterMS, RTTMS: h.RTTMS}
}
