package session

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"slices"
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

// A SizeProbe is a datagram whose length is all that matters. The responder
// answers with another one of Want bytes, when the client has sent as many:
// asking for a long answer costs several requests of ordinary length.
//
//	SIZE <token> <sequence> <wanted length> LF, filled up with dots
type SizeProbe struct {
	Token string
	Seq   int // told back, 0..65535
	Want  int // length of the answer, bytes of UDP payload; 0: as short as possible
}

// A SizeReply is the answer to a SizeProbe.
//
//	SIZED <token> <sequence> <length that arrived> <length of the answer> LF, filled up
type SizeReply struct {
	Token string
	Seq   int
	Got   int // length of the request as it arrived, bytes of UDP payload
	Want  int // what the answer was filled up to; 0: it is as short as possible
}

// MaxSize is the longest datagram of a SizeProbe or SizeReply, bytes: longer
// than any SIP message that a phone would send.
const MaxSize = 8192

// MinSize is the shortest, masked: its text is shorter in every case.
const MinSize = 128

// Bytes is the unmasked message that becomes size bytes long when masked.
func (p SizeProbe) Bytes(size int) []byte {
	return fill(fmt.Sprintf("SIZE %s %d %d\n", p.Token, p.Seq, p.Want), size)
}

// Bytes is the unmasked message.
func (r SizeReply) Bytes() []byte {
	return fill(fmt.Sprintf("SIZED %s %d %d %d\n", r.Token, r.Seq, r.Got, r.Want), max(r.Want, MinSize))
}

func fill(text string, size int) []byte {
	return append([]byte(text), bytes.Repeat([]byte("."), max(0, size-MaskOverhead-len(text)))...)
}

// IsSize reports whether an unmasked message is a SizeProbe.
func IsSize(raw []byte) bool { return bytes.HasPrefix(raw, []byte("SIZE sdt")) }

// ParseSizeProbe reads a request; the token is not proved by that.
func ParseSizeProbe(raw []byte) (p SizeProbe, ok bool) {
	ok = sizeLine(raw, "SIZE %s %d %d\n", &p.Token, &p.Seq, &p.Want)
	return p, ok
}

// ParseSizeReply reads an answer; the token is not proved by that.
func ParseSizeReply(raw []byte) (r SizeReply, ok bool) {
	ok = sizeLine(raw, "SIZED %s %d %d %d\n", &r.Token, &r.Seq, &r.Got, &r.Want)
	return r, ok
}

// sizeLine reads the first line: a token and some numbers of 0 to 65535.
func sizeLine(raw []byte, format string, token *string, numbers ...*int) bool {
	into := []any{token}
	for _, n := range numbers {
		into = append(into, n)
	}
	_, err := fmt.Sscanf(string(raw[:min(len(raw), MinSize)]), format, into...)
	return err == nil && !slices.ContainsFunc(numbers, func(n *int) bool { return *n < 0 || *n > 65535 })
}
