// Package session is the conversation between the client and its responder:
// what a session is, how probes are tagged, and the control calls. The
// messages are the same over HTTPS and over masked UDP datagrams, so that a
// network that lets only UDP through still gets an answer.
package session

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"time"
)

// Protocol is the version of everything in this file. A responder refuses
// another major number with a clear error.
const Protocol = 1

// Ports used when the command line names none.
const (
	DefaultControlPort = 8765 // TCP: HTTPS control; UDP: masked control and the non-SIP probe port
	DefaultSTUNPort    = 3478
	DefaultSTUNAltPort = 3479
)

// OpenRequest starts a session.
type OpenRequest struct {
	Protocol int    `json:"protocol"`
	Tool     string `json:"tool"` // name and version of the client
	// Dialled is the address at which the client reaches the responder. Behind
	// a 1:1 NAT the responder does not know it, and its SDP would name an
	// address that nobody can reach. It is only ever told back to this client.
	Dialled netip.Addr `json:"dialled,omitzero"`
}

// Info is what the responder tells a new session.
type Info struct {
	Protocol int            `json:"protocol"`
	Tool     string         `json:"tool"`
	ID       string         `json:"id"`     // 16 hex digits
	Secret   []byte         `json:"secret"` // HMAC key of the probes' tokens, and bearer of the control calls
	Seen     netip.AddrPort `json:"seen"`   // where the open request came from
	// Addresses of the probe sockets beside the one the client already used to
	// get here. A responder behind a 1:1 NAT does not know its own public
	// address, so the first address is always the one the client dialled.
	Alternate netip.Addr `json:"alternate,omitzero"`
	// Reached is the responder's own address that the open request came to;
	// invalid when its system does not tell. Where it is not the one that the
	// client dialled, something translates addresses in front of the responder,
	// and may take some ports to another machine.
	Reached netip.Addr `json:"reached,omitzero"`
	// PortsChecked: the responder has looked at its machine, and no rule of a
	// packet filter there takes one of the ports below elsewhere.
	PortsChecked bool `json:"ports_checked,omitempty"`
	// The ports that the responder holds at that very address. A port that it
	// holds at another one is not in these lists.
	SIPUDP   []int    `json:"sip_udp"` // ports that answer SIP, masked bytes and nothing else
	SIPTCP   []int    `json:"sip_tcp"`
	SIPTLS   []int    `json:"sip_tls"`
	PlainUDP []int    `json:"plain_udp"` // not a SIP port: the same answers, as the control
	PlainTCP []int    `json:"plain_tcp"`
	STUN     []int    `json:"stun"`           // primary and alternate port
	Busy     []string `json:"busy,omitempty"` // what is not served at that address, and why
	ExpiresS int      `json:"expires_s"`
	// Fingerprint of the responder's certificate, hex SHA-256: what its TLS
	// ports show, unless somebody opens TLS on the way.
	Fingerprint string `json:"fingerprint,omitempty"`
	// RTPRange is where the responder answers RTP probes, "10000-65535"; empty
	// where it does not. RTPBlock is how many ports at a time, which the client
	// names with OpSweep; 0 means that all are open already.
	RTPRange string `json:"rtp_range,omitempty"`
	RTPBlock int    `json:"rtp_block,omitempty"`
}

// Arrival is one probe as it reached the responder, and what it answered.
type Arrival struct {
	Probe     int            `json:"probe"`
	Transport string         `json:"transport"` // udp tcp tls
	Masked    bool           `json:"masked"`    // it came as masked bytes; Raw is unmasked
	From      netip.AddrPort `json:"from"`      // source as the responder saw it
	Local     netip.AddrPort `json:"local"`     // the responder's address (may be unspecified) and port
	TTL       int            `json:"ttl,omitempty"`
	TOS       int            `json:"tos"` // -1 unknown
	At        time.Time      `json:"at"`
	Raw       []byte         `json:"raw"`
	Sent      []byte         `json:"sent,omitempty"` // exactly what the responder answered, unmasked
	Copies    int            `json:"copies"`         // how many times this very message arrived
	Segments  int            `json:"segments,omitempty"`
}

// InviteRequest asks the responder to call the client on the UDP flow by which
// probe Flow arrived. The INVITE carries the token of probe Probe.
type InviteRequest struct {
	Flow  int `json:"flow"`
	Probe int `json:"probe"`
	// Masked asks for the control of a call: the same messages made unreadable.
	// A responder that does not know it calls in the clear.
	Masked bool `json:"masked,omitempty"`
}

