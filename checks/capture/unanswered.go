package capture

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

const (
	// patience is how long a request must have been without an answer for that to say
	// something: copies leave after 0.5 and 1.5 s, so a capture that ends before knows
	// nothing (RFC 3261, 17.1.1.2).
	patience = 3_000_000 // microseconds
	// twiceMore is how many copies make up for that time: one may be lost.
	twiceMore = 2
)

// tooSoon reports whether the capture ends before a request had to be answered.
func (v *view) tooSoon(t *transaction) bool {
	return v.o.Length-t.first.At < patience && t.first.Again < twiceMore
}

// unanswered are requests to which nothing came back.
func unanswered(v *view) (out []checks.Finding) {
	const id = "capture.no-answer"
	var groups cases
	for _, x := range v.calls {
		if v.found[x] != "" {
			continue
		}
		for _, t := range x.open() {
			if v.recovered[t] || v.tooSoon(t) && v.rejection(t) == nil {
				continue // the next one was answered, or the capture ends too soon
			}
			g := groups.add(v, id, t.first.Method+" "+t.server.String(), x, t, frame(t.request, nil))
			g.repeated = g.repeated || t.first.Again > 0 || t.first.Transport != "udp" || t.first.Line || len(g.list) > 1
			g.proved = g.proved || t.request.Authorized != nil && x.challenged(t)
		}
	}
	for _, g := range groups.list {
		t := g.first()
		f := checks.Finding{
			ID: id, Severity: checks.Critical, Confidence: checks.Certain, Subject: subject(t.server), Evidence: g.proof, Args: v.unheard(g),
		}
		if r := v.rejection(t); r != nil {
			g.repeated = true
			f.Evidence = append(f.Evidence, checks.Proof(words.Say("capture.evidence.icmp", words.Args{"frame": r.First, "at": seconds(r.Begin)}), nil,
				words.Say("capture.evidence.rejection", words.Args{"from": r.By, "kind": r.kind(), "again": r.Count - 1})))
		}
		switch m := t.first.Method; {
		case m == "OPTIONS" && v.sent[t.server] > 0 && !v.answersOptions(t.server):
			f.Severity = checks.Info // there are servers that do not care to be asked
		case m != "INVITE" && m != "REGISTER":
			f.Severity = checks.Warning
		}
		if f.Args["once"] = "no"; !g.repeated { // who gets no answer repeats (RFC 3261, 17.1.1.2)
			if f.Confidence, f.Args["once"] = checks.Possible, "yes"; f.Severity == checks.Critical {
				f.Severity = checks.Warning
			}
		}
		out = append(out, f)
	}
	return out
}

// unheard is what is known about requests without an answer.
func (v *view) unheard(g *group) words.Args {
	t := g.first()
	client, server := t.client.Addr(), t.server.Addr()
	args := words.Args{
		"method": t.first.Method, "n": len(g.list), "server": who(t.server), "client": whoAddr(t.client), "again": t.first.Again, "place": v.near.place(client, server),
		"answers": v.sent[t.server], "stage": "first", "said": "nothing", "by": "", "hops": v.near.hops[client], "address": "unknown", "ports": "",
	}
	if outer := v.near.outer(client, server); outer.IsValid() {
		args["address"] = outer
	}
	if p := t.server.Port(); p != 0 && p != 5060 && p != 5061 {
		args["ports"] = " --" + layer4(t.first.Transport) + " " + strconv.Itoa(int(p))
	}
	if g.proved {
		args["stage"] = "proved"
	}
	if r := v.rejection(t); r != nil {
		args["said"], args["by"] = r.kind(), r.By
		if r.By == server {
			args["said"] = "own-" + r.kind()
		}
	}
	return args
}

func layer4(transport string) string {
	if transport == "udp" || transport == "hep" {
		return "udp"
	}
	return "tcp"
}

// open are the transactions of an exchange to which nothing came back, of those that
// begin something. What belongs to a call that is up is judged with the call.
func (x *exchange) open() (out []*transaction) {
	if x.oneSided() {
		return nil
	}
	for _, list := range x.ways() {
		t := list[len(list)-1]
		if len(t.answers) > 0 || t.request.To.Tag != "" || t.first.Method == "BYE" || x.elsewhere(t) != nil || x.goesOn(t) {
			continue
		}
		if main := x.main(); t.first.Method == "INVITE" && t != main {
			continue
		}
		out = append(out, t)
	}
	return out
}

// goesOn reports whether the capture shows a request without an answer once more,
// further on: as NAT, a bridge or a proxy sent it.
func (x *exchange) goesOn(t *transaction) bool {
	branch := branchOf(t.first.Via)
	return slices.ContainsFunc(x.list, func(o *transaction) bool {
		if o.request == nil || len(o.answers) > 0 || o.first.Frame <= t.first.Frame || o.first.Method != t.first.Method {
			return false
		}
		same := branch != "" && branchOf(o.first.Via) == branch && o.first.CSeq == t.first.CSeq
		return same || o.client.Addr() == t.server.Addr() && o.server.Addr() != t.client.Addr()
	})
}

// oneSided reports whether an INVITE has no answer here, and yet the caller sends the
// ACK: the capture lacks the other direction.
func (x *exchange) oneSided() bool {
	for _, t := range x.list {
		if t.first.Method == "INVITE" && len(t.answers) == 0 && t.acked != nil || t.first.Method == "ACK" && t.request != nil && len(x.list) == 1 {
			return true
		}
	}
	return false
}

// challenged reports whether the client of t was asked for a password before.
func (x *exchange) challenged(t *transaction) bool {
	for _, o := range x.list {
		if o.client == t.client && o.server == t.server && (o.final() == 401 || o.final() == 407) && o.finalTo.At < t.request.At {
			return true
		}
	}
	return false
}

// answersOptions reports whether a server has ever answered OPTIONS.
func (v *view) answersOptions(server netip.AddrPort) bool {
	for _, x := range v.calls {
		for _, t := range x.list {
			if t.server == server && t.first.Method == "OPTIONS" && len(t.answers) > 0 {
				return true
			}
		}
	}
	return false
}

// countSent counts the messages by who sent them.
func countSent(calls []*exchange) map[netip.AddrPort]int {
	out := map[netip.AddrPort]int{}
	for _, x := range calls {
		for i := range x.Messages {
			out[x.Messages[i].Src]++
		}
	}
	return out
}

// rejection is what ICMP says about the requests of a transaction; nil for nothing,
// or for what it said only of earlier ones.
func (v *view) rejection(t *transaction) *Refused {
	for i := range v.o.Refused {
		if r := &v.o.Refused[i]; r.Dst == t.server && r.Src.Addr() == t.client.Addr() && r.End >= t.first.At {
			return r
		}
	}
	return nil
}

func (r *Refused) kind() string {
	switch {
	case r.Port:
		return "port"
	case r.Filtered:
		return "filtered"
	}
	return "host"
}
