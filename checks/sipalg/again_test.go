package sipalg

import (
	"net/netip"
	"slices"
)

// asksAgain adds what a run asks after something was lost, on the same network.
func asksAgain(o *Observed, rules []network) {
	planned, tester := slices.Clone(o.Probes), &run{control: netip.AddrPortFrom(farEnd, 8765)}
	add := func(p Probe, change func(*Probe)) Probe {
		p.ID, p.Again, p.ControlOf = len(o.Probes)+1, true, 0
		p.Arrived, p.Answered, p.Error, p.ErrorClass, p.ArrivedAs, p.Tries = false, false, "", "", nil, 0
		change(&p)
		for _, r := range rules {
			r(&p)
		}
		o.Probes = append(o.Probes, p)
		return p
	}
	pair := func(p Probe) {
		c := add(p, func(q *Probe) { q.Flow = q.ID })
		add(p, func(q *Probe) { q.Masked, q.Flow, q.ControlOf = true, q.ID, c.ID })
	}
	asked := map[kind]bool{}
	for i, p := range planned {
		k := kind{keyOf(&p), p.Message}
		switch {
		case p.Answered && p.Arrived || p.Masked || p.Tries == 0 || p.Transport == "tls" || p.Answered && !p.Inbound:
		case p.Inbound:
			if add(p, func(q *Probe) { q.Masked, q.ControlOf = true, p.ID }).Answered {
				add(p, func(*Probe) {})
			}
		case p.Transport == "udp":
			o.Probes[i].Tries += p.Tries
			if !add(p, func(q *Probe) { q.Masked, q.ControlOf = true, p.ID }).Answered && p.Source == "fresh" && !asked[k] {
				asked[k] = true
				pair(p)
			}
		case p.Source == "fresh" && !asked[k]:
			asked[k] = true
			for range streamRounds {
				pair(p)
			}
		}
	}
	canaries := map[string]bool{}
	for _, p := range planned {
		good := tester.answering(planned, &p)
		if k := p.Source + pathName(p.Transport, p.Port); good != nil && !canaries[k] && silentPort(planned, &p) {
			canaries[k] = true
			for range canaryPairs {
				x := add(p, func(q *Probe) { q.Message, q.Variant, q.Masked, q.Inbound, q.Flow = "INVITE", "", true, false, q.ID })
				add(*good, func(q *Probe) { q.Masked, q.Flow, q.ControlOf = true, q.ID, x.ID })
			}
		}
	}
}
