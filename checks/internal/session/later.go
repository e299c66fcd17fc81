package session

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
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

// laterLine begins every message of such a flow, in both directions: a
// harmless SIP request, because on the SIP port anything else might be dropped
// for its content.
const laterLine = "OPTIONS sip:later@"

// IsLater reports whether a message belongs to a flow that waits.
func IsLater(raw []byte) bool { return bytes.HasPrefix(raw, []byte(laterLine)) }

// LaterMessage is the request by which the client opens or refreshes a flow,
// and the one that comes back late. from is the sender's address, to the
// receiver's, seq tells repetitions apart.
func LaterMessage(from, to netip.AddrPort, token string, seq int) []byte {
	b := &bytes.Buffer{}
	fmt.Fprintf(b, "%s%s SIP/2.0\r\n", laterLine, to)
	fmt.Fprintf(b, "Via: SIP/2.0/UDP %s;branch=z9hG4bK%s%d;rport\r\n", from, token, seq)
	fmt.Fprintf(b, "Max-Forwards: 70\r\n")
	fmt.Fprintf(b, "From: <sip:sipdoctor@%s>;tag=%s\r\n", from, token[len(token)-12:])
	fmt.Fprintf(b, "To: <sip:later@%s>\r\n", to)
	fmt.Fprintf(b, "Call-ID: %s\r\n", token)
	fmt.Fprintf(b, "CSeq: %d OPTIONS\r\n", seq)
	fmt.Fprintf(b, "Contact: <sip:sipdoctor@%s>\r\n", from)
	fmt.Fprintf(b, "User-Agent: sipdoctor\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n")
	return b.Bytes()
}
