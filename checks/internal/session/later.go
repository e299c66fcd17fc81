package session

import (
	"bytes"
	"context"
	"net/netip"
	"strconv"
)

// OpLater asks for messages on flows that have been silent for a while: how
// long a router remembers a flow shows itself when nobody speaks.
const OpLater = "later"

// LaterRequest names flows by the probe number that opened them, and how long
// each shall have been silent, in seconds, when the responder speaks on it. A
// flow gets its messages once; a flow that has them already, or AfterS 0, only
// asks how it stands.
type LaterRequest struct {
	Flows  []int `json:"flows"`
	AfterS int   `json:"after_s,omitempty"`
}

// LaterReply says how the flows stand, in the order of the request.
type LaterReply struct {
	Flows []LaterFlow `json:"flows"`
}

// LaterFlow is one flow as the responder knows it.
type LaterFlow struct {
	Flow    int            `json:"flow"`
	From    netip.AddrPort `json:"from,omitzero"`     // invalid: no message of it has arrived
	Packets int            `json:"packets,omitempty"` // that arrived on it
	Sent    int            `json:"sent,omitempty"`    // late messages that left the responder
	Refused string         `json:"refused,omitempty"` // why it will get none
}

// Later asks for late messages.
func (c *Client) Later(ctx context.Context, r LaterRequest) (LaterReply, error) {
	return call[LaterReply](ctx, c, OpLater, r)
}

// laterURI is asked by every message of such a flow, in both directions: a
// harmless SIP request, because on the SIP port anything else might be dropped
// for its content.
const laterURI = "sip:later@"

// IsLater reports whether a message belongs to a flow that waits.
func IsLater(raw []byte) bool { return bytes.HasPrefix(raw, []byte("OPTIONS "+laterURI)) }

// LaterMessage is the request by which the client opens or refreshes a flow,
// and the one that comes back late. from is the sender's address, to the
// receiver's, seq tells repetitions apart.
func LaterMessage(from, to netip.AddrPort, token string, seq int) []byte {
	return options(laterURI+to.String(), "udp", from, token, token+strconv.Itoa(seq), seq)
}
