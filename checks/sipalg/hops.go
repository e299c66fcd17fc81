package sipalg

import "github.com/sipdoctor/sipdoctor/platform/words"

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

// commonPrefix is how many bytes a and b begin with in common.
func commonPrefix[T ~string | ~[]byte](a, b T) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// at reports whether the box with that address is the one: it quoted the message
// unchanged, and the very next hop got it changed.
func (l *Location) at(addr string) bool { return !l.Silent && l.After == addr }

// where is l for people.
func (l *Location) where() words.Text {
	return evidenceSays("hop", words.Args{"here": l.After == "", "after": l.After, "before": l.Before, "silent": l.Silent})
}
