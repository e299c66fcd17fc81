package sipalg

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Location is the stretch of the way on which the message changes.
type Location struct {
	After  string `json:"after"`  // last hop that quoted it unchanged; "" is this machine
	Before string `json:"before"` // first hop that quoted it changed, or the responder
	// Silent: a hop between the two said nothing that counts, so that the box
	// may be any of them.
	Silent bool `json:"silent_between,omitempty"`
}

// locate turns the quoted messages into the stretch where the change happens. A
// quote that ends before the first changed byte says nothing.
func locate(hops []Hop) *Location {
	enough := 0 // bytes
	for i := range hops {
		if hops[i].Changed {
			enough = commonPrefix(hops[i].Sent, hops[i].Quote) + 1
			break
		}
	}
	l, at := &Location{}, 0
	for _, h := range hops {
		switch {
		case h.Addr.IsValid() && h.Changed:
			l.Before, l.Silent = h.Addr.String(), h.TTL != at+1
			return l
		case h.Quoted >= enough:
			l.After, at = h.Addr.String(), h.TTL
		}
	}
	return nil
}

func commonPrefix[T ~string | ~[]byte](a, b T) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// at reports whether the box with that address is the one: it quoted the message
// unchanged, and the very next hop got it changed.
func (l *Location) at(addr string) bool { return !l.Silent && l.After == addr }

func (l *Location) where() words.Text {
	return evidenceSays("hop", words.Args{"here": l.After == "", "after": l.After, "before": l.Before, "silent": l.Silent})
}

// ofQuotes is the evidence of the first router that quoted a question of ours
// other than it was sent. Nobody but the way to it can have changed that.
func ofQuotes(s *Server) (evidence, bool) {
	for _, h := range s.Hops {
		changes := quotedChanges(h.Sent, h.Quote)
		if len(changes) == 0 {
			continue
		}
		a := &ServerAnswer{Transport: "udp", Remote: s.Answers[0].Remote}
		e := evidence{Path: a.path(s.Name, ""), hop: h.Addr, remote: a.Remote, bothEnds: true}
		e.Verdict = Rewriting
		for _, c := range changes {
			e.signs = append(e.signs, sign{Change: c})
		}
		return e, true
	}
	return evidence{}, false
}

// wholeLines are the hops with what their whole lines say: routers cut a quote
// anywhere, and some put data of their own after it (RFC 4884).
func wholeLines(hops []Hop) []Hop {
	out := slices.Clone(hops)
	for i := range out {
		out[i].Changed = out[i].Changed && len(quotedChanges(out[i].Sent, out[i].Quote)) > 0
	}
	return out
}

// quotedChanges compares the whole lines of a quote with the message. Behind a
// line that was put in or taken out nothing can be compared any more.
func quotedChanges(sent, quote []byte) []Change {
	was, is := strings.Split(string(sent), "\r\n"), strings.Split(string(quote), "\r\n")
	var out []Change
	for i := range min(len(was), len(is)-1) { // the last line may be cut
		if was[i] == is[i] {
			continue
		}
		name, _, _ := strings.Cut(was[i], ":")
		now, _, _ := strings.Cut(is[i], ":")
		code := sip.CodeOf(name)
		switch {
		case i == 0:
			code = sip.RequestURI
		case sip.Canonical([]byte(name)) != sip.Canonical([]byte(now)):
			return append(out, Change{sip.HeaderAdded, "request", was[i], is[i]})
		}
		out = append(out, Change{code, "request", was[i], is[i]})
	}
	return out
}
