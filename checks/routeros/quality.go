package routeros

import (
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// quality is what harms the sound of calls: fasttrack beside queues for voice, queues
// without room for a call, DSCP that is cleared.
func quality(o Observed) (list []checks.Finding) {
	q := o.QoS
	if q.FastTrack.Line > 0 {
		list = append(list, checks.Finding{
			ID: "routeros.fasttrack", Severity: checks.Warning, Confidence: checks.Certain, Subject: strconv.Itoa(q.FastTrack.Line),
			Args:     words.Args{"line": q.FastTrack.Line, "queue": q.Voice.Line, "mark": tame(q.Mark), "fixed": len(q.Fix) > 0},
			Evidence: []checks.Evidence{quoteRule(q.FastTrack), quoteRule(q.Voice)}, Fixes: tried("spare-marked-connections", q.Fix),
		})
	}
	for _, s := range q.Slow {
		f := checks.Finding{
			ID: "routeros.queue-starves", Severity: checks.Warning, Confidence: checks.Certain, Subject: strconv.Itoa(s.Line),
			Args:     words.Args{"line": s.Line, "rate": s.Rate / 1000, "call": oneCall / 1000},
			Evidence: []checks.Evidence{quoteRule(s.Place)},
		}
		if s.Mark != "" {
			f.Variant, f.Confidence, f.Args["mark"] = "marked", checks.Likely, tame(s.Mark)
		} else {
			f.Args["lan"] = s.LAN
		}
		list = append(list, f)
	}
	if q.Cleared.Line > 0 {
		list = append(list, checks.Finding{
			ID: "routeros.dscp-cleared", Severity: checks.Info, Confidence: checks.Certain, Subject: strconv.Itoa(q.Cleared.Line),
			Args:     words.Args{"line": q.Cleared.Line},
			Evidence: []checks.Evidence{quoteRule(q.Cleared)}, Fixes: tried("keep-dscp", q.Marked),
		})
	}
	return list
}

// portChanged are NAT rules that change the ports of phones.
func portChanged(o Observed) (list []checks.Finding) {
	for _, m := range o.Moved {
		var in []words.Text
		for _, l := range m.In {
			in = append(in, say("lan", words.Args{"prefix": l.Prefix, "in": tame(l.Interface)}))
		}
		f := checks.Finding{
			ID: "routeros.port-changed", Severity: checks.Warning, Confidence: checks.Likely, Subject: strconv.Itoa(m.Line),
			Args:     words.Args{"line": m.Line, "lans": checks.FirstN(in, 5)},
			Evidence: []checks.Evidence{quoteRule(m.Place)}, Fixes: tried("keep-source-ports", m.Fix),
		}
		if len(f.Fixes) == 0 && o.isVersion7() && isOrdinary(m.Out) {
			f.Fixes = fixes.ByID(mikrotik, "endpoint-independent-nat", map[string]string{"WAN": m.Out})
		}
		list = append(list, f)
	}
	return list
}
