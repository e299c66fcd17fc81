package natlifetime

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Observed is everything that was seen, as it is stored in the report.
type Observed struct {
	checks.Limited

	NoResponder bool        `json:"no_responder,omitempty"`
	Responder   string      `json:"responder,omitempty"`
	Problem     words.Cause `json:"problem,omitempty"` // why nothing could be measured: noPlainPort, or an error
	Ladder      []int       `json:"ladder_s"`          // seconds, ascending
	Need        *Need       `json:"need,omitempty"`    // nil: no profile, or one that says nothing
	// OutageS is when a flow that was kept busy beside the silent ones stopped
	// being answered, seconds after the start; 0: never. From then on silence is
	// no forgetting.
	OutageS int     `json:"outage_s,omitempty"`
	Groups  []Group `json:"groups"`
}

// Need is what a provider's profile asks for, seconds; 0: it says nothing.
type Need struct {
	Profile      string `json:"profile"`
	Registration int    `json:"registration_s,omitempty"`
	KeepAlive    int    `json:"keepalive_s,omitempty"`
	TimeoutMin   int    `json:"udp_timeout_min_s,omitempty"`
}

const (
	noPlainPort = "no-plain-port" // the responder has no UDP port to probe
	unanswered  = "no-answer"     // to what opens a flow
)

// The kinds of flows.
const (
	kindStream = "stream"     // to a plain port, two exchanges over two seconds apart
	kindOnce   = "once"       // to a plain port, one exchange
	kindSIP    = "sip-stream" // to the SIP port, two exchanges
)

// Group is one kind of flows to one port of the responder.
type Group struct {
	Kind  string `json:"kind"`
	Port  int    `json:"port"`
	Rungs []Rung `json:"rungs"` // the control first, then ascending
}

// Rung is one length of silence.
type Rung struct {
	Seconds int    `json:"seconds"`
	Control bool   `json:"control,omitempty"` // far below every router's timer
	Flows   []Flow `json:"flows"`
}

// Flow is one UDP flow that was left silent.
type Flow struct {
	Local   netip.AddrPort `json:"local"`
	Seen    netip.AddrPort `json:"seen,omitzero"`     // our address as the responder saw it
	Opened  bool           `json:"opened,omitempty"`  // all exchanges were answered
	Waited  bool           `json:"waited,omitempty"`  // the time passed while we listened
	Sent    int            `json:"sent,omitempty"`    // late messages that left the responder
	Heard   int            `json:"heard,omitempty"`   // of those, how many arrived
	AfterMS int64          `json:"after_ms,omitzero"` // silence before the first of them, as we measured it
	Note    words.Cause    `json:"note,omitempty"`    // what went wrong: unanswered, or an error
}

func (f *Flow) alive() bool { return f.Heard > 0 }
