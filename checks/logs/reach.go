package logs

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// outages are moments at which several phones were lost.
func outages(v *view) (out []checks.Finding) {
	type key struct {
		kind string
		net  netip.Prefix
	}
	at := map[key][]*group{}
	var order []key
	for _, g := range v.groups {
		k := key{kind: g.kind}
		if g.kind == "office" || g.kind == "one-office" {
			k.net = g.net
		}
		if at[k] == nil {
			order = append(order, k)
		}
		at[k] = append(at[k], g)
	}
	for _, k := range order {
		out = append(out, v.outage(k.kind, k.net, at[k]))
	}
	return out
}

func (v *view) outage(kind string, net netip.Prefix, list []*group) checks.Finding {
	most, still := list[0], 0
	var longest time.Duration
	f := checks.Finding{ID: "logs.outage", Variant: kind, Severity: checks.Warning, Confidence: checks.Likely}
	for i, g := range list {
		if len(g.phones) > len(most.phones) {
			most = g
		}
		if g.back.IsZero() {
			still++
		} else {
			longest = max(longest, g.back.Sub(g.losses[0].move.At))
		}
		if i < 4 {
			name := words.Say("logs.evidence.outage", words.Args{"at": g.losses[0].move.At, "n": len(g.phones), "of": g.of, "back": backOf(g)})
			f.Evidence = append(f.Evidence, checks.Proof(name, nil, raws(g.phones, 8)))
		}
	}
	f.Evidence = append(f.Evidence, v.where(most.losses[0].move.Line), v.where(most.losses[len(most.losses)-1].move.Line))
	if last := list[len(list)-1]; last.back.IsZero() {
		f.Severity = checks.Critical
	}
	place := ""
	if net.IsValid() {
		if place = net.String(); net.IsSingleIP() {
			place = net.Addr().String()
		}
		f.Subject = place
	}
	f.Args = words.Args{"n": len(list), "phones": len(most.phones), "of": most.of, "in": most.ofNet, "network": place, "at": most.losses[0].move.At, "longest": longest, "still": still}
	return f
}

func backOf(g *group) words.Text {
	if g.back.IsZero() {
		return words.Say("logs.still", nil)
	}
	return words.Say("logs.back", words.Args{"after": g.back.Sub(g.losses[0].move.At)})
}

const (
	// often is how many losses of a single phone are more than a restart or an
	// update now and then.
	often = 3
	shown = 8 // phones of a finding
)

// flapping are phones that were lost alone.
func flapping(v *view) []checks.Finding {
	type flaps struct {
		name string
		list []loss
	}
	var all []flaps
	for name, p := range v.phones {
		f := flaps{name: name}
		for _, l := range p.losses {
			if l.group == nil && !l.back.IsZero() {
				f.list = append(f.list, l)
			}
		}
		if len(f.list) > 0 {
			all = append(all, f)
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b flaps) int {
		return cmp.Or(cmp.Compare(len(b.list), len(a.list)), cmp.Compare(a.name, b.name))
	})
	f := checks.Finding{ID: "logs.flapping", Severity: checks.Info, Confidence: checks.Certain, Subject: all[0].name}
	if len(all[0].list) >= often {
		f.Severity = checks.Warning
	}
	for _, a := range all[:min(shown, len(all))] {
		longest, n := time.Duration(0), len(a.list)
		for _, l := range a.list {
			longest = max(longest, l.back.Sub(l.move.At))
		}
		f.Evidence = append(f.Evidence, checks.Proof(words.Raw(a.name), nil, words.Say("logs.evidence.flaps", words.Args{"n": n, "first": a.list[0].move.At, "last": a.list[n-1].move.At, "longest": longest})))
	}
	f.Evidence = append(f.Evidence, v.where(all[0].list[0].move.Line))
	f.Args = words.Args{"phone": words.Raw(all[0].name), "n": len(all[0].list), "others": len(all) - 1, "phones": len(v.phones)}
	return []checks.Finding{f}
}

// unreachable are phones that were lost, or not there when the PBX started, and did
// not come back before the log ends; and phones that register and yet never answer.
func unreachable(v *view) (out []checks.Finding) {
	var gone, deaf []Move
	for name, p := range v.phones {
		n := len(p.losses)
		switch grouped := n > 0 && p.losses[n-1].back.IsZero() && p.losses[n-1].group != nil; {
		case !p.down || grouped:
		case !p.up && n == 0 && !v.lastOK[name].IsZero():
			deaf = append(deaf, p.last)
		default:
			gone = append(gone, p.last)
		}
	}
	if len(deaf) > 0 {
		f := v.notReached(deaf)
		f.Variant, f.Severity = "registers", checks.Critical
		out = append(out, f)
	}
	if len(gone) > 0 {
		out = append(out, v.notReached(gone))
	}
	return out
}

func (v *view) notReached(list []Move) checks.Finding {
	slices.SortFunc(list, func(a, b Move) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Phone, b.Phone)) })
	f := checks.Finding{ID: "logs.unreachable", Variant: "gone", Severity: checks.Warning, Confidence: checks.Certain, Subject: list[0].Phone}
	var names []string
	for _, m := range list {
		names = append(names, m.Phone)
		if len(f.Evidence) < shown {
			f.Evidence = append(f.Evidence, v.where(m.Line))
		}
	}
	f.Args = words.Args{"n": len(list), "phones": raws(names, shown), "at": list[0].At, "end": v.o.End}
	return f
}

// slow are phones whose answers took longer than the limit of qualify.
func slow(v *view) []checks.Finding {
	var list []*phone
	for _, p := range v.phones {
		if len(p.lagged) > 0 {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		return nil
	}
	slices.SortFunc(list, func(a, b *phone) int {
		return cmp.Or(cmp.Compare(len(b.lagged), len(a.lagged)), cmp.Compare(a.name, b.name))
	})
	p := list[0]
	f := checks.Finding{ID: "logs.slow", Severity: checks.Warning, Confidence: checks.Certain, Subject: p.name}
	for _, p := range list[:min(shown, len(list))] {
		f.Evidence = append(f.Evidence, v.where(p.lagged[0].Line))
	}
	f.Args = words.Args{"n": len(list), "phone": words.Raw(p.name), "times": len(p.lagged), "worst": millis(slowest(p.rtts)), "limit": millis(p.limit), "median": millis(median(p.rtts))}
	return []checks.Finding{f}
}

func millis(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// slowest of times; 0: there are none.
func slowest(list []int) (most int) {
	for _, n := range list {
		most = max(most, n)
	}
	return most
}

// median of times; 0: there are none.
func median(list []int) int {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}
