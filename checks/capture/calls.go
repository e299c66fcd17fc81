package capture

import (
	"net/netip"
	"strings"
)

// A transaction is one request with its answers (RFC 3261, 17), as it was seen at
// one place of the way: a capture on a router sees it twice.
type transaction struct {
	request  *Message // nil: only answers were captured
	answers  []*Message
	client   netip.AddrPort
	server   netip.AddrPort
	first    *Message
	acked    *Message // of an INVITE: the ACK that belongs to it
	finalTo  *Message // the first final answer
	dialogue *exchange
}

// An exchange is a Call-ID with its transactions, in the order of the capture.
type exchange struct {
	*Dialog
	list []*transaction
}

// Outcomes of a call or another exchange.
const (
	outcomeAnswered     = "answered"     // INVITE: 2xx
	outcomeCancelled    = "cancelled"    // the caller hung up before an answer
	outcomeRejected     = "rejected"     // a final answer of 300 or more
	outcomeUnanswered   = "unanswered"   // no answer at all
	outcomeUnfinished   = "unfinished"   // the capture ended, or only 1xx came
	outcomeAccepted     = "accepted"     // any other request: 2xx
	outcomeUnauthorised = "unauthorised" // challenged, and nothing followed
)

// exchanges puts the transactions of each dialog together.
func exchanges(dialogs []Dialog) []*exchange {
	out := make([]*exchange, 0, len(dialogs))
	for i := range dialogs {
		x := &exchange{Dialog: &dialogs[i]}
		for j := range x.Messages {
			x.add(&x.Messages[j])
		}
		if len(x.list) > 0 { // a saved report may have lost the messages
			out = append(out, x)
		}
	}
	return out
}

// add finds the transaction of a message: same way, same branch, CSeq and method.
func (x *exchange) add(m *Message) {
	client, server := m.Src, m.Dst
	if m.Status > 0 {
		client, server = m.Dst, m.Src
	}
	branch := branchOf(m.Via)
	same := func(t *transaction) bool {
		f := t.first
		if f.CSeq != m.CSeq || t.client != client || f.Interface != m.Interface {
			return false
		}
		if m.Method == "ACK" && f.Method == "INVITE" && m.Status == 0 {
			// After a 2xx its branch is a new one, and it goes to the Contact (RFC 3261, 13.2.2.4).
			return t.server == server || t.granted()
		}
		return t.server == server && f.Method == m.Method && (branch == "" || branchOf(f.Via) == branch)
	}
	i := len(x.list) - 1
	for ; i >= 0 && !same(x.list[i]); i-- {
	}
	if i < 0 {
		x.list = append(x.list, &transaction{client: client, server: server, first: m, dialogue: x})
		i = len(x.list) - 1
		if m.Status == 0 {
			x.list[i].request = m
			return
		}
	}
	t := x.list[i]
	switch {
	case m.Status > 0:
		t.answers = append(t.answers, m)
		if m.Status >= 200 && t.finalTo == nil {
			t.finalTo = m
		}
	case m.Method == "ACK" && t.first.Method == "INVITE":
		if t.acked == nil {
			t.acked = m
		}
	}
}

func branchOf(via string) string {
	_, rest, ok := strings.Cut(via, "branch=")
	if !ok {
		return ""
	}
	end := strings.IndexAny(rest, "; ,\t\r\n")
	if end < 0 {
		return rest
	}
	return rest[:end]
}

// method is what the exchange is about: that of its first message which is no ACK.
func (d *Dialog) method() string {
	for i := range d.Messages {
		if m := d.Messages[i].Method; m != "ACK" {
			return m
		}
	}
	return "ACK"
}

// main is the transaction that decides the outcome: the last of the exchange's
// method within its first direction that did not only ask for credentials. An exchange
// has messages, so it has one.
func (x *exchange) main() *transaction {
	method := x.method()
	var out *transaction
	for _, t := range x.list {
		if t.first.Method != method {
			continue
		}
		if out != nil && out.final() >= 200 && out.final() < 300 {
			break // what follows is within the dialog: re-INVITE, refresh
		}
		out = t
	}
	return out
}

func (t *transaction) final() int {
	if t.finalTo == nil {
		return 0
	}
	return t.finalTo.Status
}

// granted reports whether the final answer is a 2xx.
func (t *transaction) granted() bool { return t.final()/100 == 2 }

// outcome says how the exchange went.
func (x *exchange) outcome() string {
	t := x.main()
	switch code := t.final(); {
	case code >= 200 && code < 300 && t.first.Method == "INVITE":
		return outcomeAnswered
	case code >= 200 && code < 300:
		return outcomeAccepted
	case code == 487:
		return outcomeCancelled
	case code == 401 || code == 407:
		return outcomeUnauthorised
	case code >= 300:
		return outcomeRejected
	case len(t.answers) > 0 || t.request == nil || t.first.Method == "ACK":
		return outcomeUnfinished
	}
	return outcomeUnanswered
}

// number is who is called, or who registers.
func (p Party) number() string {
	s := p.URI
	if _, rest, ok := strings.Cut(s, ":"); ok {
		s = rest
	}
	if user, _, ok := strings.Cut(s, "@"); ok {
		return user
	}
	host, _, _ := strings.Cut(s, ";")
	return host
}
