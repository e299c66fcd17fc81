package capture

import (
	"net/netip"
	"slices"
	"strings"
)

// A PBX makes a call of its own for each call that it takes: another Call-ID, a leg.
// What becomes of that is the cause of what the caller is told.

const (
	// legWithin is how long after a call a PBX begins the next leg: dialplan, DNS.
	legWithin = 4_000_000 // microseconds
	// maxLegs bounds how many calls are compared with one.
	maxLegs = 200
	// sameDigits is how many last digits have to be the same in two forms of one
	// number, +7495… and 8495….
	sameDigits = 7
)

// legs are the calls that each address begins, in their order.
func legs(calls []*exchange) map[netip.Addr][]*exchange {
	out := map[netip.Addr][]*exchange{}
	for _, x := range calls {
		if t := x.main(); t.request != nil && t.first.Method == "INVITE" {
			out[t.client.Addr()] = append(out[t.client.Addr()], x)
		}
	}
	for _, list := range out {
		slices.SortStableFunc(list, func(a, b *exchange) int { return int(min(1, max(-1, a.Messages[0].At-b.Messages[0].At))) })
	}
	return out
}

// next is the leg that the server of a failed call began for it, and that failed as
// well before the caller was told; nil where the capture holds none.
func (v *view) next(x *exchange) *exchange {
	t := x.main()
	if t.request == nil || t.finalTo == nil || t.first.Method != "INVITE" {
		return nil
	}
	list := v.legs[t.server.Addr()]
	begin := t.request.At
	at, _ := slices.BinarySearchFunc(list, begin, func(o *exchange, at int64) int { return int(min(1, max(-1, o.Messages[0].At-at))) })
	for _, o := range list[at:min(len(list), at+maxLegs)] {
		n := o.main()
		if o.Messages[0].At > begin+legWithin {
			return nil
		}
		failed := n.final() >= 300 && n.finalTo.At <= t.finalTo.At || len(n.answers) == 0
		if o != x && failed && n.server != t.client && sameCall(t, n) {
			return o
		}
	}
	return nil
}

// sameCall reports whether two legs name the same caller or the same called number.
func sameCall(a, b *transaction) bool {
	dialled := func(t *transaction) []string {
		return []string{t.first.To.number(), (Party{URI: t.request.URI}).number()}
	}
	for _, x := range dialled(a) {
		if slices.ContainsFunc(dialled(b), func(y string) bool { return sameNumber(x, y) }) {
			return true
		}
	}
	return sameNumber(a.first.From.number(), b.first.From.number())
}

func sameNumber(a, b string) bool {
	if a == "" || b == "" || strings.EqualFold(a, "anonymous") { // RFC 3323: that is nobody's number
		return false
	}
	if strings.EqualFold(a, b) {
		return true
	}
	x, y := digits(a), digits(b)
	return len(x) >= sameDigits && len(y) >= sameDigits && x[len(x)-sameDigits:] == y[len(y)-sameDigits:]
}
