package capture

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// inDialog are the requests of an exchange within a call that is up, in order.
func (x *exchange) inDialog() (out []*transaction) {
	main := x.main()
	if x.outcome() != outcomeAnswered {
		return nil
	}
	for _, t := range x.list {
		switch {
		case t.request == nil, t == main, t.first.Method == "ACK", t.first.Method == "CANCEL", t.request.At < main.finalTo.At, t.request.To.Tag == "":
		default:
			out = append(out, t)
		}
	}
	return out
}

// silent reports whether the capture shows that a request got no answer. Over UDP
// who gets none asks again; who does not, got one that this capture lacks.
func (v *view) silent(t *transaction) bool {
	if len(t.answers) > 0 {
		return false
	}
	if t.first.Transport == "udp" || t.first.Transport == "hep" {
		return t.first.Again >= 2
	}
	return v.o.Length-t.first.At >= patience
}

// age is how long a call was up at a time of the capture.
func (x *exchange) age(at int64) int64 { return at - x.main().finalTo.At }

// lostBYE are calls whose BYE nobody answers: the other side stays in the call.
func lostBYE(v *view) (out []checks.Finding) {
	const id = "capture.bye-lost"
	var groups cases
	for _, x := range v.calls {
		if v.found[x] != "" {
			continue
		}
		for _, t := range x.inDialog() {
			if t.first.Method != "BYE" || !v.silent(t) || x.hungUpTwice(t) {
				continue
			}
			variant, main := "silent", x.main()
			if t.first.Transport == "udp" && main.first.Transport != "udp" && main.first.Transport != "hep" {
				variant = "transport"
			}
			g := groups.add(v, id, variant+" "+t.server.String(), x, t, frame(main.finalTo, nil), frame(t.request, nil))
			g.variant, g.waited = variant, max(g.waited, x.age(t.first.At))
			break
		}
	}
	for _, g := range groups.list {
		t := g.first()
		out = append(out, checks.Finding{
			ID: id, Severity: checks.Critical, Confidence: checks.Certain, Subject: subject(t.server), Evidence: g.proof, Variant: g.variant,
			Args: words.Args{"client": who(t.client), "server": who(t.server), "n": len(g.list), "transport": g.list[0].main().first.Transport, "age": seconds(g.waited),
				"uri": words.Raw(t.request.URI)},
		})
	}
	return out
}

// hungUpTwice reports whether another BYE of the call was answered: both sides hung up
// at the same time, or a proxy sent it on.
func (x *exchange) hungUpTwice(t *transaction) bool {
	return slices.ContainsFunc(x.list, func(o *transaction) bool { return o != t && o.first.Method == "BYE" && len(o.answers) > 0 })
}

var sessionExpires = regexp.MustCompile(`(?i)^(?:session-expires|x)\s*:\s*(\d{1,6})`)

// session is the interval after which a call has to be refreshed (RFC 4028), in
// microseconds; 0: never.
func (x *exchange) session() int64 {
	main := x.main()
	for _, s := range main.finalTo.Says {
		if m := sessionExpires.FindStringSubmatch(s); m != nil {
			n, _ := strconv.ParseInt(m[1], 10, 64)
			return n * 1_000_000
		}
	}
	return 0
}

// refreshes are the re-INVITE and UPDATE of a call.
func (x *exchange) refreshes() (out []*transaction) {
	for _, t := range x.inDialog() {
		if t.first.Method == "INVITE" || t.first.Method == "UPDATE" {
			out = append(out, t)
		}
	}
	return out
}

func (x *exchange) bye() *transaction {
	for _, t := range x.inDialog() {
		if t.first.Method == "BYE" {
			return t
		}
	}
	return nil
}

// ofTimer is how far from the moment at which RFC 4028 ends a call a BYE still counts
// as that: clocks and retransmissions.
const ofTimer = 3_000_000 // microseconds

// longSession is an interval so long that hardly anybody hangs up within ofTimer of
// its end by chance.
const longSession = 600_000_000

// sessionTimer are calls that end because they were not refreshed in time: the side
// that waits hangs up min(32 s, a third) before the interval is over (RFC 4028, 10).
func sessionTimer(v *view) (out []checks.Finding) {
	const id = "capture.session-timer"
	var groups cases
	for _, x := range v.calls {
		if v.found[x] != "" || len(x.inDialog()) == 0 {
			continue
		}
		interval, bye := x.session(), x.bye()
		if interval == 0 || bye == nil {
			continue
		}
		proof := []checks.Evidence{frame(x.main().finalTo, nil)}
		variant, lost := v.unrefreshed(x, interval, bye.first.At)
		if variant == "" {
			continue
		}
		if lost != nil {
			proof = append(proof, frame(lost.request, nil))
		}
		g := groups.add(v, id, variant+" "+bye.client.Addr().String(), x, bye, append(proof, frame(bye.request, nil))...)
		g.variant, g.waited = variant, interval
	}
	for _, g := range groups.list {
		t := g.first()
		f := checks.Finding{
			ID: id, Severity: checks.Critical, Confidence: checks.Likely, Subject: subject(t.client), Evidence: g.proof, Variant: g.variant,
			Args: words.Args{"client": who(t.client), "server": who(t.server), "n": len(g.list), "interval": seconds(g.waited), "age": seconds(g.list[0].age(t.first.At))},
		}
		if g.variant == "never" && len(g.list) == 1 && g.waited < longSession {
			f.Severity, f.Confidence = checks.Warning, checks.Possible // somebody may have hung up just then
		}
		out = append(out, f)
	}
	return out
}

