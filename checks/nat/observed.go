package nat

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Observed is all that was asked and heard; judge works from it alone.
type Observed struct {
	checks.Limited

	Targets        []Target    `json:"targets"`
	Responder      string      `json:"responder,omitempty"`       // how the responder's session is carried: https or udp; empty without one
	ResponderError words.Cause `json:"responder_error,omitempty"` // why its session did not open: slow, or the text of an error
	Families       []Family    `json:"families"`                  // IPv4 first; a family without a route is absent
	Control        []Connect   `json:"control,omitempty"`         // only when no server answered by UDP
}

// Where a target comes from.
const (
	fromResponder = "responder"
	fromUser      = "user"
	fromPublic    = "public"
)

// Target is a STUN server by name.
type Target struct {
	Name   string           `json:"name"` // host:port
	Source string           `json:"source"`
	Addrs  []netip.AddrPort `json:"addrs,omitempty"`
	TCP    []netip.AddrPort `json:"tcp,omitempty"`   // where it says that it listens, one port of each kind
	Error  words.Cause      `json:"error,omitempty"` // why it has no addresses: no-stun, no-address, or the text of an error
}

// Family is what was seen over IPv4, or over IPv6.
type Family struct {
	V6      bool        `json:"v6"`
	Samples []Sample    `json:"samples"`
	Filter  []Filter    `json:"filter,omitempty"`
	Hops    []Hop       `json:"hops,omitempty"`
	Strays  int         `json:"strays,omitempty"` // datagrams that answered no question
	Error   words.Cause `json:"error,omitempty"`  // why no socket could be opened
}

func (o *Observed) samples() (all []Sample) {
	for _, f := range o.Families {
		all = append(all, f.Samples...)
	}
	return all
}

// What a sample's socket was for.
const (
	rolePlain = "mapping" // the one socket that asks every server
	rolePort  = "port"    // a fresh socket that asks one server
	roleRTP   = "rtp"     // the even port of a pair
	roleRTCP  = "rtcp"    // the odd port of a pair
)

// Sample is one question to one address of a server: how does it see us?
type Sample struct {
	Role     string           `json:"role"`
	Source   string           `json:"source,omitempty"` // of the target
	Local    netip.AddrPort   `json:"local"`
	Server   netip.AddrPort   `json:"server"`
	Answered bool             `json:"answered"`
	Mapped   netip.AddrPort   `json:"mapped,omitzero"` // XOR-MAPPED-ADDRESS, else MAPPED-ADDRESS
	Plain    netip.AddrPort   `json:"plain,omitzero"`  // MAPPED-ADDRESS
	Other    netip.AddrPort   `json:"other,omitzero"`  // OTHER-ADDRESS
	Code     int              `json:"error_code,omitempty"`
	RTTMS    int64            `json:"rtt_ms,omitempty"` // upper bound: from the first send
	Sent     int              `json:"sent"`
	NotAwait bool             `json:"not_awaited,omitempty"` // enough was known before it answered
	From     []netip.AddrPort `json:"answered_from,omitempty"`
	ICMP     []string         `json:"icmp,omitempty"`
	Refused  string           `json:"prohibited_by,omitempty"` // who said by ICMP that a filter forbids it
	SendErr  string           `json:"send_error,omitempty"`
	Filtered bool             `json:"local_filter,omitempty"` // this machine's own packet filter dropped it
}

// Filter is one test of filtering: a fresh socket asks Server for an answer
// from Expect, where the socket has never sent anything.
type Filter struct {
	Server    netip.AddrPort   `json:"server"`
	Expect    netip.AddrPort   `json:"expect"`
	Responder bool             `json:"responder,omitempty"` // the server is our own
	Answered  bool             `json:"answered"`
	Code      int              `json:"error_code,omitempty"` // the server refused, 420 when it cannot
	Ignored   bool             `json:"ignored,omitempty"`    // it answered from Server: CHANGE-REQUEST was not obeyed
	From      []netip.AddrPort `json:"answered_from,omitempty"`
	Sent      int              `json:"sent"`
	Touched   bool             `json:"touched,omitempty"` // this run had sent to Expect before, from another socket
	Broken    bool             `json:"broken,omitempty"`  // the test itself could not be made, or not to its end

	// The control: the same request from a socket that has asked Expect
	// before, so that every filter is open. Only that tells a filter's silence
	// from a server's.
	Alternate bool `json:"alternate_answered,omitempty"` // Expect answered a plain question
	Control   bool `json:"control_answered,omitempty"`   // the changed answer came through the opened filter
	Cut       bool `json:"control_cut,omitempty"`        // time ran out before the control was done
}

// ChangesAddress reports whether the answer was to come from another address,
// not only another port.
func (f Filter) ChangesAddress() bool { return f.Server.Addr() != f.Expect.Addr() }

// Hop is a router that a question with a short TTL died at.
type Hop struct {
	TTL     int        `json:"ttl"`
	Addr    netip.Addr `json:"addr,omitzero"`
	Reached bool       `json:"reached,omitempty"` // the server answered: no more hops
}

// Connect is a TCP connection that was tried because UDP was silent.
type Connect struct {
	To        netip.AddrPort `json:"to"`
	Connected bool           `json:"connected"`
	Listens   bool           `json:"listens,omitempty"` // our responder said so
	Refused   bool           `json:"refused,omitempty"` // answered by a reset: the way there and back is open
	Error     words.Cause    `json:"error,omitempty"`
}

// believable reports whether an OTHER-ADDRESS can be what RFC 5780 section 7.4
// means: another address of the same server, of the same family and as public
// as the first. Some servers repeat their own address, which would make every
// filter look endpoint-independent.
func believable(server, other netip.AddrPort) bool {
	a, b := server.Addr(), other.Addr()
	return other.Port() != 0 && a != b && a.Is4() == b.Is4() &&
		!b.IsUnspecified() && !b.IsMulticast() && netinfo.IsPrivate(a) == netinfo.IsPrivate(b) && a.IsLoopback() == b.IsLoopback()
}
