package session

import (
	"context"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks/internal/voice"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// OpMedia holds a simulated call: the responder opens ports like those that a
// PBX takes for the sound of a call, and sends a stream back on each as long
// as one arrives there.
const OpMedia = "media"

// MediaRequest opens legs of calls, says something about them or ends them.
// Leg is a number of the client's choice.
type MediaRequest struct {
	Open  []MediaOpen `json:"open,omitempty"`
	Look  []int       `json:"look,omitempty"`  // only say how these stand
	Speak []int       `json:"speak,omitempty"` // send MediaSpeech packets to the leg's peer, whether it is silent or not
	End   []MediaEnd  `json:"end,omitempty"`
}

// MediaOpen asks for a leg at one of Ports, the first that can be had.
type MediaOpen struct {
	Leg   int   `json:"leg"`
	Ports []int `json:"ports"`
}

// MediaEnd ends a leg and asks what arrived of the Sent packets of the client.
type MediaEnd struct {
	Leg  int `json:"leg"`
	Sent int `json:"sent"`
}

// MediaReply describes the legs of the request, in its order.
type MediaReply struct {
	Legs []MediaLeg `json:"legs,omitempty"`
}

// MediaLeg is one leg as the responder knows it.
type MediaLeg struct {
	Leg     int            `json:"leg"`
	Port    int            `json:"port,omitempty"`    // where it listens; 0: nowhere
	Refused string         `json:"refused,omitempty"` // why there is none
	From    netip.AddrPort `json:"from,omitzero"`     // where the latest packet came from; invalid: none came
	Hellos  int            `json:"hellos,omitempty"`  // of those of the client
	Up      voice.Stats    `json:"up,omitzero"`       // of the client's stream
	Marks   []MediaMark    `json:"marks,omitempty"`   // of the packets of both
	Sent    int            `json:"sent,omitempty"`    // packets of the responder's stream
	Spoken  int            `json:"spoken,omitempty"`  // packets sent because of Speak
	Marked  bool           `json:"marked,omitempty"`  // they left with DSCP EF
	// Unproved counts packets from addresses that have not shown that they are
	// this client's. They were not answered.
	Unproved int `json:"unproved,omitempty"`
}

// MediaMark is how many packets arrived with a DSCP.
type MediaMark struct {
	DSCP    int `json:"dscp"` // 0 to 63; -1: the system does not tell
	Packets int `json:"packets"`
}

// MediaSpeech is how many packets one wish to Speak brings: at 5 % loss all of
// them are lost once in 10^13 times.
const MediaSpeech = 10

// Media holds a call: it opens, hears about or ends legs.
func (c *Client) Media(ctx context.Context, r MediaRequest) (MediaReply, error) {
	return call[MediaReply](ctx, c, OpMedia, r)
}

// CountMark adds one packet with the given traffic class; -1 is an unknown one.
func CountMark(marks []MediaMark, tos int) []MediaMark {
	dscp := -1
	if tos >= 0 {
		dscp = tos >> 2 & 63
	}
	for i := range marks {
		if marks[i].DSCP == dscp {
			marks[i].Packets++
			return marks
		}
	}
	return append(marks, MediaMark{DSCP: dscp, Packets: 1})
}

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