// InviteReply is the INVITE as the responder sent it. The client's answer is
// fetched as an arrival of the same probe.
type InviteReply struct {
	Sent []byte `json:"sent"`
}

// RTPRequest asks the responder to send a few RTP packets, from the address
// and port that its SDP answer to probe Probe named, to the address that probe
// came from: to the port of the m= line as it arrived, or to Port when given
// (the control: a port that no SDP ever named).
type RTPRequest struct {
	Probe int `json:"probe"`
	Port  int `json:"port,omitempty"`
}

// RTPReply says where the packets went and came from. Their payload carries
// the token of the probe.
type RTPReply struct {
	From netip.AddrPort `json:"from"`
	To   netip.AddrPort `json:"to"`
	Sent int            `json:"sent"`
}

// ErrorReply is every refusal of a control call.
type ErrorReply struct {
	Error string `json:"error"`
	// RetryAfterS, when not zero, says that only the responder's own limits
	// stand in the way, and when it is worth asking again, seconds.
	RetryAfterS int `json:"retry_after_s,omitempty"`
}

// SweepRequest starts a sweep of RTP ports or goes on with it. Hold names, in
// the form of EncodePorts, all ports that are to be open from now on; it is
// needed, and obeyed, only with Info.RTPBlock. Stop ends the sweep and closes
// its ports.
type SweepRequest struct {
	Hold []string `json:"hold,omitempty"`
	Stop bool     `json:"stop,omitempty"`
}

// SweepReply says which of the wanted ports cannot be had, because another
// program uses them: they say nothing about the path.
type SweepReply struct {
	Busy []string `json:"busy,omitempty"`
}

// BitmapReply is what reached the responder in this session's sweep.
type BitmapReply struct {
	Arrived PortBits `json:"arrived,omitempty"` // ports where a probe for that very port arrived
	Probes  int      `json:"probes"`            // arrived in all
	// Moved counts probes that arrived at another port than they were sent to.
	Moved int `json:"moved,omitempty"`
	// Unproved counts probes from addresses that have not shown that they are
	// this client's; they were not answered.
	Unproved int `json:"unproved,omitempty"`
}

// The control calls. Over HTTPS each is a POST of JSON to Path(op); over
// masked UDP the same JSON travels in a Frame.
const (
	OpHello    = "hello" // UDP only: asks for a cookie
	OpOpen     = "open"
	OpArrivals = "arrivals"
	OpInvite   = "invite"
	OpRTP      = "rtp"
	OpSweep    = "sweep"
	OpBitmap   = "bitmap"
	OpClose    = "close"
)

// Header fields of the HTTPS control channel.
const (
	// HeaderProtocol stands in every reply of a responder: without it, some
	// other web server answers at that port.
	HeaderProtocol = "Sipdoctor-Protocol"
	// HeaderCall names a call, the same in every repetition, so that a repeated
	// call is not done twice. net/http repeats a POST that carries it when a
	// kept connection turns out to be closed.
	HeaderCall = "Idempotency-Key"
)

// MaxBody bounds the body of a control call, bytes.
const MaxBody = 4096

// MaxReply bounds what a client reads of one reply, bytes: ten times what a
// whole run of the checks leaves at the responder.
const MaxReply = 4 << 20

// Path is the HTTP path of a control call.
func Path(op string) string { return "/v1/" + op }

// ArrivalsReply is what reached the responder so far.
type ArrivalsReply struct {
	Arrivals []Arrival `json:"arrivals"`
	// Dropped counts messages that came with a valid token but were not kept,
	// because the session or the responder had no memory left for them. With
	// any, a probe missing in Arrivals proves nothing.
	Dropped int `json:"dropped,omitempty"`
	// Limits is what else was left undone because of the responder's limits.
	Limits Limits `json:"limits,omitzero"`
}

// Bearer is the value of the Authorization header field of a session's calls.
func Bearer(id string, secret []byte) string {
	return "Bearer " + id + "." + hex.EncodeToString(secret)
}

// ParseBearer reads an Authorization header field.
func ParseBearer(v string) (id string, secret []byte, ok bool) {
	v, ok = strings.CutPrefix(v, "Bearer ")
	if !ok {
		return "", nil, false
	}
	id, h, ok := strings.Cut(v, ".")
	if !ok || len(h) > 256 {
		return "", nil, false
	}
	secret, err := hex.DecodeString(h)
	return id, secret, err == nil && len(secret) > 0
}

// SameSecret compares secrets in constant time.
