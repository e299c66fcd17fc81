package capture

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// flapping are ends that answer OPTIONS, are silent, and answer again.
func flapping(v *view) (out []checks.Finding) {
	const id = "capture.flapping"
	var groups cases
	for _, list := range v.asked("OPTIONS") {
		gaps := v.missed(list)
		if len(gaps) == 0 {
			continue
		}
		key := list.client.Addr().String()
		if v.untilRegistered(list.server.Addr(), gaps) {
			key += " register"
		}
		for _, gap := range gaps {
			for _, t := range gap.silent {
				g := groups.add(v, id, key, t.dialogue, t, frame(t.request, nil))
				g.waited = max(g.waited, gap.until-gap.since)
			}
		}
		if g := groups.by[key]; key != list.client.Addr().String() {
			g.variant = "register"
		} else if g.variant = "one"; g.count > 0 {
			g.variant = "many"
		}
		groups.by[key].count++
	}
	for _, g := range groups.list {
		t := g.first()
		f := checks.Finding{
			ID: id, Severity: checks.Warning, Confidence: checks.Certain, Subject: subject(t.server), Evidence: g.proof, Variant: g.variant,
			Args: words.Args{"client": who(t.client), "server": who(t.server), "n": len(g.list), "ends": g.count, "gap": seconds(g.waited)},
		}
		if g.variant == "register" {
			f.Confidence = checks.Likely
			f.Fixes = fixes.For(fixes.UDPTimeout, nil, map[string]string{"UDPTimeout": strconv.Itoa(minUDPTimeout)})
		}
		out = append(out, f)
	}
	return out
}

// minUDPTimeout is what RFC 4787, REQ-5, recommends at least, in seconds.
const minUDPTimeout = 300

// A gap is a time in which an end did not answer.
type gap struct {
	silent       []*transaction
	since, until int64 // the last answer before, the first after
}

// untilRegistered reports whether an end answered again only once it had registered,
// time after time: then the NAT in front of it had forgotten the port. Once may be a
// phone that was switched off.
func (v *view) untilRegistered(end netip.Addr, gaps []gap) bool {
	if len(gaps) < 2 {
		return false
	}
	for _, g := range gaps {
		if !slices.ContainsFunc(v.registers[end], func(at int64) bool { return at > g.silent[len(g.silent)-1].first.At && at < g.until }) {
			return false
		}
	}
	return true
}

// registers are the times at which each address sent REGISTER.
func registers(calls []*exchange) map[netip.Addr][]int64 {
	out := map[netip.Addr][]int64{}
	for _, x := range calls {
		for _, t := range x.list {
			if t.request != nil && t.first.Method == "REGISTER" {
				out[t.client.Addr()] = append(out[t.client.Addr()], t.request.At)
			}
		}
	}
	return out
}

// asking is what one end asks another over and over, in the order of the capture.
type asking struct {
	pair
	list []*transaction
}

// asked are the requests of a method outside of calls, by who asks whom.
func (v *view) asked(method string) (out []*asking) {
	by := map[pair]*asking{}
	for _, x := range v.calls {
		for _, t := range x.list {
			if t.request == nil || t.first.Method != method || t.request.To.Tag != "" {
				continue
			}
			k := pair{t.client, t.server}
			a := by[k]
			if a == nil {
				a = &asking{pair: k}
				by[k] = a
				out = append(out, a)
			}
			a.list = append(a.list, t)
		}
	}
	return out
}

// lostInARow is how many requests one after the other have to be without an answer,
// each with its repetitions, for an end to have been away.
const lostInARow = 2

// missed are times without an answer between two answers: lostInARow requests, or one
// that was repeated to the end. Shorter ones are remembered as made good.
func (v *view) missed(a *asking) (out []gap) {
	var row []*transaction
	last := int64(-1) // when an answer came
	for _, t := range a.list {
		if len(t.answers) == 0 {
			if last >= 0 {
				row = append(row, t)
			}
			continue
		}
		if len(row) >= lostInARow || len(row) == 1 && row[0].first.Again >= 4 {
			out = append(out, gap{row, last, t.answers[0].At})
		}
		for _, t := range row {
			v.recovered[t] = true
		}
		row, last = nil, t.answers[0].At
	}
	return out
}