// unrefreshed tells why a call ended at its session timer: its last refresh was "lost",
// or there was "never" one since. The variant is empty for a call that ended otherwise.
func (v *view) unrefreshed(x *exchange, interval, end int64) (variant string, lost *transaction) {
	since := x.main().finalTo.At
	if list := x.refreshes(); len(list) > 0 {
		last := list[len(list)-1]
		switch f := last.finalTo; {
		case f != nil && f.Status < 300:
			since = f.At
		case v.silent(last) && end-last.first.At <= maxRepeat:
			return "lost", last
		default:
			return "", nil
		}
	}
	near := func(at int64) bool { return max(end-since-at, at-end+since) <= ofTimer }
	if near(interval-min(32_000_000, interval/3)) || near(interval) {
		return "never", nil
	}
	return "", nil
}

// hangupCauses are calls that were ended by a fault: BYE says so (RFC 3326).
func hangupCauses(v *view) (out []checks.Finding) {
	const id = "capture.ended-by-fault"
	var groups cases
	for _, x := range v.calls {
		bye := x.bye()
		if v.found[x] != "" || bye == nil {
			continue
		}
		number, ok := bye.request.cause()
		if !ok {
			continue
		}
		list := netinfo.Explain("cause=" + strconv.Itoa(number))
		if len(list) == 0 || everyday(list[0].Class) {
			continue
		}
		g := groups.add(v, id, strconv.Itoa(number)+" "+bye.client.Addr().String(), x, bye, append([]checks.Evidence{frame(bye.request, nil)}, says(bye.request)...)...)
		g.meaning, g.waited = list[0], max(g.waited, x.age(bye.first.At))
	}
	for _, g := range groups.list {
		t := g.first()
		out = append(out, checks.Finding{
			ID: id, Severity: checks.Warning, Confidence: checks.Certain, Subject: subject(t.client), Evidence: g.proof,
			Args: words.Args{"client": who(t.client), "server": who(t.server), "n": len(g.list), "number": g.meaning.Number, "name": g.meaning.Names[0], "cause": g.meaning.Says,
				"next": g.meaning.Next, "hints": len(g.meaning.Next), "age": seconds(g.waited)},
		})
	}
	return out
}

const (
	// sameAge is how close calls end together that a machine ends: people do not
	// hang up to the second.
	sameAge = 1_000_000 // microseconds
	// leastAge leaves out calls that nobody wanted to have for longer.
	leastAge = 10_000_000
	// leastCalls are needed for a coincidence to be none.
	leastCalls = 3
)

// fixedAge are calls that end at the same age again and again, by the same side: at
// least three, and half of those that get as old.
func fixedAge(v *view) (out []checks.Finding) {
	const id = "capture.fixed-age"
	type ended struct {
		x   *exchange
		bye *transaction
		age int64
	}
	var list []ended
	for _, x := range v.calls {
		if bye := x.bye(); bye != nil && v.found[x] == "" && x.age(bye.first.At) >= leastAge {
			list = append(list, ended{x, bye, x.age(bye.first.At)})
		}
	}
	slices.SortStableFunc(list, func(a, b ended) int { return cmp.Compare(a.age, b.age) })
	for i := 0; i < len(list); {
		n := 1
		for i+n < len(list) && list[i+n].age-list[i].age <= sameAge {
			n++
		}
		by := list[i].bye.client.Addr()
		if n < leastCalls || 2*n < len(list)-i || slices.ContainsFunc(list[i:i+n], func(e ended) bool { return e.bye.client.Addr() != by }) {
			i++
			continue
		}
		var groups cases
		for _, e := range list[i : i+n] {
			groups.add(v, id, "", e.x, e.bye, frame(e.x.main().finalTo, nil), frame(e.bye.request, nil))
		}
		g := groups.list[0]
		out = append(out, checks.Finding{
			ID: id, Severity: checks.Warning, Confidence: checks.Likely, Subject: by.String(), Evidence: g.proof,
			Args: words.Args{"n": n, "age": seconds(list[i].age), "client": by},
		})
		i += n
	}
	return out
}
