package capture

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// leastRepeated requests must have been sent again for that to be more than an
	// accident, and leastShare of all in percent: with a tenth sent again, about one
	// packet in twenty is lost each way, which no call survives unharmed.
	leastRepeated = 3
	leastShare    = 10
)

// pair is a client that asks a server.
type pair struct{ client, server netip.AddrPort }

// delays are how long the answers took that a client got of a server.
type delays struct {
	pair
	all      int
	repeated []*transaction // those that were sent again before the answer
	rtt      []int64        // of the others, microseconds
}

// slowAnswers are requests that had to be sent again before an answer came.
func slowAnswers(v *view) (out []checks.Finding) {
	for _, d := range v.delays() {
		if len(d.repeated) < leastRepeated || 100*len(d.repeated) < leastShare*d.all {
			continue
		}
		slices.Sort(d.rtt)
		median := int64(0)
		if len(d.rtt) > 0 {
			median = d.rtt[len(d.rtt)/2]
		}
		var proof []checks.Evidence
		late := 0
		for i, t := range d.repeated {
			if i < examples {
				proof = append(proof, frame(t.request, nil), frame(t.answers[0], nil))
			}
			// A server that is slow answers the first copy; one that lost it answers
			// the last, as fast as ever.
			if t.answers[0].At-t.request.Last > max(2*median, 200_000) {
				late++
			}
		}
		variant := "lost"
		if 2*late > len(d.repeated) {
			variant = "slow"
		}
		out = append(out, checks.Finding{
			ID: "capture.repeated", Severity: checks.Warning, Confidence: checks.Likely, Subject: subject(d.server), Evidence: proof, Variant: variant,
			Args: words.Args{"client": who(d.client), "server": who(d.server), "n": len(d.repeated), "all": d.all, "rtt": float64(median/100) / 10, "timed": len(d.rtt),
				"place": v.near.place(d.client.Addr(), d.server.Addr())},
		})
		if len(out) == maxCases {
			break
		}
	}
	return out
}

// delays are those of requests over UDP that were answered, by client and server.
func (v *view) delays() (out []*delays) {
	by := map[pair]*delays{}
	for _, x := range v.calls {
		for _, t := range x.list {
			if t.request == nil || len(t.answers) == 0 || t.first.Method == "ACK" || t.request.Transport != "udp" || t.request.Line {
				continue
			}
			k := pair{t.client, t.server}
			d := by[k]
			if d == nil {
				d = &delays{pair: k}
				by[k] = d
				out = append(out, d)
			}
			d.all++
			if t.request.Again > 0 && t.request.At < t.answers[0].At && t.request.Last <= t.answers[0].At {
				d.repeated = append(d.repeated, t)
			} else if t.answers[0].At >= t.request.At {
				d.rtt = append(d.rtt, t.answers[0].At-t.request.At)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *delays) int { return cmp.Compare(len(b.repeated), len(a.repeated)) })
	return out
}
