package session

import (
	"context"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// OpInbound asks for unsolicited packets: what a PBX behind NAT gets when a
// call comes in, and what only a port forwarding lets through. They go to the
// address that this very call comes from, and to no other.
const OpInbound = "inbound"

const (
	// MaxInboundPorts bounds one call: half a second at MaxInboundRate, so that
	// the packets end soon after a client that has gone away.
	MaxInboundPorts = 256
	// MaxInboundRate is what a responder sends to one address at most, packets
	// of RTPProbeSize bytes a second: as much as ten calls of G.711.
	MaxInboundRate = 500
	// FirstInboundPort is the lowest that is possible: below it are services,
	// and no PBX has its media there.
	FirstInboundPort = 1024
)

// InboundRequest names the ports, in the form of EncodePorts. There is no
// address in it on purpose.
type InboundRequest struct {
	Ports []string `json:"ports"`
	Rate  int      `json:"rate,omitempty"` // packets a second; 0 or more than MaxInboundRate: that
	// Plain asks for packets that no PBX takes for RTP, for ports where a call
	// may be going on.
	Plain bool `json:"plain,omitempty"`
}

// InboundReply comes when the packets have left. Each is an RTPProbe with
// Answer set, so that no responder answers it, and names the port it was sent
// to.
type InboundReply struct {
	To     netip.Addr     `json:"to"`   // the client's address outside
	From   netip.AddrPort `json:"from"` // the responder's, as the client knows it
	Sent   int            `json:"sent"`
	Failed []string       `json:"failed,omitempty"` // ports whose packet did not leave: their silence means nothing
	// ICMP is what came back about the packets of this session so far.
	ICMP []InboundICMP `json:"icmp,omitempty"`
	// WaitS, when not zero, is for how many seconds nothing more will be sent to
	// this address; nothing has been.
	WaitS int `json:"wait_s,omitempty"`
}

// InboundICMP is what one hop said about some of the packets.
type InboundICMP struct {
	Hop     netip.Addr  `json:"hop"`
	Meaning words.Cause `json:"meaning"`
	First   int         `json:"first"` // the outermost ports that it spoke about
	Last    int         `json:"last"`
	Count   int         `json:"count"`
}

// Inbound asks for packets to ports of ours. It returns when they have left.
func (c *Client) Inbound(ctx context.Context, r InboundRequest) (InboundReply, error) {
	return call[InboundReply](ctx, c, OpInbound, r)
}
