package media

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/voice"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Problems that this check finds itself; their values follow, with a space
// before each. Any other is the text of an error.
const (
	noRTPPorts = "no-rtp-ports" // the responder answers on none
	otherPorts = "other-ports"  // ports served, ports wanted
	mismatch   = "mismatch"     // the responder's answer does not fit the question
	noPort     = "no-port"      // why the responder opened none
)

// Observed is all that was sent and heard; judge works from it alone.
type Observed struct {
	checks.Limited

	Responder string      `json:"responder,omitempty"` // as the user named it; empty: none
	Problem   words.Cause `json:"problem,omitempty"`   // why something is missing
	Target    netip.Addr  `json:"target,omitzero"`
	First     int         `json:"first,omitempty"` // ports that a call may have
	Last      int         `json:"last,omitempty"`
	PlannedMS int64       `json:"planned_ms,omitempty"`
	Deep      bool        `json:"deep,omitempty"`

	Locals []netip.AddrPort `json:"locals,omitempty"` // our sockets, in the order of their use
	Doors  []Door           `json:"doors"`            // ports that were tried before the call
	Call   *Call            `json:"call,omitempty"`
	Move   *Move            `json:"move,omitempty"`
	Hold   *Hold            `json:"hold,omitempty"`
	Load   []Load           `json:"load,omitempty"` // in the order of the number of calls

	LocalFilter int           `json:"local_filter,omitempty"` // sends that this machine's own packet filter refused
	SendError   words.Cause   `json:"send_error,omitempty"`
	Unmarked    bool          `json:"unmarked,omitempty"` // this system sends no traffic class
	ICMP        []words.Cause `json:"icmp,omitempty"`     // what hops said about our packets
}

// Door is one port of the responder that was asked whether a call can have it.
type Door struct {
	Port     int         `json:"port,omitempty"`
	Refused  words.Cause `json:"refused,omitempty"` // by the responder
	Asked    int         `json:"asked,omitempty"`
	Answered int         `json:"answered,omitempty"`
	Told     bool        `json:"told,omitempty"`     // the responder said what had arrived
	Arrived  int         `json:"arrived,omitempty"`  // of those asked
	Unproved int         `json:"unproved,omitempty"` // came from an address that is not known to be ours
}

// Call is one call from its first packet to its last.
type Call struct {
	Port     int            `json:"port"`
	Seen     netip.AddrPort `json:"seen,omitzero"` // our address as the responder saw it
	LengthMS int64          `json:"length_ms"`
	Told     bool           `json:"told,omitempty"` // the responder said what had arrived; without, Up is void
	Up       Way            `json:"up"`
	Down     Way            `json:"down"`
	RTT      RTT            `json:"rtt,omitzero"`
}

// Way is one direction of a call as its receiver saw it.
type Way struct {
	voice.Stats
	Marked bool                `json:"marked,omitempty"` // it was sent with DSCP EF
	Marks  []session.MediaMark `json:"marks,omitempty"`
}

// RTT are round trips, ms, between the two programs: the pauses of either do
// not count.
type RTT struct {
	Samples  int     `json:"samples,omitempty"`
	MinMS    float64 `json:"min_ms"`
	MedianMS float64 `json:"median_ms"`
	MaxMS    float64 `json:"max_ms"`
}

// Move is what happened when our port changed in the middle of the call.
type Move struct {
	AtMS   int64          `json:"at_ms"`           // into the call
	Local  netip.AddrPort `json:"local"`           // the new one
	Before netip.AddrPort `json:"before,omitzero"` // the old one as the responder saw it
	Heard  bool           `json:"heard,omitempty"`
	GapMS  int64          `json:"gap_ms,omitempty"` // until the stream came to the new port
	Follow int            `json:"follow,omitempty"` // packets that came there
	// UpFollowed reports that the responder heard the new port.
	UpFollowed bool `json:"up_followed,omitempty"`
}

// Hold is a call in which nobody spoke for a while.
type Hold struct {
	SilentS    int         `json:"silent_s"`
	Opened     bool        `json:"opened,omitempty"`      // sound passed before
	Spoken     int         `json:"spoken,omitempty"`      // packets of the responder after the silence
	Heard      int         `json:"heard,omitempty"`       // of them
	UpAsked    int         `json:"up_asked,omitempty"`    // packets of ours after that
	UpAnswered int         `json:"up_answered,omitempty"` // of them
	Problem    words.Cause `json:"problem,omitempty"`
}

// Load is what became of some calls at a time, all of them together.
type Load struct {
	Calls   int         `json:"calls"`   // that were made
	Reached int         `json:"reached"` // of them, could be begun
	Up      Way         `json:"up"`
	Down    Way         `json:"down"`
	Problem words.Cause `json:"problem,omitempty"`
}
