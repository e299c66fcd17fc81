package rtpports

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Inbound is what the test from outside saw: packets that nobody here asked
// for, as those of a call that comes in.
type Inbound struct {
	Range    string      `json:"range"`
	Stride   int         `json:"stride"`
	Conf     *InConf     `json:"conf,omitempty"`     // what the PBX uses; nil: only the user said
	Public   netip.Addr  `json:"public,omitzero"`    // where the responder sent to
	Local    netip.Addr  `json:"local,omitzero"`     // where a forwarding has to lead
	Method   string      `json:"method,omitempty"`   // watch, or bind
	WhyBind  words.Cause `json:"why_bind,omitempty"` // why nothing could be watched: "ipv4-only", "unsupported", or an error
	Rate     int         `json:"rate_per_second,omitempty"`
	Expected int64       `json:"expected_ms,omitempty"`
	Elapsed  int64       `json:"elapsed_ms,omitempty"`
	Sent     int         `json:"packets_sent,omitempty"` // by the responder

	Runs []InRun `json:"runs"` // of the ports that were tried, sorted
	// Late counts ports whose first packet was lost on the way.
	Late   int          `json:"late,omitempty"`
	ICMP   []InICMP     `json:"icmp,omitempty"` // that reached the responder
	Hops   []netip.Addr `json:"hops,omitempty"` // routers on the way out, from the first; invalid: silent. Only when nothing arrived.
	GaveUp string       `json:"gave_up,omitempty"`
}

// InConf is the PBX's own word.
type InConf struct {
	File    string        `json:"file"`
	First   int           `json:"first"`
	Last    int           `json:"last"`
	Default bool          `json:"default,omitempty"` // the file names no range
	Notes   []words.Cause `json:"notes,omitempty"`
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

// InICMP is what one hop said about some of the packets.
type InICMP struct {
	Hop     netip.Addr  `json:"hop"`
	Meaning words.Cause `json:"meaning"`
	First   int         `json:"first"`
	Last    int         `json:"last"`
	Count   int         `json:"count"`
}

const (
	methodWatch = "watch"
	methodBind  = "bind"
)
