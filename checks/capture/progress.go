package capture

import (
	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// leastWait is how long a caller hears nothing before he gives up, and longer than a
// server needs to find a phone and ring it.
const leastWait = 10_000_000 // microseconds

// noProgress are calls that a server takes, and with which it gets no further: 100
// Trying, and then nothing until somebody gives up.
func noProgress(v *view) (out []checks.Finding) {
	const id = "capture.no-progress"
	var groups cases
	for _, x := range v.calls {
		t := x.main()
		if v.found[x] != "" || t.request == nil || t.first.Method != "INVITE" || len(t.answers) == 0 {
			continue
		}
		waited, end := v.waited(x, t)
		if waited < leastWait {
			continue
		}
		if n := v.next(x); n != nil && v.found[n] != "" {
			v.found[x] = v.found[n] // that is what the server waits for
			continue
		}
		proof := []checks.Evidence{frame(t.request, nil), frame(t.answers[0], nil)}
		if end != nil {
			proof = append(proof, frame(end, nil))
		}
		g := groups.add(v, id, t.server.String(), x, t, proof...)
		g.waited = max(g.waited, waited)
	}
	for _, g := range groups.list {
		t := g.first()
		out = append(out, checks.Finding{
			ID: id, Severity: checks.Critical, Confidence: checks.Likely, Subject: subject(t.server), Evidence: g.proof,
			Args: words.Args{"client": who(t.client), "server": who(t.server), "n": len(g.list), "waited": seconds(g.waited), "to": words.Raw(t.first.To.number()), "code": t.final()},
		})
	}
	return out
}

// waited is how long nothing came after the 100 of a call, and what ended it: CANCEL,
// an answer that says that time is over, or the capture, where end is nil. It is 0 for
// a call that rang or was answered otherwise.
func (v *view) waited(x *exchange, t *transaction) (waited int64, end *Message) {
	begin := t.answers[0].At
	until := v.o.Length
	for _, a := range t.answers {
		switch {
		case a.Status == 100:
		case a.Status == 408, a.Status == 487, a.Status == 504:
			if end == nil {
				until, end = a.At, a
			}
		default:
			return 0, nil
		}
	}
	for _, o := range x.list {
		if o.first.Method == "CANCEL" && o.request != nil && o.client == t.client && o.server == t.server && o.request.At < until {
			until, end = o.request.At, o.request
		}
	}
	return until - begin, end
}
