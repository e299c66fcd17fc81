package fragments

import (
	"github.com/sipdoctor/sipdoctor/checks"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Observed is everything that was seen, as it is stored in the report.
type Observed struct {
	checks.Limited

	NoResponder bool   `json:"no_responder,omitempty"`
	Responder   string `json:"responder,omitempty"`
	V6          bool   `json:"v6,omitempty"`
	Problem     string `json:"problem,omitempty"` // why nothing could be measured: noPlainPort

	// Asked and Answered count the short probes that ran beside the others:
	// what they lose is the line's loss.
	Asked    int `json:"asked"`
	Answered int `json:"answered"`

	Sizes   []Size   `json:"sizes"`   // by direction, then ascending
	TooBig  []TooBig `json:"too_big"` // what routers said
	Whole   bool     `json:"whole"`   // the system can send with DF, so direction "whole" was tried
	Invites []Invite `json:"invites"` // on the SIP port
}

// The directions of a Size.
const (
	up    = "up"    // as a phone sends, fragmented where need be
	down  = "down"  // as a server sends
	whole = "whole" // up with the DF bit: one piece or nothing
)

// Size is one length of UDP payload in one direction.
type Size struct {
	Direction string      `json:"direction"`
	Bytes     int         `json:"bytes"`
	Pieces    int         `json:"pieces"` // on a link of 1500 bytes
	Tries     int         `json:"tries"`
	Passed    bool        `json:"passed,omitempty"`
	Silent    bool        `json:"silent,omitempty"` // enough tries that it was not loss
	Local     bool        `json:"local,omitempty"`  // this machine's own link is too narrow
	Note      words.Cause `json:"note,omitempty"`
}

// TooBig is an ICMP "fragmentation needed" or "packet too big".
type TooBig struct {
	Hop string `json:"hop"`
	MTU int    `json:"mtu,omitempty"` // 0: it did not say
}

// Invite is a real INVITE over UDP to the SIP port.
type Invite struct {
	Bytes    int  `json:"bytes"`
	Tries    int  `json:"tries"`
	Answered bool `json:"answered,omitempty"`
	Silent   bool `json:"silent,omitempty"` // enough tries that it was not loss
}

// noPlainPort: the responder has no plain UDP port.
const noPlainPort = "no-plain-port"
