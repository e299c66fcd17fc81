package rtpports

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Observed is all that was sent and heard; judge works from it alone.
type Observed struct {
	checks.Limited

	Responder      string      `json:"responder,omitempty"` // as the user named it; empty: none
	ResponderError words.Cause `json:"responder_error,omitempty"`
	Target         netip.Addr  `json:"target,omitzero"`
	Range          string      `json:"range,omitempty"`
	Mode           string      `json:"mode,omitempty"` // sample or full
	Stride         int         `json:"stride,omitempty"`
	Rate           int         `json:"rate_per_second,omitempty"`
	Entries        int         `json:"router_entries,omitempty"`      // the budget that the rate follows from; 0: none
	EntriesFrom    string      `json:"router_entries_from,omitempty"` // where the budget comes from: see fromDefault and the others
	ExpectedMS     int64       `json:"expected_ms,omitempty"`
	ElapsedMS      int64       `json:"elapsed_ms,omitempty"`
	RTTMS          int64       `json:"rtt_ms,omitempty"`

	Sources []Source `json:"sources,omitempty"` // in the order of their use; the last one counts
	Runs    []Run    `json:"runs"`              // of the ports that were asked, sorted
	Sent    int      `json:"packets_sent,omitempty"`

	// Known-open ports were asked again beside silent ones: how often, and how
	// many of these stayed without an answer.
	Canaries     int `json:"canaries,omitempty"`
	CanariesLost int `json:"canaries_lost,omitempty"`
	// Late counts open ports that did not answer when they were first asked.
	Late int `json:"late,omitempty"`

	// Bitmap reports whether the responder said what had reached it; without
	// that no direction is known.
	Bitmap      bool        `json:"bitmap"`
	BitmapError words.Cause `json:"bitmap_error,omitempty"`
	Moved       int         `json:"moved,omitempty"`
	Unproved    int         `json:"unproved,omitempty"`

	Trips       []Trip      `json:"trips,omitempty"`
	ICMP        []ICMP      `json:"icmp,omitempty"`
	LocalFilter int         `json:"local_filter,omitempty"` // sends that this machine's own packet filter refused
	SendError   words.Cause `json:"send_error,omitempty"`
	Plain       *Plain      `json:"plain,omitempty"`
	// Inbound is the test from outside; nil: nobody asked for it.
	Inbound      *Inbound    `json:"inbound,omitempty"`
	InboundError words.Cause `json:"inbound_error,omitempty"` // why it ended early

	GaveUp string `json:"gave_up,omitempty"` // why ports were left open to question
}

// The states of a port that was asked.
const (
	stateOpen     = "open"
	stateOutbound = "outbound" // no probe arrived
	stateReturn   = "return"   // probes arrived, no answer did
	stateSilent   = "silent"   // no answer, and nobody knows whether a probe arrived
	stateLocal    = "local"    // this machine's own packet filter refused to send
	stateBusy     = "busy"     // another program at the responder owns the port
	stateUnknown  = "unknown"
)

// Run is a row of asked ports with the same outcome; in a sample the ports
// between them were not asked.
type Run struct {
	First int    `json:"first"`
	Last  int    `json:"last"`
	Asked int    `json:"asked"`
	State string `json:"state"`
}

// Source is one socket of ours.
type Source struct {
	Local    netip.AddrPort `json:"local"`
	Sent     int            `json:"sent"`
	Answered int            `json:"answered"`
}

// Trip is a moment when new flows no longer passed.
type Trip struct {
	AtMS     int64 `json:"at_ms"`
	Rate     int   `json:"rate_per_second"`
	Answered int   `json:"answered"` // new flows that had passed when they began to fail
	Failed   int   `json:"failed"`   // new flows that failed after them
	Step     bool  `json:"step"`     // in send order it is a step
	Cleared  bool  `json:"cleared"`  // new flows passed again later
	WaitMS   int64 `json:"wait_ms"`
}

// ICMP is what one hop said about some ports.
type ICMP struct {
	Hop        netip.Addr  `json:"hop"`
	Meaning    words.Cause `json:"meaning"`
	Prohibited bool        `json:"prohibited,omitempty"`
	// How many silent ports it spoke about, and the outermost of them.
	Ports int `json:"ports"`
	First int `json:"first"`
	Last  int `json:"last"`
}

// Plain is the control: packets of the same length that are no RTP.
type Plain struct {
	OpenAsked       int `json:"open_asked"`
	OpenAnswered    int `json:"open_answered"`
	BlockedAsked    int `json:"blocked_asked"`
	BlockedAnswered int `json:"blocked_answered"`
}

// Inbound is what the test from outside saw: packets that nobody here asked
// for, as those of a call that comes in.
type Inbound struct {
	Range    string           `json:"range"`
	Stride   int              `json:"stride"`
	Conf     *netinfo.RTPConf `json:"conf,omitempty"`     // what the PBX uses; nil: only the user said
	Public   netip.Addr       `json:"public,omitzero"`    // where the responder sent to
	Local    netip.Addr       `json:"local,omitzero"`     // where a forwarding has to lead
	Method   string           `json:"method,omitempty"`   // watch, or bind
	WhyBind  words.Cause      `json:"why_bind,omitempty"` // why nothing could be watched: "ipv4-only", "unsupported", or an error
	Rate     int              `json:"rate_per_second,omitempty"`
	Expected int64            `json:"expected_ms,omitempty"`
	Elapsed  int64            `json:"elapsed_ms,omitempty"`
	Sent     int              `json:"packets_sent,omitempty"` // by the responder

	Runs []InRun `json:"runs"` // of the ports that were tried, sorted
	// Late counts ports whose first packet was lost on the way.
	Late   int                   `json:"late,omitempty"`
	ICMP   []session.InboundICMP `json:"icmp,omitempty"` // that reached the responder
	Hops   []netip.Addr          `json:"hops,omitempty"` // routers on the way out, from the first; invalid: silent. Only when nothing arrived.
	GaveUp string                `json:"gave_up,omitempty"`
}

// The outcomes of a port that was tried from outside; stateBusy and
// stateUnknown are the others.
const (
	inArrives  = "arrives"
	inMoved    = "moved"    // at another port of this machine
	inFiltered = "filtered" // at this machine, whose own packet filter drops it
	inSilent   = "silent"
)

// InRun is a row of tried ports with the same outcome.
type InRun struct {
	First int    `json:"first"`
	Last  int    `json:"last"`
	Asked int    `json:"asked"`
	State string `json:"state"`
	// To and ToLast are where the packets to First and Last of a moved run
	// arrived.
	To     int `json:"to,omitempty"`
	ToLast int `json:"to_last,omitempty"`
}

const (
	methodWatch = "watch"
	methodBind  = "bind"
)
